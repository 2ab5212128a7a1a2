// IdMaps: which ids of the host a container's user namespace maps (user_namespaces(7)), and how a request
// becomes one. Pure: what the host has comes in as SubordinateIds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "storage/overlay/id_view.h"

namespace wolffia {

enum class HostUid : uint32_t {};
enum class HostGid : uint32_t {};

struct SubordinateRange {
  uint32_t first = 0, count = 0;
  bool operator==(const SubordinateRange&) const = default;
};

// What /etc/subuid and /etc/subgid (or getsubids, for sites that serve them through NSS) give this user.
struct SubordinateIds {
  std::vector<SubordinateRange> uids, gids;
};
// Reads the lines of `user` (name or number) from the text of /etc/subuid. Malformed lines are skipped, as
// newuidmap does.
std::vector<SubordinateRange> ParseSubordinate(std::string_view text, std::string_view user, uint32_t uid);

struct IdMaps {
  std::vector<SpecIdMapping> uids, gids;  // container_id ascending
  bool single = false;                    // IsSingle: written without the helpers, setgroups denied
  IdView View() const;                    // what a lower shows in this namespace
  bool operator==(const IdMaps&) const = default;
};

// What an id of the container is on the host; nullopt where it is not mapped.
std::optional<uint32_t> HostOf(const std::vector<SpecIdMapping>& map, uint32_t container_id);
// The id that whoever makes the container's files has inside: 0, or where that is not mapped the first that
// is. Of a map that is not empty.
uint32_t RootInside(const std::vector<SpecIdMapping>& map);
// Whether they map one id each, the user's own. `has_user`: of HasUser.
bool IsSingle(const IdMaps& maps, bool has_user);

struct UsernsRequest {
  std::string mode;  // "" "host" "keep-id" "keep-id:uid=1000,gid=1000" "nomap" "private"; auto: auto_ids.h
  std::vector<std::string>
      uid_maps;  // --uidmap CONTAINER:FROM:AMOUNT, FROM counted in the user's own map (0 = the
                 // user, 1.. = the subordinate ids in order), as rootless podman does
  std::vector<std::string> gid_maps;
};

struct MappedIds {
  IdMaps maps;
  bool keep_id = false;                 // the process's default user is the host user
  uint32_t keep_uid = 0, keep_gid = 0;  // that user inside
};
// kInvalid for a malformed or overlapping request; kUnsupported (with the remedy: usermod --add-subuids, or
// the administrator's file) where it needs ids that the user does not have. Without subordinate ids the
// default and keep-id give the single-id map; the caller says so in one line.
Result<MappedIds> BuildIdMaps(const UsernsRequest& request, const SubordinateIds& have, HostUid uid,
                              HostGid gid);

// Whether the user is mapped. Where it is not (--userns=auto, nomap), its files are nobody's inside, and
// root of the namespace has no power over them.
bool HasUser(const IdMaps& maps, HostUid uid, HostGid gid);

// With the user as one more id, behind all others: for work of the engine's own on files of both.
IdMaps WithUser(IdMaps maps, HostUid uid, HostGid gid);

}  // namespace wolffia
