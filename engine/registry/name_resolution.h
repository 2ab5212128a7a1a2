// From what a user types to where the bytes are: short names by aliases and the search list, then prefixes,
// mirrors, blocked and insecure registries as in containers-registries.conf(5). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/settings.h"
#include "engine/oci/reference.h"

namespace wolffia {

// A repository in a registry.
struct Endpoint {
  std::string host;        // "docker.io", "registry.example:5000": as people name it
  std::string repository;  // "library/debian"
  bool insecure = false;   // plain HTTP and unverified TLS allowed
  std::string ca_file;
  bool operator==(const Endpoint&) const = default;
};

struct PullCandidate {
  Reference name;                   // full, with tag or digest: what the image will be called
  std::vector<Endpoint> endpoints;  // mirrors first, then the registry itself
};

// In the order in which they are to be tried; more than one only for a short name. kDenied if the registry is
// blocked.
Result<std::vector<PullCandidate>> ResolveName(const RegistrySettings& settings, std::string_view typed);

// The name in full: docker.io has "library/" before a single component; a missing tag is "latest".
Reference Normalize(Reference name);

// The host that is connected to: docker.io is only a name.
std::string ApiHost(const std::string& host);

}  // namespace wolffia
