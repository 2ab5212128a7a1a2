#include "engine/runtime/own_ids.h"

#include <algorithm>

#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

// The kernel's UID_GID_MAP_MAX_EXTENTS.
constexpr size_t kMaxExtents = 340;

struct Triple {
  uint64_t container = 0, from = 0, size = 1;
};

Result<Triple> ParseTriple(const std::string& text, const IdSpace& space) {
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
  if (t.container + t.size - 1 > kHighestId) return fail("the container's ids go beyond 4294967294");
  if (t.from + t.size - 1 > kHighestId) return fail("the ids mapped from go beyond 4294967294");
  return t;
}

bool Overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

}  // namespace

OwnIds::OwnIds(uint32_t own, const std::vector<SubordinateRange>& subordinate)
    : segments_{{own, 1}}, total_(1) {
  for (const SubordinateRange& range : subordinate) Add(range);
}

void OwnIds::Add(const SubordinateRange& range) {
  if (range.count == 0 || uint64_t{range.first} + range.count - 1 > kHighestId) return;
  for (const SubordinateRange& s : segments_)
    if (Overlap(range.first, range.count, s.first, s.count)) return;
  if (total_ + range.count - 1 > kHighestId) return;
  segments_.push_back(range);
  total_ += range.count;
}

bool OwnIds::Translate(uint64_t container, uint64_t from, uint64_t size,
                       std::vector<SpecIdMapping>& into) const {
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

void JoinNeighbours(std::vector<SpecIdMapping>& map) {
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

Result<> CheckExtents(const std::vector<SpecIdMapping>& map, const IdSpace& space) {
  if (map.size() <= kMaxExtents) return {};
  return Fail(Code::kInvalid,
              std::string(space.flag) + ": more than 340 ranges, which the kernel does not take");
}

Result<std::vector<SpecIdMapping>> MapByFlags(const std::vector<std::string>& flags, const OwnIds& own,
                                              const IdSpace& space) {
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
  JoinNeighbours(map);
  TRY(CheckExtents(map, space));
  return map;
}

}  // namespace wolffia
