// The kernel's numbers and the names that specs and people use for them: mount attributes,
// rlimits, propagation, namespaces. Pure tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wolffia {

std::optional<int> RlimitNumber(std::string_view name);  // "RLIMIT_NOFILE"

// A mount option that is an attribute: the MOUNT_ATTR_* bits that it sets, and those that it clears ("rw"
// clears MOUNT_ATTR_RDONLY). nullopt for anything else.
struct AttributeChange {
  uint64_t set = 0, clear = 0;
};
std::optional<AttributeChange> AttributeOf(std::string_view option);
std::vector<std::string> AttributeNames(uint64_t attributes);

// "rslave", "private".. as MS_SLAVE, MS_PRIVATE..; nullopt for anything else.
std::optional<uint64_t> PropagationOf(std::string_view option);
std::string PropagationName(uint64_t propagation);

std::optional<uint64_t> NamespaceFlag(std::string_view type);  // "network" -> CLONE_NEWNET

}  // namespace wolffia
