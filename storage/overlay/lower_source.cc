#include "storage/overlay/lower_source.h"

#include <algorithm>
#include <cstring>

namespace wolffia {

bool ValidName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         memchr(name.data(), '/', name.size()) == nullptr && memchr(name.data(), 0, name.size()) == nullptr;
}

std::string LowerSource::PathOf(LowerId directory) {
  std::vector<std::string> names;
  while (directory != kLowerRoot) {
    Spot spot = Locate(directory);
    // Deeper than there are entries: an index whose tree was not checked has a loop.
    if (spot.directory == kNoLower || names.size() > IdLimit()) return "";
    names.push_back(std::move(spot.name));
    directory = spot.directory;
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name)
    path.append(path.empty() ? "" : "/").append(*name);
  return path;
}

LowerId LowerSource::Resolve(std::string_view path) {
  LowerId at = kLowerRoot;
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) at = Lookup(at, path.substr(0, slash));
    if (at == kNoLower) return kNoLower;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return Type(at) == S_IFDIR ? at : kNoLower;
}

}  // namespace wolffia
