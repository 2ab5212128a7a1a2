// ImageOrigin: where an image comes from, as the scopes of policy.toml name it: a repository of a registry,
// or a file of this host by its transport. Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/oci/reference.h"

namespace wolffia {

struct ImageOrigin {
  std::string transport;  // "docker", "oci", "oci-archive", "docker-archive", "import", "built-in"
  Reference name;         // docker: in full, with tag or digest
  std::string path;       // the others: absolute; empty: standard input, or a URL

  static ImageOrigin OfRegistry(Reference name) { return {"docker", std::move(name), ""}; }
  // `path` as typed: made absolute where the file is there; "-" is standard input.
  static ImageOrigin OfFile(std::string transport, const std::string& path);

  std::string str() const;                                  // "docker://NAME", "oci-archive:/path"
  static Result<ImageOrigin> Parse(std::string_view text);  // of str()
  bool IsRegistry() const { return transport == "docker"; }
  bool operator==(const ImageOrigin&) const = default;
};

// True for the transports of files above.
bool IsFileTransport(std::string_view transport);

}  // namespace wolffia
