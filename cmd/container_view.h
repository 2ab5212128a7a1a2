// Containers as they are shown by `ps` and `inspect`.
#pragma once

#include <string>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "storage/container_store.h"

namespace wolffia {

// "Up 2 hours", "Exited (0) 3 minutes ago", "Created", "Crashed".
std::string StatusText(const ContainerStatus& status, int64_t now_ns);

// The OCI runtime spec that the container was made with.
Result<RuntimeSpec> ReadSpec(const Store& store, const std::string& id);

// The mounts that the user asked for: those of the spec without the engine's own.
std::vector<SpecMount> UserMounts(const RuntimeSpec& spec, const std::string& container_dir);

}  // namespace wolffia
