#include "engine/signature/image_origin.h"

#include <limits.h>
#include <stdlib.h>

#include <algorithm>

namespace wolffia {

bool IsFileTransport(std::string_view transport) {
  constexpr std::string_view kTransports[] = {"oci", "oci-archive", "docker-archive", "import", "built-in"};
  return std::ranges::find(kTransports, transport) != std::end(kTransports);
}

ImageOrigin ImageOrigin::OfFile(std::string transport, const std::string& path) {
  ImageOrigin origin{std::move(transport), {}, ""};
  char resolved[PATH_MAX];
  if (path != "-" && realpath(path.c_str(), resolved) != nullptr) origin.path = resolved;
  return origin;
}

std::string ImageOrigin::str() const {
  return IsRegistry() ? "docker://" + name.str() : transport + ":" + path;
}

Result<ImageOrigin> ImageOrigin::Parse(std::string_view text) {
  constexpr std::string_view kRegistry = "docker://";
  if (text.starts_with(kRegistry)) return OfRegistry(TRY(Reference::Parse(text.substr(kRegistry.size()))));
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !IsFileTransport(text.substr(0, colon)))
    return Fail(Code::kInvalid, "\"" + std::string(text) + "\" is no origin of an image");
  return ImageOrigin{std::string(text.substr(0, colon)), {}, std::string(text.substr(colon + 1))};
}

}  // namespace wolffia
