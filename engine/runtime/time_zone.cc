#include "engine/runtime/time_zone.h"

#include <fcntl.h>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr size_t kMaxZoneBytes = 1 << 20;
constexpr const char* kZones = "/usr/share/zoneinfo/";

// Beneath the directory of zones: "/x" and "a/../../x" would name any file of the host's.
bool IsZoneName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+_/.";
  return !name.empty() && name.size() < 256 && !name.starts_with('/') && !name.ends_with('/') &&
         name.find("..") == std::string_view::npos &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<std::string> ReadZoneFile(const std::string& path) {
  Fd file = TRY(Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  std::string zone = TRY(ReadFd(file.get(), kMaxZoneBytes, path));
  if (!zone.starts_with("TZif")) return Fail(Code::kInvalid, path + ": not a zone file (tzfile(5))");
  return zone;
}

}  // namespace

Result<std::string> ReadTimeZone(std::string_view name, const std::string& host_root) {
  if (name == "local") {
    auto zone = ReadZoneFile(host_root + "/etc/localtime");
    if (zone || zone.error().code != Code::kNotFound) return zone;
    name = "UTC";  // tzset(3): without /etc/localtime it is UTC
  }
  if (IsZoneName(name)) {
    auto zone = ReadZoneFile(host_root + kZones + std::string(name));
    if (zone) return zone;
  }
  return Fail(Code::kNotFound,
              "unknown time zone " + std::string(name) + ": " + kZones +
                  " of this host has no such zone file (Debian's package tzdata brings them)");
}

}  // namespace wolffia
