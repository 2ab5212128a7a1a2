#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {
constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kMetadataPrefix = ".wh..wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";
}  // namespace

Result<> SplitLayerPath(std::string_view path, std::vector<std::string_view>& components) {
  auto invalid = [&](const char* why) { return Fail(Code::kInvalid, "\"" + Printable(path) + "\" " + why); };
  components.clear();
  if (path.size() > kMaxPathBytes) return invalid("is longer than 4096 bytes");
  if (path.find('\0') != path.npos) return invalid("has a NUL byte in its name");
  for (size_t at = 0; at < path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (components.empty()) return invalid("leads out of the image's root");
      components.pop_back();
      continue;
    }
    if (name.size() > kMaxNameBytes) return invalid("has a name longer than 255 bytes");
    components.push_back(name);
  }
  return {};
}

NameKind KindOfName(std::string_view name) {
  if (!name.starts_with(kWhiteoutPrefix)) return NameKind::kEntry;
  if (name == kOpaqueName) return NameKind::kOpaque;
  return name.starts_with(kMetadataPrefix) ? NameKind::kMetadata : NameKind::kWhiteout;
}

std::string_view WhitedOutName(std::string_view whiteout) {
  return whiteout.substr(kWhiteoutPrefix.size());
}

std::string Printable(std::string_view path) {
  constexpr size_t kShown = 120;
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (char c : path.substr(0, kShown)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return path.size() > kShown ? out + "..." : out;
}

}  // namespace wolffia
