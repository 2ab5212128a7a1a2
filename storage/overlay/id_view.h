// IdView: the image's ids as one user namespace can show them. FUSE makes an inode whose id the namespace does not map
// unmodifiable (EOVERFLOW on copy-up), so an id outside the map is shown as 65534, as 0, or as the first mapped id:
// whichever of them is mapped.
#pragma once

#include <cstdint>
#include <vector>

namespace wolffia {

struct IdRange {
  uint32_t first = 0, count = 0;  // ids inside the container that are mapped
  bool operator==(const IdRange&) const = default;
};

class IdView {
 public:
  IdView() = default;  // shows every id as it is
  IdView(std::vector<IdRange> uids, std::vector<IdRange> gids) : uids_(std::move(uids)), gids_(std::move(gids)) {}
  uint32_t Uid(uint32_t image_uid) const { return Show(uids_, image_uid); }
  uint32_t Gid(uint32_t image_gid) const { return Show(gids_, image_gid); }

 private:
  static bool Maps(const std::vector<IdRange>& ranges, uint32_t id) {
    if (ranges.empty()) return true;
    for (const IdRange& r : ranges)
      if (id >= r.first && id - r.first < r.count) return true;
    return false;
  }
  static uint32_t Show(const std::vector<IdRange>& ranges, uint32_t id) {
    if (Maps(ranges, id)) return id;
    return Maps(ranges, 65534) ? 65534 : Maps(ranges, 0) ? 0 : ranges[0].first;
  }
  std::vector<IdRange> uids_, gids_;
};

}  // namespace wolffia
