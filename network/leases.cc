#include "network/leases.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr char kDirectory[] = "leases";

std::string PathOf(const std::string& container) {
  return std::string(kDirectory) + "/" + container;
}

bool IsId(const std::string& text) {
  constexpr size_t kMaxDigits = 64;
  return !text.empty() && text.size() <= kMaxDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::vector<std::string> Containers(int directory) {
  std::vector<std::string> names = ListDirectory(directory, kDirectory).value_or(std::vector<std::string>());
  std::erase_if(names, [](const std::string& name) { return !IsId(name); });
  return names;
}

}  // namespace

std::vector<JoinRequest> ReadLeases(int directory) {
  std::vector<JoinRequest> leases;
  for (const std::string& container : Containers(directory)) {
    auto text = ReadFileAt(directory, PathOf(container), kMaxHolderPacket);
    auto request = text ? DecodeHolderRequest(*text) : std::unexpected(text.error());
    auto* join = request ? std::get_if<JoinRequest>(&*request) : nullptr;
    if (join != nullptr && join->container == container) leases.push_back(std::move(*join));
  }
  return leases;
}

bool HasLeases(int directory) {
  return !Containers(directory).empty();
}

Result<> WriteLease(int directory, const Member& member) {
  if (!IsId(member.id)) return Fail(Code::kInvalid, "\"" + member.id + "\" is no id of a container");
  JoinRequest lease{.container = member.id, .name = member.name, .networks = {}};
  for (const MemberInterface& interface : member.interfaces) {
    const InterfaceState& inside = interface.inside;
    lease.networks.push_back(
        {NetworkRecord{.name = inside.network},
         NetworkUse{.network = inside.network, .aliases = {}, .ip = inside.ip, .ip6 = inside.ip6}});
  }
  if (mkdirat(directory, kDirectory, 0700) < 0 && errno != EEXIST) return FailErrno("make directory leases");
  return ReplaceFileAt(directory, PathOf(member.id), Encode(lease), 0600, Durability::kVolatile);
}

void RemoveLease(int directory, const std::string& container) {
  if (IsId(container)) unlinkat(directory, PathOf(container).c_str(), 0);
}

}  // namespace wolffia
