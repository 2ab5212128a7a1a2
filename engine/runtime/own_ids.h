// OwnIds: the ids of the host that a user may map, counted as rootless podman counts them: 0 is the user, 1.. are the
// subordinate ids in order. What a request gives in these numbers is translated here. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/runtime/id_map.h"

namespace wolffia {

// (uid_t)-1 means "none" to the kernel, which refuses to map it.
inline constexpr uint64_t kHighestId = 0xfffffffe;

class OwnIds {
 public:
  // A range that overlaps an earlier one, or leaves the space of ids, is left out: the kernel would refuse the
  // whole map.
  OwnIds(uint32_t own, const std::vector<SubordinateRange>& subordinate);
  uint64_t total() const { return total_; }
  // The subordinate ones, as far as they are of use.
  std::vector<SubordinateRange> Subordinate() const { return {segments_.begin() + 1, segments_.end()}; }

  // Appends the extents for `size` ids from `from` on; false if they are more than there are.
  bool Translate(uint64_t container, uint64_t from, uint64_t size, std::vector<SpecIdMapping>& into) const;

 private:
  void Add(const SubordinateRange& range);
  std::vector<SubordinateRange> segments_;
  uint64_t total_;
};

// Users or groups: what a flag is called, and what the remedy is about.
struct IdSpace {
  const char* flag;  // "--uidmap"
  const char* ids;   // "user ids"
  const char* file;  // "/etc/subuid"
  const char* usermod;
};
inline constexpr IdSpace kUserIds = {"--uidmap", "user ids", "/etc/subuid",
                                     "usermod --add-subuids 100000-165535 USER"};
inline constexpr IdSpace kGroupIds = {"--gidmap", "group ids", "/etc/subgid",
                                      "usermod --add-subgids 100000-165535 USER"};

// Sorts by container id and joins neighbours that continue each other.
void JoinNeighbours(std::vector<SpecIdMapping>& map);

// kInvalid if the kernel does not take so many extents.
Result<> CheckExtents(const std::vector<SpecIdMapping>& map, const IdSpace& space);

// CONTAINER:FROM:AMOUNT each. Errors as of BuildIdMaps.
Result<std::vector<SpecIdMapping>> MapByFlags(const std::vector<std::string>& flags, const OwnIds& own,
                                              const IdSpace& space);

}  // namespace wolffia
