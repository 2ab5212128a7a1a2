#include "storage/overlay/upper_xattrs.h"

#include <sys/xattr.h>

#include "storage/overlay/host_upper.h"

namespace wolffia {
namespace {

constexpr std::string_view kPrefix = kKeptPrefix;
constexpr std::string_view kReserved[] = {"user.containers.override_stat", "user.overlay.", "user.wolffia.",
                                          "user.fuseoverlayfs."};
constexpr std::string_view kReservedNative = "trusted.overlay.";
constexpr size_t kLongestName = 255;  // xattr(7)
constexpr size_t kLargestValue = 65536;

bool IsReserved(std::string_view name) {
  for (std::string_view reserved : kReserved)
    if (name.starts_with(reserved)) return true;
  return false;
}

bool IsUsers(std::string_view name) {
  return name.starts_with("user.");
}

}  // namespace

std::string KeptXattrName(UpperIds ids, std::string_view container_name) {
  bool escaped = IsReserved(container_name) || container_name.starts_with(kReservedNative) ||
                 (ids == UpperIds::kOverride && !IsUsers(container_name));
  return std::string(escaped ? kPrefix : "").append(container_name);
}

std::optional<std::string> ContainerXattrName(UpperIds ids, std::string_view kept_name) {
  std::string_view name = kept_name;
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  // Only what is kept under this very name: not, for one, the host's own security.selinux.
  if (name.empty() || KeptXattrName(ids, name) != kept_name) return std::nullopt;
  return std::string(name);
}

XattrStore& HostUpper::StoreOf(const std::string& kept_name) {
  return IsUsers(kept_name) ? *xattrs_ : *file_xattrs_;
}

UpperRef HostUpper::XattrRef(const UpperSpot& at, const UpperObject& now) const {
  return {.dirfd = at.dirfd, .name = at.name, .host_ino = now.st.st_ino};
}

Sys<std::string> HostUpper::GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) {
  if (overrides() && now.host_link) return SysFail(ENODATA);
  std::string kept = KeptXattrName(options_.ids, name);
  if (kept.size() > kLongestName) return SysFail(ENODATA);
  return StoreOf(kept).Get(XattrRef(at, now), kept);
}

Sys<> HostUpper::SetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name,
                          std::string_view value, int flags) {
  std::string kept = KeptXattrName(options_.ids, name);
  if (kept.size() > kLongestName) return SysFail(ERANGE);
  if (value.size() > kLargestValue) return SysFail(E2BIG);
  if (!overrides() || !now.host_link) return StoreOf(kept).Set(XattrRef(at, now), kept, value, flags);
  if ((flags & XATTR_REPLACE) != 0) return SysFail(ENODATA);
  return ReplacePlainLink(at, now,
                          {.ownership = {.mode = now.st.st_mode}, .xattrs = {{name, std::string(value)}}});
}

Sys<> HostUpper::RemoveXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) {
  if (overrides() && now.host_link) return SysFail(ENODATA);
  std::string kept = KeptXattrName(options_.ids, name);
  if (kept.size() > kLongestName) return SysFail(ENODATA);
  return StoreOf(kept).Remove(XattrRef(at, now), kept);
}

Sys<std::vector<std::string>> HostUpper::ListXattrs(const UpperSpot& at, const UpperObject& now) {
  std::vector<std::string> names;
  if (overrides() && now.host_link) return names;
  UpperRef ref = XattrRef(at, now);
  std::vector<std::string> kept = TRY(xattrs_->List(ref));
  if (!overrides() && sidecar())
    for (std::string& name : TRY(file_xattrs_->List(ref)))
      if (!IsUsers(name)) kept.push_back(std::move(name));
  for (const std::string& name : kept)
    if (auto shown = ContainerXattrName(options_.ids, name)) names.push_back(std::move(*shown));
  return names;
}

}  // namespace wolffia
