#include "engine/runtime/device_request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "engine/base/file.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kMaxDevices = 100;  // the child has all of them open at once

bool ArePermissions(std::string_view text) {
  return !text.empty() && text.size() <= 3 && text.find_first_not_of("rwm") == std::string_view::npos;
}

bool IsDevice(const struct stat& st) {
  return S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
}

bool MayOpen(const std::string& path) {
  return faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0 ||
         faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

std::unexpected<Error> Denied(const std::string& path, const struct stat& st) {
  char mode[8];
  snprintf(mode, sizeof mode, "%04o", st.st_mode & 07777U);
  return Fail(Code::kDenied,
              "--device " + path + ": you may neither read nor write it (mode " + mode + ", owner " +
                  std::to_string(st.st_uid) + ", group " + std::to_string(st.st_gid) +
                  "), and a container may not do more than you: ask an administrator to let you into "
                  "that group or to open the device");
}

// Devices that the user cannot open are left out, as are directories that cannot be listed: the wish is "what
// there is".
void Collect(const DeviceRequest& directory, int depth, std::vector<DeviceRequest>& found) {
  auto names = ListDirectory(AT_FDCWD, directory.source);
  if (!names || depth > kMaxDepth) return;
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    DeviceRequest entry{directory.source + "/" + name, directory.destination + "/" + name, false};
    struct stat st;
    if (lstat(entry.source.c_str(), &st) < 0) continue;
    if (S_ISDIR(st.st_mode))
      Collect(entry, depth + 1, found);
    else if (IsDevice(st) && MayOpen(entry.source))
      found.push_back({entry.source, entry.destination, S_ISBLK(st.st_mode)});
  }
}

}  // namespace

Result<DeviceRequest> ParseDeviceFlag(std::string_view text) {
  auto wrong = [&](Code code, const std::string& why) {
    return Fail(code, "--device " + std::string(text) + ": " + why);
  };
  std::vector<std::string_view> fields = SplitFields(text, ':');
  std::string_view permissions = "rwm";
  if (fields.size() > 1 && !fields.back().starts_with('/')) {
    permissions = fields.back();
    fields.pop_back();
  }
  if (!ArePermissions(permissions))
    return wrong(Code::kInvalid, "invalid device mode: \"" + std::string(permissions) + "\"");
  if (fields.size() > 2 || !fields[0].starts_with('/') || !fields.back().starts_with('/') ||
      fields.back().size() == 1)
    return wrong(Code::kInvalid, "must be HOST-DEVICE[:CONTAINER-DEVICE][:rwm], with absolute paths");
  for (char each : std::string_view("rw"))
    if (permissions.find(each) == std::string_view::npos)
      return wrong(Code::kUnsupported,
                   "what an ordinary user may do with a device is what the device's mode says; leave the "
                   "permissions out, or give rwm");
  auto trimmed = [](std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return std::string(path);
  };
  return DeviceRequest{trimmed(fields[0]), trimmed(fields.back()), false};
}

Result<std::vector<DeviceRequest>> FindDevices(const DeviceRequest& request) {
  struct stat st;
  if (stat(request.source.c_str(), &st) < 0) return FailErrno("--device " + request.source);
  if (IsDevice(st)) {
    if (!MayOpen(request.source)) return Denied(request.source, st);
    return std::vector<DeviceRequest>{{request.source, request.destination, S_ISBLK(st.st_mode)}};
  }
  if (!S_ISDIR(st.st_mode)) return Fail(Code::kInvalid, "--device " + request.source + ": not a device");
  std::vector<DeviceRequest> found;
  Collect(request, 0, found);
  if (found.empty())
    return Fail(Code::kNotFound,
                "--device " + request.source + ": there is no device below it that you may open");
  if (found.size() > kMaxDevices)
    return Fail(Code::kUnsupported, "--device " + request.source + ": there are more than " +
                                        std::to_string(kMaxDevices) +
                                        " devices below it; name the ones you need");
  return found;
}

}  // namespace wolffia
