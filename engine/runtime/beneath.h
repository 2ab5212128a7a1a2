// Paths of a container, resolved beneath its root whatever symlinks the image has (openat2(2),
// RESOLVE_IN_ROOT), in a process that must not allocate: no malloc, results are descriptors or negative
// errnos.
#pragma once

#include <cstdint>

namespace wolffia {

// O_PATH descriptor of an existing file. Magic links of procfs are never followed. `no_symlinks`: no link at
// all.
int OpenBeneath(int root, const char* path, bool no_symlinks = false);

enum class MountPoint { kDirectory, kFile };

// The same; what is missing is made: directories (0755), and an empty file at the end where `kind` says so. A
// dangling symlink is followed and its target made, as the peers do (/etc/resolv.conf ->
// ../run/systemd/resolve/...).
int MakeBeneath(int root, const char* path, MountPoint kind, uint32_t directory_mode = 0755);

}  // namespace wolffia
