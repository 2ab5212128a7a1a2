// CopyContainer: a container as one end of a copy: its root file system, and the ids that files get there.
#pragma once

#include <string>

#include "cmd/copy_resolve.h"
#include "cmd/session.h"
#include "engine/oci/runtime_spec.h"
#include "engine/runtime/root_access.h"
#include "storage/tar_extract.h"

namespace wolffia {

struct CopyContainer {
  ContainerStatus status;
  RuntimeSpec spec;
  RootAccess access;

  static Result<CopyContainer> Open(const Command& command, const Store& store, const std::string& typed);

  // A relative path is one of the container's working directory, as podman has it.
  std::string Absolute(const std::string& path) const;
  Result<ResolvedPath> Resolve(const std::string& path) const;
  TarOwner User() const { return {spec.process.user.uid, spec.process.user.gid}; }
  // The container's id of a file of the host; 0 where its maps have none.
  TarOwner OwnerOfHost(uint32_t uid, uint32_t gid) const;
};

// Opens beneath the root, for the work inside.
PathOpener OpenerIn(int root);

}  // namespace wolffia
