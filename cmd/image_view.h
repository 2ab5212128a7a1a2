// Images as they are shown: the records of one image (one a name) together, with its configuration where it
// is asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oci/image_config.h"
#include "storage/container_store.h"
#include "storage/image_store.h"

namespace wolffia {

struct ImageGroup {
  std::vector<ImageRecord> records;  // of one config digest; at least one
  const ImageRecord& first() const { return records.front(); }
  const Digest& id() const { return first().config; }
  std::vector<std::string> Names() const;        // without the nameless record
  std::vector<std::string> RepoDigests() const;  // name@manifest digest
};

// Grouped by id, in the order of the records.
std::vector<ImageGroup> GroupImages(std::vector<ImageRecord> records);

// "docker.io/library/debian:12" -> repository and tag; "<none>" where there is none.
struct RepositoryTag {
  std::string repository, tag;
};
RepositoryTag SplitName(std::string_view name);

Result<ImageConfig> ReadImageConfig(const Store& store, const Digest& config);

// True if `pattern` (with * ? [..], none of which matches a "/") matches the name, with or without its tag,
// or with leading components left out: "debian", "library/deb*", "docker.io/library/debian:12".
bool NameMatches(std::string_view name, const std::string& pattern);

// Containers made from this image, or with a mount of it.
std::vector<const ContainerStatus*> UsersOf(const Digest& image,
                                            const std::vector<ContainerStatus>& containers);

// The domains in which short names are looked for.
struct Session;
Result<ImageRecord> ResolveImage(const Session& session, std::string_view typed);
// podman's words for an image that is not there.
Error UnknownImage(std::string_view typed);

}  // namespace wolffia
