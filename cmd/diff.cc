// wolffia diff: what a container has changed of its image's file system.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/copy_verbs.h"
#include "cmd/report.h"
#include "engine/oci/runtime_spec.h"
#include "engine/runtime/id_map.h"
#include "engine/runtime/root_access.h"
#include "storage/image_store.h"
#include "storage/upper_changes.h"

namespace wolffia {
namespace {

constexpr size_t kMaxListing = size_t{1} << 30, kBufferSize = 64 << 10;

struct ChangedPath {
  std::string path;
  ChangeKind kind;
};

Result<std::string> TypedOrLatest(const Command& command, const ContainerStore& containers) {
  const auto& words = command.line.arguments;
  if (!command.options().Bool("latest")) {
    if (words.empty()) return Fail(Code::kInvalid, "name a container, or use --latest");
    return containers.Lookup(words[0]);
  }
  if (!words.empty()) return Fail(Code::kInvalid, "--latest and a container's name do not go together");
  auto all = TRY(containers.List());
  if (all.empty()) return Fail(Code::kNotFound, "there is no container");
  return all.front().record.id;
}

// Those of the spec, and the places of secrets, which are not in it.
std::set<std::string> MountPoints(const RuntimeSpec& spec, const ContainerRecord& record) {
  std::set<std::string> points;
  for (const SecretUse& secret : record.secrets)
    if (!secret.as_env) {
      points.insert("/run/secrets");
      if (secret.target.starts_with('/')) points.insert(secret.target);
    }
  for (const SpecMount& mount : spec.mounts) {
    std::string path = mount.destination;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    points.insert(std::move(path));
  }
  return points;
}

// Inside the container: each change as its letter, its path and a NUL, to a pipe.
Result<> WriteChanges(const ChangesOf& of, int to) {
  std::string buffer;
  TRY(FindChanges(of, [&](ChangeKind kind, const std::string& path) -> Result<> {
    buffer += static_cast<char>(kind);
    buffer += path;
    buffer += '\0';
    if (buffer.size() < kBufferSize) return {};
    return WriteFull(to, std::exchange(buffer, {}));
  }));
  return WriteFull(to, buffer);
}

std::vector<ChangedPath> ParseChanges(std::string_view text) {
  std::vector<ChangedPath> changes;
  while (!text.empty()) {
    size_t end = std::min(text.find('\0'), text.size());
    changes.push_back({std::string(text.substr(1, end - 1)), static_cast<ChangeKind>(text[0])});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::ranges::sort(changes, {}, &ChangedPath::path);
  return changes;
}

Result<std::vector<ChangedPath>> ChangesOfContainer(const Command& command, const Store& store,
                                                    const ContainerStatus& status) {
  const ContainerRecord& record = status.record;
  if (!record.rootfs.empty())
    return Fail(Code::kUnsupported, "the container was made from the directory " + record.rootfs +
                                        ", so there is no image to compare it with");
  const std::string directory = ContainerStore(store).DirectoryOf(record.id);
  const RuntimeSpec spec = TRY(ContainerStore(store).ReadSpec(record.id));
  const std::set<std::string> made_for = MountPoints(spec, record);
  const Lower lower = TRY(ImageStore(store).OpenLower(record.chain, record.diff_ids));
  Fd own = TRY(OpenDirectory(AT_FDCWD, directory));
  // What the FUSE upper has on the disk is the user's, and closed to a root who is somebody else.
  const IdMaps maps{spec.uid_mappings, spec.gid_mappings, false};
  const bool can_look =
      !record.memory && (record.upper == "kernel" || HasUser(maps, HostUid{getuid()}, HostGid{getgid()}));
  RootAccess access = TRY(RootAccess::Open(command.context, store, status));
  Pipe pipe = TRY(MakePipe());
  RootJob job = TRY(access.Begin([&](int root) -> Result<std::string> {
    pipe.read.Reset();
    Fd alone = TRY(RootAccess::WithoutMounts(root));
    Fd upper;
    if (can_look) upper = TRY(OpenDirectory(own.get(), "upper"));
    TRY(WriteChanges({.root = alone.get(),
                      .upper = upper.get(),
                      .lower = lower.index(),
                      .ids = maps.View(),
                      .made_for = made_for},
                     pipe.write.get()));
    return "";
  }));
  pipe.write.Reset();
  auto text = ReadFd(pipe.read.get(), kMaxListing, "the list of changes");
  pipe.read.Reset();
  TRY(job.Await());
  return ParseChanges(TRY(std::move(text)));
}

std::string JsonOf(const std::vector<ChangedPath>& changes) {
  Value value = Value::object();
  for (const auto& [key, kind] : {std::pair{"changed", ChangeKind::kChanged},
                                  {"added", ChangeKind::kAdded},
                                  {"deleted", ChangeKind::kDeleted}})
    for (const ChangedPath& change : changes)
      if (change.kind == kind) value[key].push_back(change.path);
  return ToJsonText(value);
}

}  // namespace

Result<int> DiffVerb(const Command& command) {
  const std::string format = command.options().String("format");
  if (!format.empty() && format != "json")
    return Fail(Code::kInvalid, "only supported value for '--format' is 'json'");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerStore containers(session.store);
  ContainerStatus status = TRY(containers.Get(TRY(TypedOrLatest(command, containers))));
  auto found = ChangesOfContainer(command, session.store, status);
  if (!found) return std::unexpected(containers.OrGone(status.record.id, std::move(found.error())));
  const std::vector<ChangedPath>& changes = *found;
  if (format == "json") {
    Print(JsonOf(changes));
    return 0;
  }
  for (const ChangedPath& change : changes)
    PrintLine(std::string(1, static_cast<char>(change.kind)) + " " + change.path);
  return 0;
}

}  // namespace wolffia
