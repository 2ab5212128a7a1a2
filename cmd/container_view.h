// Containers as they are shown by `ps`, `inspect` and the filters.
#pragma once

#include <string>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "storage/container_store.h"

namespace wolffia {

// "Up 2 hours (healthy)", "Paused", "Exited (0) 3 minutes ago", "Created", "Crashed".
std::string StatusText(const ContainerStatus& status, int64_t now_ns);

// It has processes, or will have them again by itself: what `ps` lists without --all.
bool IsUp(const ContainerStatus& status);
// Its processes are there: running, stopping or paused.
bool HasProcesses(const ContainerStatus& status);
// It ran and is over.
bool HasEnded(const ContainerStatus& status);
// Of one that has ended; 0 otherwise. One whose monitor was killed was killed as well.
int ExitCodeOf(const ContainerStatus& status);
int RestartsOf(const ContainerStatus& status);
// "starting", "healthy", "unhealthy"; empty without a health check that runs.
std::string HealthOf(const ContainerStatus& status);

// The mounts that the user asked for: those of the spec without the engine's own.
std::vector<SpecMount> UserMounts(const RuntimeSpec& spec, const std::string& container_dir);
std::vector<std::string> MountPoints(const RuntimeSpec& spec, const std::string& container_dir);

}  // namespace wolffia
