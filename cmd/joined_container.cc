#include "cmd/joined_container.h"

#include <unistd.h>

#include "engine/base/file.h"
#include "engine/runtime/network_at_path.h"
#include "storage/container_store.h"

namespace wolffia {
namespace {

constexpr std::string_view kContainer = "container:";

struct Shared {
  const char* kind;
  std::string& mode;
};

Result<> CheckOwnMaps(const UsernsRequest& userns, const Shared& shared) {
  if (userns.mode.empty() && userns.uid_maps.empty() && userns.gid_maps.empty()) return {};
  return Fail(Code::kInvalid, "--userns, --uidmap and --gidmap do not go with --" + std::string(shared.kind) +
                                  "=" + shared.mode +
                                  ": the container gets the user namespace that goes with what it shares");
}

// The mode's name as a full id.
Result<std::string> Resolve(const ContainerStore& containers, const Shared& shared) {
  return containers.Lookup(std::string_view(shared.mode).substr(kContainer.size()))
      .With(std::string("looking up container to share ") + shared.kind + " namespace with");
}

Result<> CheckShareable(const ContainerRecord& other) {
  if (other.ipc_mode != "private" && other.ipc_mode != "none") return {};
  return Fail(Code::kInvalid, "container " + other.name + " does not share its ipc namespace (--ipc=" +
                                  other.ipc_mode + "); make it with --ipc=shareable");
}

// What is shared of another's namespace that is itself shared: "host" stays "host".
Result<> CheckHasOwn(const std::string& mode, const ContainerRecord& other, const char* kind) {
  if (mode != "host") return {};
  return Fail(Code::kInvalid,
              "container " + other.name + " has the host's " + kind + " namespace: give --" + kind + "=host");
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// The maps of the user namespace that the network at `path` belongs to.
Result<std::optional<IdMaps>> ResolvePath(const std::string& path, const NamespaceFlags& flags) {
  for (const std::string* mode : {&flags.pid, &flags.ipc, &flags.uts})
    if (mode->starts_with(kContainer))
      return Fail(Code::kInvalid,
                  "--network ns:" + path +
                      " does not go with --pid, --ipc or --uts of another container: each "
                      "brings its own user namespace along, and a process can be in one only");
  return std::optional(TRY(OpenNetworkAtPath(path)).maps);
}

}  // namespace

Result<std::optional<IdMaps>> ResolveNamespaces(const Store& store, RunRequest& request) {
  NamespaceFlags& flags = request.namespaces;
  if (flags.uts == "host") request.hostname = HostName();
  ContainerStore containers(store);
  std::string id;
  std::string& network = request.network.mode;
  if (const std::string path(NamespacePath(request.network)); !path.empty()) {
    TRY(CheckOwnMaps(request.userns, {"network", network}));
    return ResolvePath(path, flags);
  }
  for (const Shared& shared :
       {Shared{"pid", flags.pid}, {"ipc", flags.ipc}, {"uts", flags.uts}, {"network", network}}) {
    if (!shared.mode.starts_with(kContainer)) continue;
    TRY(CheckOwnMaps(request.userns, shared));
    std::string found = TRY(Resolve(containers, shared));
    if (!id.empty() && found != id)
      return Fail(Code::kInvalid,
                  "--pid, --ipc, --uts and --network name different containers: each has a user namespace of "
                  "its own, "
                  "and a process can be in one only");
    id = std::move(found);
    shared.mode = std::string(kContainer) + id;
  }
  if (id.empty()) return std::optional<IdMaps>();
  ContainerStatus other = TRY(containers.Get(id));
  if (flags.pid.starts_with(kContainer)) TRY(CheckHasOwn(other.record.pid_mode, other.record, "pid"));
  if (flags.uts.starts_with(kContainer)) TRY(CheckHasOwn(other.record.uts_mode, other.record, "uts"));
  if (network.starts_with(kContainer)) TRY(CheckHasOwn(other.record.network, other.record, "network"));
  if (flags.ipc.starts_with(kContainer)) {
    TRY(CheckHasOwn(other.record.ipc_mode, other.record, "ipc"));
    TRY(CheckShareable(other.record));
  }
  RuntimeSpec spec = TRY(containers.ReadSpec(id));
  if (flags.uts.starts_with(kContainer)) request.hostname = spec.hostname;
  IdMaps maps{std::move(spec.uid_mappings), std::move(spec.gid_mappings), false};
  maps.single = IsSingle(maps, HasUser(maps, HostUid{getuid()}, HostGid{getgid()}));
  return std::optional(std::move(maps));
}

}  // namespace wolffia
