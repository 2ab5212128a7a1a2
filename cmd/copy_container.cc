#include "cmd/copy_container.h"

namespace wolffia {
namespace {

uint32_t ContainerId(const std::vector<SpecIdMapping>& maps, uint32_t host) {
  for (const SpecIdMapping& map : maps)
    if (host >= map.host_id && host - map.host_id < map.size) return map.container_id + (host - map.host_id);
  return 0;
}

}  // namespace

Result<CopyContainer> CopyContainer::Open(const Command& command, const Store& store,
                                          const std::string& typed) {
  ContainerStore containers(store);
  auto id = containers.Lookup(typed);
  if (!id && id.error().code == Code::kNotFound)
    return Fail(Code::kNotFound, "container \"" + typed + "\" does not exist");
  ContainerStatus status = TRY(containers.Get(TRY(std::move(id))));
  RuntimeSpec spec = TRY(containers.ReadSpec(status.record.id));
  RootAccess access = TRY(RootAccess::Open(command.context, store, status));
  return CopyContainer{std::move(status), std::move(spec), std::move(access)};
}

std::string CopyContainer::Absolute(const std::string& path) const {
  if (path.starts_with('/')) return path;
  return spec.process.cwd + (spec.process.cwd.ends_with('/') ? "" : "/") + path;
}

Result<ResolvedPath> CopyContainer::Resolve(const std::string& path) const {
  RootJob job = TRY(access.Begin([&](int root) -> Result<std::string> {
    return EncodeResolved(TRY(ResolvePath(OpenerIn(root), Absolute(path))));
  }));
  return DecodeResolved(TRY(job.Await()));
}

TarOwner CopyContainer::OwnerOfHost(uint32_t uid, uint32_t gid) const {
  return {ContainerId(spec.uid_mappings, uid), ContainerId(spec.gid_mappings, gid)};
}

PathOpener OpenerIn(int root) {
  return [root](const std::string& path, int flags) { return OpenInRoot(root, path, flags); };
}

}  // namespace wolffia
