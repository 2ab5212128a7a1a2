// AutoIds: --userns=auto, which gives a container ids of the host that no other container has. The user
// itself is not mapped: the container's root is a subordinate id. Pure but for ReadIdsInUse.
//
// Nothing is reserved anywhere: what is in use is what the specs of the containers that exist map. Whoever
// makes a container holds LockAutoIds from the look at them until its directory has its name; a maker that is
// killed leaves nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/lock.h"
#include "engine/runtime/id_map.h"
#include "storage/container_store.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

// What podman gives at least, and at most by itself.
inline constexpr uint32_t kLeastAutoIds = 1024, kMostAutoIds = 65536;

struct AutoOptions {
  std::optional<uint32_t> size;  // of the ids from 0 on
  // CONTAINER:FROM:AMOUNT, FROM as for --uidmap: mapped so, and not counted among those that are chosen.
  std::vector<std::string> uid_maps, gid_maps;
};

bool IsAuto(std::string_view mode);
// Of "auto" or "auto:OPTIONS". kInvalid for an option that does not exist.
Result<AutoOptions> ParseAuto(std::string_view mode);

// Ids of the host that containers have.
struct IdsInUse {
  std::vector<SubordinateRange> uids, gids;
  size_t containers = 0;
  void Add(const std::vector<SpecIdMapping>& uid_map, const std::vector<SpecIdMapping>& gid_map);
};
// Of containers made with --userns=auto, --uidmap or --gidmap; one that has all ids of the user in another
// way cannot be kept apart, and does not count. `except`: the id of a further one that does not. An error if
// a container's ids cannot be read.
Result<IdsInUse> ReadIdsInUse(const Store& store, const SubordinateIds& have, const std::string& except);
Result<FileLock> LockAutoIds(const Store& store);

// What a container has to have without size=.
struct AutoSizeInputs {
  std::string_view passwd, group;     // of its root
  const LowerIndex* files = nullptr;  // of its image; null: it has none
  std::string user;                   // as LookupUser wants it
  std::vector<std::string> groups;    // further ones: names or numbers
};
// One more than the highest id of its users, groups and files, within the limits above; 65534 (nobody) does
// not count. A user or group that is named counts whatever it is. Errors as of LookupUser and LookupGroup.
Result<uint32_t> AutoSize(const AutoSizeInputs& in);

// kUnsupported where there are not so many ids free: how many are, and what can be done.
Result<MappedIds> BuildAutoMaps(const AutoOptions& options, uint32_t size, const SubordinateIds& have,
                                const IdsInUse& used, HostUid uid, HostGid gid);

}  // namespace wolffia
