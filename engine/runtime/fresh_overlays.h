// Volumes with the option O: what the container changes lies in overlay/<n>/ of its directory, and does not
// outlive one run of it, as with podman.
#pragma once

#include <string>

#include "engine/oci/runtime_spec.h"
#include "engine/runtime/host_facts.h"

namespace wolffia {

// In a spec such a volume is a mount of this type, with these options among others.
inline constexpr const char* kOverlayType = "overlay";
std::string OverlayUpper(size_t n);  // "overlay/3/upper": relative to the container's directory
std::string OverlayWork(size_t n);

// Empty upper and work directories for each before the container starts. The caller must have one thread
// only.
Result<> MakeFreshOverlays(const RuntimeSpec& spec, const HostFacts& host, const std::string& container_dir);

}  // namespace wolffia
