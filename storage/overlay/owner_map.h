// OwnerMap: the owners that a mount shows instead of those on the disk, and back: one for users, one for
// groups. What the options uidmapping= and squash_to_uid= of wolffia-overlayfs ask for. Without ranges and
// squash every id is shown as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace wolffia {

struct OwnerRange {
  uint32_t disk = 0, shown = 0, count = 0;
  bool operator==(const OwnerRange&) const = default;
};

class OwnerMap {
 public:
  static constexpr uint32_t kOverflow = 65534;

  OwnerMap() = default;
  OwnerMap(std::vector<OwnerRange> ranges, std::optional<uint32_t> squash)
      : ranges_(std::move(ranges)), squash_(squash) {}

  bool identity() const { return ranges_.empty() && !squash_; }
  uint32_t Shown(uint32_t disk) const {
    if (squash_) return *squash_;
    if (ranges_.empty()) return disk;
    for (const OwnerRange& r : ranges_)
      if (disk >= r.disk && disk - r.disk < r.count) return r.shown + (disk - r.disk);
    return kOverflow;
  }
  // Nothing: everything belongs to one owner whoever makes or takes it, or no id on the disk shows as this
  // one.
  std::optional<uint32_t> Disk(uint32_t shown) const {
    if (squash_) return std::nullopt;
    if (ranges_.empty()) return shown;
    for (const OwnerRange& r : ranges_)
      if (shown >= r.shown && shown - r.shown < r.count) return r.disk + (shown - r.shown);
    return std::nullopt;
  }
  bool squashes() const { return squash_.has_value(); }
  bool operator==(const OwnerMap&) const = default;

 private:
  std::vector<OwnerRange> ranges_;
  std::optional<uint32_t> squash_;
};

struct OwnerMaps {
  OwnerMap users, groups;
  bool identity() const { return users.identity() && groups.identity(); }
};

}  // namespace wolffia
