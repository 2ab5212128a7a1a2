#include "cmd/container_size.h"

#include <sys/vfs.h>

#include <cmath>
#include <cstdio>
#include <iterator>

#include "cmd/container_view.h"
#include "engine/runtime/tree_size.h"
#include "storage/image_store.h"

namespace wolffia {
namespace {

// An upper in memory is seen through the root of a container that runs: overlayfs answers for its upper.
int64_t MemoryUsed(const ContainerStatus& status) {
  struct statfs space{};
  if (!HasProcesses(status) || !status.started) return 0;
  const std::string root = "/proc/" + std::to_string(status.started->pid) + "/root";
  if (statfs(root.c_str(), &space) < 0) return 0;
  return static_cast<int64_t>((space.f_blocks - space.f_bfree) * static_cast<uint64_t>(space.f_bsize));
}

}  // namespace

ContainerMeasure::ContainerMeasure(const Context& context, const Store& store)
    : context_(context), store_(store) {
  auto images = ImageStore(store).List();
  if (!images) return;
  for (const ImageRecord& record : *images) images_[record.config.hex()] = record.size;
}

Result<ContainerSize> ContainerMeasure::Of(const ContainerStatus& status) const {
  const ContainerRecord& record = status.record;
  ContainerSize size;
  if (record.memory)
    size.changed = MemoryUsed(status);
  else if (record.rootfs.empty())
    size.changed = TRY(MeasureTree(context_, ContainerStore(store_).DirectoryOf(record.id) + "/upper"));
  else
    size.changed = TRY(MeasureTree(context_, record.rootfs));
  auto image = images_.find(record.image_id.empty() ? "" : record.image_id.hex());
  size.root = size.changed + (image == images_.end() ? 0 : image->second);
  return size;
}

std::string CompactSize(int64_t bytes, int digits) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  const double limit = digits > 3 ? 999.95 : 999.5;  // would print as 1e+03
  while (size >= limit && unit + 1 < std::size(kUnits)) {
    size /= 1000;
    unit++;
  }
  char text[32];
  snprintf(text, sizeof text, "%.*g%s", digits, size, kUnits[unit]);
  return text;
}

std::string ContainerSize::Text() const {
  return CompactSize(changed) + " (virtual " + CompactSize(root) + ")";
}

}  // namespace wolffia
