// Passwd: the user that a container's process becomes, looked up in the image's own /etc/passwd and
// /etc/group. The files are the image's: any bytes. Lines that are not entries are skipped, as libc does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct PasswdEntry {
  std::string name, home, shell;
  uint32_t uid = 0, gid = 0;
  bool operator==(const PasswdEntry&) const = default;
};

struct GroupEntry {
  std::string name;
  uint32_t gid = 0;
  std::vector<std::string> members;
  bool operator==(const GroupEntry&) const = default;
};

std::vector<PasswdEntry> ParsePasswd(std::string_view text);
std::vector<GroupEntry> ParseGroup(std::string_view text);

struct ContainerUser {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> additional_gids;  // ascending, without gid
  std::string home = "/";                 // "/" where passwd has no entry
  bool in_passwd = false, gid_in_group = false;
  bool operator==(const ContainerUser&) const = default;
};

// `wanted`: "", USER, USER:GROUP; each a name or a number; "" is 0. With a group given, or without an entry,
// there are no additional groups. kInvalid in podman's words: "unable to find user x: no matching entries in
// passwd file".
Result<ContainerUser> LookupUser(std::string_view wanted, std::string_view passwd, std::string_view group);

// The gid of a group by name or number. kInvalid: "unable to find group x: no matching entries in group
// file".
Result<uint32_t> LookupGroup(std::string_view wanted, std::string_view group);

}  // namespace wolffia
