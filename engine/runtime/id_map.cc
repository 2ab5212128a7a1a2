#include "engine/runtime/id_map.h"

#include <algorithm>

#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

// The largest id: (uid_t)-1 means "none" to the kernel, which refuses to map it.
constexpr uint64_t kMaxId = 0xfffffffe;
// The kernel's UID_GID_MAP_MAX_EXTENTS.
constexpr size_t kMaxExtents = 340;

// The map of the user's own ids as podman counts it: 0 is the user, 1.. are the subordinate ids in order.
// Requests are given in these numbers and translated here.
class OwnIds {
 public:
  OwnIds(uint32_t own, const std::vector<SubordinateRange>& subordinate) : segments_{{own, 1}}, total_(1) {
    for (const SubordinateRange& range : subordinate) Add(range);
  }
  uint64_t total() const { return total_; }

  // Appends the extents for `size` ids from `from` on; false if they are more than there are.
  bool Translate(uint64_t container, uint64_t from, uint64_t size, std::vector<SpecIdMapping>& into) const {
    if (from > total_ || size > total_ - from) return false;
    for (const SubordinateRange& segment : segments_) {
      if (size == 0) break;
      if (from >= segment.count) {
        from -= segment.count;
        continue;
      }
      uint64_t taken = std::min<uint64_t>(size, segment.count - from);
      into.push_back({static_cast<uint32_t>(container), static_cast<uint32_t>(segment.first + from),
                      static_cast<uint32_t>(taken)});
      container += taken;
      size -= taken;
      from = 0;
    }
    return true;
  }

 private:
  // A range that overlaps an earlier one would make the kernel refuse the whole map: it is left out, as is
  // one that leaves the space of ids.
  void Add(const SubordinateRange& range) {
    if (range.count == 0 || uint64_t{range.first} + range.count - 1 > kMaxId) return;
    for (const SubordinateRange& s : segments_)
      if (range.first < uint64_t{s.first} + s.count && s.first < uint64_t{range.first} + range.count) return;
    if (total_ + range.count - 1 > kMaxId) return;
    segments_.push_back(range);
    total_ += range.count;
  }
  std::vector<SubordinateRange> segments_;
  uint64_t total_;
};

// Sorts by container id and joins neighbours that continue each other.
void Canonicalize(std::vector<SpecIdMapping>& map) {
  std::sort(map.begin(), map.end(),
            [](const SpecIdMapping& a, const SpecIdMapping& b) { return a.container_id < b.container_id; });
  std::vector<SpecIdMapping> joined;
  for (const SpecIdMapping& m : map) {
    if (!joined.empty() && uint64_t{joined.back().container_id} + joined.back().size == m.container_id &&
        uint64_t{joined.back().host_id} + joined.back().size == m.host_id)
      joined.back().size += m.size;
    else
      joined.push_back(m);
  }
  map = std::move(joined);
}

// What a flag is called and what the remedy is about.
struct Space {
  const char* flag;  // "--uidmap"
  const char* ids;   // "user ids"
  const char* file;  // "/etc/subuid"
  const char* usermod;
};
constexpr Space kUids = {"--uidmap", "user ids", "/etc/subuid", "usermod --add-subuids 100000-165535 USER"};
constexpr Space kGids = {"--gidmap", "group ids", "/etc/subgid", "usermod --add-subgids 100000-165535 USER"};

struct Triple {
  uint64_t container = 0, from = 0, size = 1;
};

Result<Triple> ParseTriple(const std::string& text, const Space& space) {
  auto fail = [&](std::string_view why) {
    return Fail(Code::kInvalid, std::string(space.flag) + " " + text + ": " + std::string(why));
  };
  std::vector<std::string_view> fields = SplitFields(text, ':');
  if (fields.size() < 2 || fields.size() > 3)
    return fail("expected CONTAINER:FROM:AMOUNT, three numbers between colons");
  std::optional<uint32_t> numbers[3] = {ParseDecimal<uint32_t>(fields[0]), ParseDecimal<uint32_t>(fields[1]),
                                        1};
  if (fields.size() == 3) numbers[2] = ParseDecimal<uint32_t>(fields[2]);
  if (!numbers[0] || !numbers[1] || !numbers[2])
    return fail("CONTAINER, FROM and AMOUNT are numbers below 4294967296");
  Triple t{*numbers[0], *numbers[1], *numbers[2]};
  if (t.size == 0) return fail("the amount is zero");
  if (t.container + t.size - 1 > kMaxId) return fail("the container's ids go beyond 4294967294");
  if (t.from + t.size - 1 > kMaxId) return fail("the ids mapped from go beyond 4294967294");
  return t;
}

template <typename Range>
bool Overlap(Range a, uint64_t a_size, Range b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

Result<std::vector<SpecIdMapping>> MapByFlags(const std::vector<std::string>& flags, const OwnIds& own,
                                              const Space& space) {
  std::vector<Triple> triples;
  std::vector<SpecIdMapping> map;
  for (const std::string& flag : flags) {
    Triple t = TRY(ParseTriple(flag, space));
    for (const Triple& other : triples)
      if (Overlap(t.container, t.size, other.container, other.size) ||
          Overlap(t.from, t.size, other.from, other.size))
        return Fail(Code::kInvalid,
                    std::string(space.flag) + " " + flag + ": overlaps an earlier " + space.flag);
    triples.push_back(t);
    if (!own.Translate(t.container, t.from, t.size, map))
      return Fail(Code::kUnsupported, std::string(space.flag) + " " + flag + ": needs more " + space.ids +
                                          " than this user has (" + std::to_string(own.total()) +
                                          " with its own): an administrator can add some with \"" +
                                          space.usermod + "\" or in " + space.file);
  }
  Canonicalize(map);
  if (map.size() > kMaxExtents)
    return Fail(Code::kInvalid,
                std::string(space.flag) + ": more than 340 ranges, which the kernel does not take");
  return map;
}

// podman's default for ordinary users: container root is the user, the rest are its subordinate ids.
std::vector<SpecIdMapping> DefaultMap(const OwnIds& own) {
  std::vector<SpecIdMapping> map;
  (void)own.Translate(0, 0, own.total(), map);
  Canonicalize(map);
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
    uint64_t room = kMaxId - kept;
    (void)own.Translate(uint64_t{kept} + 1, 1 + below, std::min(subordinate - below, room), map);
  }
  Canonicalize(map);
  return map;
}

Result<std::vector<SpecIdMapping>> NomapMap(const OwnIds& own, const Space& space) {
  if (own.total() == 1)
    return Fail(Code::kUnsupported, std::string("--userns=nomap: needs subordinate ") + space.ids +
                                        ", and this user has none: an administrator can add some with \"" +
                                        space.usermod + "\" or in " + space.file);
  std::vector<SpecIdMapping> map;
  (void)own.Translate(0, 1, own.total() - 1, map);
  Canonicalize(map);
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
    if (!number || *number > kMaxId)
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
  maps.uids = TRY(MapByFlags(uid_flags, uids, kUids));
  maps.gids = TRY(MapByFlags(gid_flags, gids, kGids));
  return maps;
}

bool IsOnly(const std::vector<SpecIdMapping>& map, uint32_t host_id) {
  return map.size() == 1 && map[0].size == 1 && map[0].host_id == host_id;
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
    if (!first || !count || *count == 0 || uint64_t{*first} + *count - 1 > kMaxId) continue;
    ranges.push_back({*first, *count});
  }
  return ranges;
}

IdView IdMaps::View() const {
  return IdView(RangesInside(uids), RangesInside(gids));
}

std::optional<uint32_t> IdMaps::HostOfUid(uint32_t container_uid) const {
  for (const SpecIdMapping& m : uids)
    if (container_uid >= m.container_id && container_uid - m.container_id < m.size)
      return m.host_id + (container_uid - m.container_id);
  return std::nullopt;
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
    mapped.maps.uids = TRY(NomapMap(uids, kUids));
    mapped.maps.gids = TRY(NomapMap(gids, kGids));
  } else if (mode.empty() || mode == "host" || mode == "private") {
    mapped.maps.uids = DefaultMap(uids);
    mapped.maps.gids = DefaultMap(gids);
  } else if (mode == "auto" || mode.starts_with("auto:") || mode.starts_with("ns:") ||
             mode.starts_with("container:")) {
    return Fail(Code::kUnsupported,
                "--userns=" + mode + ": not supported; use keep-id, nomap, host, or --uidmap");
  } else {
    return Fail(Code::kInvalid,
                "--userns=" + mode + ": unknown mode (keep-id, nomap, host and private exist)");
  }
  mapped.maps.single = IsOnly(mapped.maps.uids, own_uid) && IsOnly(mapped.maps.gids, own_gid);
  return mapped;
}

Result<> CheckMapsHaveUser(const IdMaps& maps, HostUid uid, HostGid gid) {
  auto has = [](const std::vector<SpecIdMapping>& map, uint32_t id) {
    return std::ranges::any_of(
        map, [&](const SpecIdMapping& m) { return id >= m.host_id && id - m.host_id < m.size; });
  };
  const auto own_uid = static_cast<uint32_t>(uid), own_gid = static_cast<uint32_t>(gid);
  if (has(maps.uids, own_uid) && has(maps.gids, own_gid)) return {};
  return Fail(Code::kUnsupported, "the id maps leave out the user who starts the container (uid " +
                                      std::to_string(own_uid) + ", gid " + std::to_string(own_gid) +
                                      "); add a mapping of the id 0 of your own map, for example "
                                      "--uidmap 65536:0:1 --gidmap 65536:0:1");
}

}  // namespace wolffia
