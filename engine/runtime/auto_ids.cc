#include "engine/runtime/auto_ids.h"

#include <algorithm>

#include "engine/base/file.h"
#include "engine/runtime/own_ids.h"
#include "engine/runtime/passwd.h"
#include "engine/runtime/text_fields.h"
#include "storage/container_record.h"

namespace wolffia {
namespace {

constexpr std::string_view kAuto = "auto";
constexpr uint32_t kNobody = 65534;
constexpr size_t kMaxRecordBytes = 16 << 20;

constexpr IdSpace kAutoUsers = {"--userns=auto:uidmapping", kUserIds.ids, kUserIds.file, kUserIds.usermod};
constexpr IdSpace kAutoGroups = {"--userns=auto:gidmapping", kGroupIds.ids, kGroupIds.file,
                                 kGroupIds.usermod};

using Ranges = std::vector<SubordinateRange>;

uint64_t Count(const Ranges& ranges) {
  uint64_t count = 0;
  for (const SubordinateRange& r : ranges) count += r.count;
  return count;
}

// What of `ranges` is not in `taken`.
Ranges Without(Ranges ranges, const Ranges& taken) {
  for (const SubordinateRange& t : taken) {
    Ranges left;
    const uint64_t t_end = uint64_t{t.first} + t.count;
    for (const SubordinateRange& r : ranges) {
      const uint64_t end = uint64_t{r.first} + r.count;
      if (t.first >= end || r.first >= t_end) {
        left.push_back(r);
        continue;
      }
      if (r.first < t.first) left.push_back({r.first, t.first - r.first});
      if (t_end < end) left.push_back({static_cast<uint32_t>(t_end), static_cast<uint32_t>(end - t_end)});
    }
    ranges = std::move(left);
  }
  return ranges;
}

Ranges HostRanges(const std::vector<SpecIdMapping>& map) {
  Ranges ranges;
  for (const SpecIdMapping& m : map) ranges.push_back({m.host_id, m.size});
  return ranges;
}

Ranges ContainerRanges(const std::vector<SpecIdMapping>& map) {
  Ranges ranges;
  for (const SpecIdMapping& m : map) ranges.push_back({m.container_id, m.size});
  return ranges;
}

// The first range that has all, else as many as it takes.
Ranges Choose(const Ranges& free, uint64_t count) {
  for (const SubordinateRange& r : free)
    if (r.count >= count) return {{r.first, static_cast<uint32_t>(count)}};
  Ranges chosen;
  for (const SubordinateRange& r : free) {
    const auto taken = static_cast<uint32_t>(std::min<uint64_t>(r.count, count));
    if (taken == 0) break;
    chosen.push_back({r.first, taken});
    count -= taken;
  }
  return chosen;
}

// Both have the same number of ids.
void Pair(Ranges inside, Ranges outside, std::vector<SpecIdMapping>& map) {
  size_t i = 0;
  for (SubordinateRange& from : outside)
    while (from.count > 0) {
      SubordinateRange& to = inside[i];
      const uint32_t n = std::min(from.count, to.count);
      map.push_back({to.first, from.first, n});
      from = {from.first + n, from.count - n};
      to = {to.first + n, to.count - n};
      if (to.count == 0) i++;
    }
}

std::unexpected<Error> TooFew(const IdSpace& space, uint64_t wanted, uint64_t free, uint64_t all,
                              size_t containers) {
  const std::string others =
      containers == 0   ? ""
      : containers == 1 ? " (1 container has the others: remove it"
                        : " (" + std::to_string(containers) + " containers have the others: remove some";
  return Fail(Code::kUnsupported,
              "--userns=auto: the container needs " + std::to_string(wanted) + " " + space.ids + ", and " +
                  std::to_string(free) + " of this user's " + std::to_string(all) + " subordinate " +
                  space.ids + " are free" + (others.empty() ? " (" : others + ", or ") +
                  "ask for fewer with --userns=auto:size=N): an administrator can add some with \"" +
                  space.usermod + "\" or in " + space.file);
}

struct Wanted {
  const IdSpace& space;
  const std::vector<std::string>& flags;
  uint32_t size = 0, own = 0;
  const Ranges &have, &used;
  size_t containers = 0;
};

Result<std::vector<SpecIdMapping>> Map(const Wanted& in) {
  const OwnIds own(in.own, in.have);
  std::vector<SpecIdMapping> map = TRY(MapByFlags(in.flags, own, in.space));
  const Ranges all = own.Subordinate(), asked = HostRanges(map);
  const Ranges of_others = Without(asked, Without(asked, in.used));
  if (!of_others.empty())
    return Fail(Code::kBusy, std::string(in.space.flag) + ": the id " + std::to_string(of_others[0].first) +
                                 " of the host is another container's");
  const Ranges inside = Without({{0, in.size}}, ContainerRanges(map));
  const Ranges free = Without(Without(all, in.used), asked);
  const uint64_t wanted = Count(inside);
  if (Count(free) < wanted) return TooFew(in.space, wanted, Count(free), Count(all), in.containers);
  Pair(inside, Choose(free, wanted), map);
  JoinNeighbours(map);
  TRY(CheckExtents(map, in.space));
  return map;
}

}  // namespace

bool IsAuto(std::string_view mode) {
  return mode == kAuto || (mode.starts_with(kAuto) && mode[kAuto.size()] == ':');
}

Result<AutoOptions> ParseAuto(std::string_view mode) {
  AutoOptions options;
  if (mode == kAuto) return options;
  for (std::string_view option : SplitFields(mode.substr(kAuto.size() + 1), ',')) {
    std::vector<std::string_view> parts = SplitFields(option, '=', 2);
    const std::string_view value = parts.size() == 2 ? parts[1] : std::string_view();
    if (parts[0] == "uidmapping") {
      options.uid_maps.emplace_back(value);
    } else if (parts[0] == "gidmapping") {
      options.gid_maps.emplace_back(value);
    } else if (parts[0] == "size") {
      options.size = ParseDecimal<uint32_t>(value);
      if (!options.size || *options.size == 0 || *options.size > kHighestId)
        return Fail(Code::kInvalid,
                    "--userns=auto: \"" + std::string(option) + "\" needs a number between 1 and 4294967294");
    } else {
      return Fail(Code::kInvalid, "--userns=auto: unknown option \"" + std::string(option) +
                                      "\" (size=, uidmapping= and gidmapping= exist)");
    }
  }
  return options;
}

void IdsInUse::Add(const std::vector<SpecIdMapping>& uid_map, const std::vector<SpecIdMapping>& gid_map) {
  std::ranges::copy(HostRanges(uid_map), std::back_inserter(uids));
  std::ranges::copy(HostRanges(gid_map), std::back_inserter(gids));
  containers++;
}

Result<IdsInUse> ReadIdsInUse(const Store& store, const SubordinateIds& have, const std::string& except) {
  IdsInUse used;
  ContainerStore containers(store);
  for (const std::string& id : TRY(ListDirectory(store.root(), "containers"))) {
    if (id == except || !IsContainerId(id)) continue;
    auto json = ReadFileAt(store.root(), "containers/" + id + "/config.json", kMaxRecordBytes);
    // Most have nothing to do with it, and are not parsed.
    const bool by_number = !json || json->find("idmap") != std::string::npos;
    bool is_auto = false;
    if (json && json->find("\"userns\"") != std::string::npos)
      is_auto = IsAuto(TRY(ParseContainer(*json, id)).userns);
    if (!by_number && !is_auto) continue;
    auto spec = containers.ReadSpec(id);
    if (!spec && spec.error().code == Code::kNotFound) continue;  // removed meanwhile
    if (!spec) return std::unexpected(std::move(spec.error()).With("--userns=auto: which ids are in use"));
    if (is_auto || !Without(have.uids, HostRanges(spec->uid_mappings)).empty() ||
        !Without(have.gids, HostRanges(spec->gid_mappings)).empty())
      used.Add(spec->uid_mappings, spec->gid_mappings);
  }
  return used;
}

Result<FileLock> LockAutoIds(const Store& store) {
  return FileLock::Acquire(store.root(), "ids.lock");
}

Result<uint32_t> AutoSize(const AutoSizeInputs& in) {
  uint64_t ids = 0;
  auto count = [&](uint32_t id) {
    if (id != kNobody) ids = std::max(ids, uint64_t{id} + 1);
  };
  for (const PasswdEntry& entry : ParsePasswd(in.passwd)) {
    count(entry.uid);
    count(entry.gid);
  }
  for (const GroupEntry& entry : ParseGroup(in.group)) count(entry.gid);
  for (uint32_t n = 0; in.files != nullptr && n < in.files->node_count(); n++) {
    count(in.files->node(n).uid);
    count(in.files->node(n).gid);
  }
  ids = std::clamp<uint64_t>(ids, kLeastAutoIds, kMostAutoIds);
  const ContainerUser user = TRY(LookupUser(in.user, in.passwd, in.group));
  ids = std::max({ids, uint64_t{user.uid} + 1, uint64_t{user.gid} + 1});
  for (const std::string& name : in.groups)
    ids = std::max(ids, uint64_t{TRY_WITH(LookupGroup(name, in.group), "--group-add")} + 1);
  return static_cast<uint32_t>(std::min(ids, kHighestId));
}

Result<MappedIds> BuildAutoMaps(const AutoOptions& options, uint32_t size, const SubordinateIds& have,
                                const IdsInUse& used, HostUid uid, HostGid gid) {
  const auto own_uid = static_cast<uint32_t>(uid), own_gid = static_cast<uint32_t>(gid);
  const Ranges used_uids = Without(used.uids, {{own_uid, 1}}), used_gids = Without(used.gids, {{own_gid, 1}});
  const bool both =
      !have.uids.empty() && !have.gids.empty();  // the one helper without the other is of no use
  const Ranges none;
  MappedIds ids;
  ids.maps.uids = TRY(Map(
      {kAutoUsers, options.uid_maps, size, own_uid, both ? have.uids : none, used_uids, used.containers}));
  ids.maps.gids = TRY(Map(
      {kAutoGroups, options.gid_maps, size, own_gid, both ? have.gids : none, used_gids, used.containers}));
  return ids;
}

}  // namespace wolffia
