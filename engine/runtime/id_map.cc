#include "engine/runtime/id_map.h"

#include <algorithm>

#include "engine/runtime/own_ids.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

// podman's default for ordinary users: container root is the user, the rest are its subordinate ids.
std::vector<SpecIdMapping> DefaultMap(const OwnIds& own) {
  std::vector<SpecIdMapping> map;
  (void)own.Translate(0, 0, own.total(), map);
  JoinNeighbours(map);
  return map;
}

// podman's keep-id: `kept` inside is the user; the subordinate ids fill the ids around it. More ids than
// subordinate ones below `kept` leave a gap.
std::vector<SpecIdMapping> KeepIdMap(const OwnIds& own, uint32_t kept) {
  uint64_t subordinate = own.total() - 1;
  uint64_t below = std::min<uint64_t>(kept, subordinate);
  std::vector<SpecIdMapping> map;
  (void)own.Translate(0, 1, below, map);
  (void)own.Translate(kept, 0, 1, map);
  if (subordinate > below) {
    uint64_t room = kHighestId - kept;
    (void)own.Translate(uint64_t{kept} + 1, 1 + below, std::min(subordinate - below, room), map);
  }
  JoinNeighbours(map);
  return map;
}

Result<std::vector<SpecIdMapping>> NomapMap(const OwnIds& own, const IdSpace& space) {
  if (own.total() == 1)
    return Fail(Code::kUnsupported, std::string("--userns=nomap: needs subordinate ") + space.ids +
                                        ", and this user has none: an administrator can add some with \"" +
                                        space.usermod + "\" or in " + space.file);
  std::vector<SpecIdMapping> map;
  (void)own.Translate(0, 1, own.total() - 1, map);
  JoinNeighbours(map);
  return map;
}

struct KeepIdOptions {
  std::optional<uint32_t> uid, gid;
};

Result<KeepIdOptions> ParseKeepId(std::string_view mode) {
  KeepIdOptions options;
  mode.remove_prefix(std::string_view("keep-id").size());
  if (mode.empty()) return options;
  for (std::string_view option : SplitFields(mode.substr(1), ',')) {
    std::vector<std::string_view> parts = SplitFields(option, '=', 2);
    std::optional<uint32_t> number;
    if (parts.size() == 2) number = ParseDecimal<uint32_t>(parts[1]);
    if (parts[0] != "uid" && parts[0] != "gid")
      return Fail(Code::kInvalid,
                  "--userns=keep-id: unknown option \"" + std::string(option) + "\" (uid= and gid= exist)");
    if (!number || *number > kHighestId)
      return Fail(Code::kInvalid,
                  "--userns=keep-id: \"" + std::string(option) + "\" needs a number below 4294967295");
    (parts[0] == "uid" ? options.uid : options.gid) = number;
  }
  return options;
}

bool IsKeepId(std::string_view mode) {
  return mode == "keep-id" || mode.starts_with("keep-id:");
}

Result<IdMaps> MapsByFlags(const UsernsRequest& request, const OwnIds& uids, const OwnIds& gids) {
  // One of the two flags stands for both, as podman has it.
  const auto& uid_flags = request.uid_maps.empty() ? request.gid_maps : request.uid_maps;
  const auto& gid_flags = request.gid_maps.empty() ? request.uid_maps : request.gid_maps;
  IdMaps maps;
  maps.uids = TRY(MapByFlags(uid_flags, uids, kUserIds));
  maps.gids = TRY(MapByFlags(gid_flags, gids, kGroupIds));
  return maps;
}

// The first id inside that is not mapped.
uint64_t FirstGap(const std::vector<SpecIdMapping>& map) {
  uint64_t gap = 0;
  for (const SpecIdMapping& m : map) {
    if (m.container_id > gap) break;
    gap = uint64_t{m.container_id} + m.size;
  }
  return gap;
}

std::vector<IdRange> RangesInside(const std::vector<SpecIdMapping>& map) {
  std::vector<IdRange> ranges;
  for (const SpecIdMapping& m : map) ranges.push_back({m.container_id, m.size});
  return ranges;
}

}  // namespace

std::vector<SubordinateRange> ParseSubordinate(std::string_view text, std::string_view user, uint32_t uid) {
  std::vector<SubordinateRange> ranges;
  std::string number = std::to_string(uid);
  for (std::string_view line; NextLine(text, line);) {
    // Cheap first: a site's file may have a line for each of 100,000 users.
    if (!(line.starts_with(user) && line.size() > user.size() && line[user.size()] == ':') &&
        !(line.starts_with(number) && line.size() > number.size() && line[number.size()] == ':'))
      continue;
    std::vector<std::string_view> fields = SplitFields(line, ':');
    if (fields.size() != 3 || fields[0].empty()) continue;
    auto first = ParseDecimal<uint32_t>(fields[1]), count = ParseDecimal<uint32_t>(fields[2]);
    if (!first || !count || *count == 0 || uint64_t{*first} + *count - 1 > kHighestId) continue;
    ranges.push_back({*first, *count});
  }
  return ranges;
}

IdView IdMaps::View() const {
  return IdView(RangesInside(uids), RangesInside(gids));
}

std::optional<uint32_t> HostOf(const std::vector<SpecIdMapping>& map, uint32_t container_id) {
  for (const SpecIdMapping& m : map)
    if (container_id >= m.container_id && container_id - m.container_id < m.size)
      return m.host_id + (container_id - m.container_id);
  return std::nullopt;
}

uint32_t RootInside(const std::vector<SpecIdMapping>& map) {
  return HostOf(map, 0) ? 0 : map[0].container_id;
}

bool IsSingle(const IdMaps& maps, bool has_user) {
  auto one = [](const std::vector<SpecIdMapping>& map) { return map.size() == 1 && map[0].size == 1; };
  return has_user && one(maps.uids) && one(maps.gids);
}

Result<MappedIds> BuildIdMaps(const UsernsRequest& request, const SubordinateIds& have, HostUid uid,
                              HostGid gid) {
  // Only both together are of use: newuidmap without newgidmap leaves a namespace in which setgroups fails.
  bool has_subordinate = !have.uids.empty() && !have.gids.empty();
  uint32_t own_uid = static_cast<uint32_t>(uid), own_gid = static_cast<uint32_t>(gid);
  OwnIds uids(own_uid, has_subordinate ? have.uids : std::vector<SubordinateRange>());
  OwnIds gids(own_gid, has_subordinate ? have.gids : std::vector<SubordinateRange>());
  const std::string& mode = request.mode;
  MappedIds mapped;
  if (!request.uid_maps.empty() || !request.gid_maps.empty()) {
    if (!mode.empty() && mode != "private")
      return Fail(Code::kInvalid, "--userns=" + mode + " and --uidmap or --gidmap exclude each other");
    mapped.maps = TRY(MapsByFlags(request, uids, gids));
  } else if (IsKeepId(mode)) {
    KeepIdOptions options = TRY(ParseKeepId(mode));
    mapped.keep_id = true;
    mapped.keep_uid = options.uid.value_or(own_uid);
    mapped.keep_gid = options.gid.value_or(own_gid);
    mapped.maps.uids = KeepIdMap(uids, mapped.keep_uid);
    mapped.maps.gids = KeepIdMap(gids, mapped.keep_gid);
  } else if (mode == "nomap") {
    mapped.maps.uids = TRY(NomapMap(uids, kUserIds));
    mapped.maps.gids = TRY(NomapMap(gids, kGroupIds));
  } else if (mode.empty() || mode == "host" || mode == "private") {
    mapped.maps.uids = DefaultMap(uids);
    mapped.maps.gids = DefaultMap(gids);
  } else if (mode.starts_with("ns:") || mode.starts_with("container:")) {
    return Fail(Code::kUnsupported,
                "--userns=" + mode + ": not supported; use auto, keep-id, nomap, host, or --uidmap");
  } else {
    return Fail(Code::kInvalid,
                "--userns=" + mode + ": unknown mode (auto, keep-id, nomap, host and private exist)");
  }
  mapped.maps.single = IsSingle(mapped.maps, HasUser(mapped.maps, uid, gid));
  return mapped;
}

bool HasUser(const IdMaps& maps, HostUid uid, HostGid gid) {
  auto has = [](const std::vector<SpecIdMapping>& map, uint32_t id) {
    return std::ranges::any_of(
        map, [&](const SpecIdMapping& m) { return id >= m.host_id && id - m.host_id < m.size; });
  };
  return has(maps.uids, static_cast<uint32_t>(uid)) && has(maps.gids, static_cast<uint32_t>(gid));
}

IdMaps WithUser(IdMaps maps, HostUid uid, HostGid gid) {
  auto add = [](std::vector<SpecIdMapping>& map, uint32_t id) {
    uint64_t behind = 0;
    for (const SpecIdMapping& m : map) {
      if (id >= m.host_id && id - m.host_id < m.size) return;
      behind = std::max(behind, uint64_t{m.container_id} + m.size);
    }
    if (behind > kHighestId) behind = FirstGap(map);
    map.push_back({static_cast<uint32_t>(behind), id, 1});
  };
  add(maps.uids, static_cast<uint32_t>(uid));
  add(maps.gids, static_cast<uint32_t>(gid));
  return maps;
}

}  // namespace wolffia
