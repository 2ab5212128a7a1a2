// Platform: the names that uname(2), Debian and people use, brought to those of Go, and which image runs
// where.
#include <sys/utsname.h>

#include <array>

#include "engine/oci/manifest.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

struct ArchitectureName {
  std::string_view name, architecture, variant;
};

constexpr std::array kNames = {
    ArchitectureName{"x86_64", "amd64", ""},   ArchitectureName{"x86-64", "amd64", ""},
    ArchitectureName{"i386", "386", ""},       ArchitectureName{"i486", "386", ""},
    ArchitectureName{"i586", "386", ""},       ArchitectureName{"i686", "386", ""},
    ArchitectureName{"aarch64", "arm64", ""},  ArchitectureName{"armhf", "arm", "v7"},
    ArchitectureName{"armel", "arm", "v6"},    ArchitectureName{"armv8l", "arm", "v8"},
    ArchitectureName{"armv7l", "arm", "v7"},   ArchitectureName{"armv6l", "arm", "v6"},
    ArchitectureName{"armv5tel", "arm", "v5"}, ArchitectureName{"loongarch64", "loong64", ""},
};

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > 32) return false;
  for (char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '.' || c == '-'))
      return false;
  return true;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool IsOs(std::string_view word) {
  return word == "linux" || word == "windows" || word == "darwin" || word == "freebsd";
}

void SetArchitecture(Platform* platform, std::string_view name) {
  platform->architecture = Lower(name);
  for (const ArchitectureName& known : kNames) {
    if (platform->architecture != known.name) continue;
    platform->architecture = known.architecture;
    if (platform->variant.empty()) platform->variant = known.variant;
    return;
  }
}

// "v8" -> 8; what is not given is what the architecture's images are when they say nothing.
int LevelOf(const Platform& platform) {
  std::string_view digits = platform.variant;
  if (digits.starts_with('v')) digits.remove_prefix(1);
  if (digits.size() == 1 && digits[0] >= '1' && digits[0] <= '9') return digits[0] - '0';
  if (!digits.empty()) return -1;  // a name of its own: equal or not
  if (platform.architecture == "arm64") return 8;
  if (platform.architecture == "arm") return 7;
  return platform.architecture == "amd64" ? 1 : 0;
}

}  // namespace

Result<Platform> Platform::Parse(std::string_view text) {
  std::array<std::string_view, 3> parts;
  size_t count = 0;
  for (std::string_view rest = text;; count++) {
    const size_t slash = rest.find('/');
    if (count == parts.size() || !IsName(rest.substr(0, slash)))
      return Fail(Code::kInvalid, "platform " + Quote(text) +
                                      " is not OS/ARCHITECTURE[/VARIANT] (linux/amd64, linux/arm64/v8)");
    parts[count] = rest.substr(0, slash);
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  Platform platform;
  if (count == 0 && IsOs(Lower(parts[0]))) {
    platform = Host();
    platform.os = Lower(parts[0]);
    return platform;
  }
  if (count > 0) platform.os = Lower(parts[0]);
  if (count == 2) platform.variant = Lower(parts[2]);
  SetArchitecture(&platform, parts[count == 0 ? 0 : 1]);
  return platform;
}

Platform Platform::Host() {
  Platform platform;
  utsname names;
  if (uname(&names) == 0) SetArchitecture(&platform, names.machine);
  return platform;
}

bool Platform::Accepts(const Platform& offered) const {
  Platform have = offered, want = *this;
  SetArchitecture(&have, offered.architecture);
  SetArchitecture(&want, architecture);
  if (Lower(have.os) != Lower(want.os)) return false;
  if (have.architecture.empty()) return true;  // old configurations do not say
  if (have.architecture != want.architecture) return false;
  const int have_level = LevelOf(have), want_level = LevelOf(want);
  if (have_level < 0 || want_level < 0) return have.variant == want.variant;
  return have_level <= want_level;  // a newer processor runs what is made for an older one
}

std::string Platform::str() const {
  std::string text = os + "/" + architecture;
  return variant.empty() ? text : text + "/" + variant;
}

}  // namespace wolffia
