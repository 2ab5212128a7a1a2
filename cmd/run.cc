// wolffia run: image, host and flags become a spec; the spec becomes a container; the monitor runs it.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#include "cmd/container_removal.h"
#include "cmd/run_flags.h"
#include "cmd/run_root.h"
#include "cmd/verbs.h"
#include "engine/base/process.h"
#include "engine/base/random.h"
#include "engine/runtime/monitor_client.h"

namespace wolffia {
namespace {

Result<std::string> WorkingDirectory() {
  char* name = getcwd(nullptr, 0);
  if (name == nullptr) return FailErrno("find the working directory");
  std::string directory = name;
  free(name);
  return directory;
}

// --cidfile: made before the container, so that an existing file stops the command; removed again unless the
// container was started.
class IdFile {
 public:
  static Result<IdFile> Create(const std::string& path) {
    IdFile file;
    if (path.empty()) return file;
    auto fd = Open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!fd && fd.error().os_errno == EEXIST)
      return Fail(Code::kExists, "--cidfile " + path + " exists already: remove it, or name another file");
    file.fd_ = TRY_WITH(std::move(fd), "--cidfile");
    file.path_ = path;
    return file;
  }
  IdFile(IdFile&& other) noexcept : path_(std::exchange(other.path_, "")), fd_(std::move(other.fd_)) {}
  ~IdFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  Result<> Write(const std::string& id) { return fd_ ? WriteFull(fd_.get(), id) : Result<>(); }
  void Keep() { path_.clear(); }

 private:
  IdFile() = default;
  std::string path_;
  Fd fd_;
};

Result<MappedIds> MapIds(const RunRequest& request, const HostFacts& host) {
  MappedIds ids = TRY(BuildIdMaps(request.userns, host.subordinate, host.uid, host.gid));
  bool poor = host.subordinate.uids.empty() || host.subordinate.gids.empty();
  if (ids.maps.single && poor && request.userns.mode != "nomap")
    PrintNotice("wolffia: " + host.user_name +
                " has no subordinate ids: the container has a single user id, and programs that change to "
                "another will fail");
  return ids;
}

ContainerRecord RecordOf(const Command& command, const Session& session, const RunRequest& request,
                         const RunRoot& root, const std::string& id) {
  ContainerRecord record;
  record.id = id;
  record.name = request.name;
  record.image_name =
      root.rootfs.empty() && root.image.name.empty() ? command.line.arguments[0] : root.image.name;
  record.image_id = root.image.config;
  record.chain = root.image.chain;
  record.diff_ids = root.image.diff_ids;
  if (session.settings.upper != "auto") record.upper = session.settings.upper;
  record.rootfs = root.rootfs;
  record.auto_remove = request.auto_remove;
  record.network = request.network;
  record.userns = request.userns.mode;
  record.platform = root.rootfs.empty() ? root.image.platform.str() : Platform::Host().str();
  record.created_ns = command.context.now();
  record.labels = root.config.labels;
  for (const auto& [key, value] : request.labels) record.labels[key] = value;
  record.annotations = request.annotations;
  return record;
}

// The container with everything in its directory, its lock held by us.
Result<NewContainer> CreateContainer(const Command& command, const Session& session,
                                     const RunRequest& request, const RunRoot& root) {
  HostFacts host = TRY(HostFacts::Gather(command.context));
  MappedIds ids = TRY(MapIds(request, host));
  ContainerStore containers(session.store);
  ContainerRecord record = RecordOf(command, session, request, root, RandomHex(32));
  SpecInputs inputs{.request = request,
                    .image = root.config,
                    .ids = ids,
                    .host = host,
                    .settings = session.settings,
                    .root_file = root.read_file,
                    .container_id = record.id,
                    .container_dir = containers.DirectoryOf(record.id)};
  if (request.init) inputs.init_path = TRY(FindSibling("wolffia-init"));
  BuiltSpec built = TRY(BuildSpec(command.context, inputs));
  built.spec.root_path = root.rootfs;
  record.command = built.spec.process.args;
  return containers.Create(std::move(record), built.spec, built.files);
}

// Where it never ran, nothing of it stays.
std::unexpected<Error> Undo(const Command& command, const Session& session, const std::string& id,
                            Error error) {
  auto removed = RemoveContainer(command.context, session.store, id, true);
  if (!removed && removed.error().code != Code::kNotFound)
    command.context.Warn("container " + id.substr(0, 12) + " could not be removed: " + removed.error().what);
  return std::unexpected(std::move(error));
}

Result<int> RunContainer(const Command& command, const Session& session, const RunRequest& request,
                         const RunRoot& root) {
  IdFile id_file = TRY(IdFile::Create(command.options().String("cidfile")));
  NewContainer container = TRY(CreateContainer(command, session, request, root));
  std::string id = container.id;
  if (auto written = id_file.Write(id); !written) {
    container.lock.Release();
    return Undo(command, session, id, std::move(written).error());
  }
  auto monitor =
      MonitorClient::Start(command.context, session.store, std::move(container), request.interactive);
  if (!monitor) return Undo(command, session, id, std::move(monitor).error());
  auto started = monitor->AwaitStarted();
  if (!started) return Undo(command, session, id, std::move(started).error());
  id_file.Keep();
  // Now, while the container works, it costs nobody any time.
  SweepContainers(command.context, session.store);
  auto exited = monitor->AwaitExit(true);
  if (request.auto_remove) {
    auto removed = RemoveContainer(command.context, session.store, id, true);
    if (!removed && removed.error().code != Code::kNotFound) PrintError(removed.error());
  }
  if (!exited) return std::unexpected(std::move(exited).error());
  return exited->exit_code;
}

// Whole names and those of images made here are found without a search list: then registries.conf, which
// distributions fill with aliases, is not read.
Result<Session> OpenRunSession(const Command& command, const std::string& typed) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto name = Reference::Parse(typed);
  bool settled = command.options().Bool("rootfs");
  if (name && !settled)
    settled = ImageStore(session.store)
                  .ByName((name->IsShort() ? name->WithDomain("localhost") : *name).WithDefaultTag().str())
                  .has_value();
  if (!settled) session.settings = TRY(LoadSettings(command, Registries::kLoad));
  return session;
}

}  // namespace

Result<int> RunVerb(const Command& command) {
  const auto& words = command.line.arguments;
  Session session = TRY(OpenRunSession(command, words[0]));
  RunRequest request = TRY(ReadRunFlags(command.options(), session.settings, {words.begin() + 1, words.end()},
                                        TRY(WorkingDirectory())));
  RunRoot root = TRY(OpenRunRoot(command, session, words[0]));
  auto code = RunContainer(command, session, request, root);
  if (code) return code;
  if (code.error().code == Code::kNotExecutable || code.error().code == Code::kNoCommand) {
    PrintError(code.error());
    return code.error().code == Code::kNoCommand ? kExitNoCommand : kExitNotExecutable;
  }
  return code;
}

}  // namespace wolffia
