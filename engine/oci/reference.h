// Reference: the name of an image, [domain[:port]/]path[:tag][@digest], by the grammar that docker, podman
// and the OCI distribution spec share. A short name ("debian") stays short until settings resolve it; of full
// names the docker hub's are made canonical
// ("docker.io/debian" and "index.docker.io/debian" are docker.io/library/debian), so that equal images
// compare equal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/oci/digest.h"

namespace wolffia {

struct Reference {
  std::string domain;  // "docker.io", "localhost:5000"; empty for a short name
  std::string path;    // "library/debian"
  std::string tag;     // empty if none was given
  std::optional<Digest> digest;

  // kInvalid says which part is malformed. At most 255 bytes of domain/path, tag of at most 128.
  static Result<Reference> Parse(std::string_view text);

  bool IsShort() const { return domain.empty(); }
  std::string Name() const;                         // domain/path
  Reference WithDefaultTag() const;                 // tag "latest" where there is neither tag nor digest
  Reference WithDomain(std::string_view to) const;  // docker.io also gives "library/" to a one-component path
  std::string str() const;
  bool operator==(const Reference&) const = default;
};

}  // namespace wolffia
