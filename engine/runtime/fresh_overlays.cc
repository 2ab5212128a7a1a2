#include "engine/runtime/fresh_overlays.h"

#include <algorithm>

#include "engine/base/file.h"
#include "engine/runtime/namespace_work.h"

namespace wolffia {

std::string OverlayUpper(size_t n) {
  return "overlay/" + std::to_string(n) + "/upper";
}

std::string OverlayWork(size_t n) {
  return "overlay/" + std::to_string(n) + "/work";
}

Result<> MakeFreshOverlays(const RuntimeSpec& spec, const HostFacts& host, const std::string& container_dir) {
  const auto count =
      static_cast<size_t>(std::ranges::count(spec.mounts, std::string_view(kOverlayType), &SpecMount::type));
  if (count == 0) return {};
  const std::string top = container_dir + "/overlay";
  auto removed = RemoveTreeAt(AT_FDCWD, top);
  if (!removed && removed.error().code == Code::kDenied) {  // files of other ids of the container
    IdMaps maps{spec.uid_mappings, spec.gid_mappings, false};
    removed = WorkAsRoot(maps, host, "remove " + top, [&] { return RemoveTreeAt(AT_FDCWD, top); });
  }
  TRY(std::move(removed));
  for (size_t n = 0; n < count; ++n) {
    TRY(MakeDirectories(container_dir + "/" + OverlayUpper(n)));
    TRY(MakeDirectories(container_dir + "/" + OverlayWork(n)));
  }
  return {};
}

}  // namespace wolffia
