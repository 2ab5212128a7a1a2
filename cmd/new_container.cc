#include "cmd/new_container.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "cmd/container_removal.h"
#include "cmd/container_view.h"
#include "cmd/joined_container.h"
#include "cmd/new_networks.h"
#include "cmd/new_volumes.h"
#include "cmd/required_guarantees.h"
#include "cmd/run_flags.h"
#include "engine/base/process.h"
#include "engine/base/random.h"
#include "engine/cgroup/io_weighing.h"
#include "engine/cgroup/limit_support.h"
#include "engine/guarantees/ids.h"
#include "engine/runtime/auto_ids.h"
#include "engine/runtime/events.h"
#include "engine/runtime/spec_mounts.h"
#include "engine/runtime/upper_choice.h"
#include "network/host_support.h"
#include "storage/name_claim.h"

namespace wolffia {
namespace {

Result<std::string> WorkingDirectory() {
  char* name = getcwd(nullptr, 0);
  if (name == nullptr) return FailErrno("find the working directory");
  std::string directory = name;
  free(name);
  return directory;
}

// How many ids the image and the command line speak of.
Result<uint32_t> SizeOf(const RunRequest& request, const RunRoot& root) {
  auto text = [&](const char* path) -> Result<std::string> {
    auto read = root.read_file(path);
    return !read && read.error().code == Code::kNotFound ? std::string() : std::move(read);
  };
  const std::string passwd = TRY(text("/etc/passwd")), group = TRY(text("/etc/group"));
  AutoSizeInputs in{.passwd = passwd, .group = group};
  if (root.lower != nullptr) in.files = &root.lower->index();
  in.user = request.user.empty() ? root.config.user : request.user;
  in.groups = request.process.groups;
  return AutoSize(in);
}

// Held until the container is there, whose ids then are not free any more.
struct OwnMaps {
  MappedIds ids;
  FileLock lock;
};

// A container that is to be replaced has made room when this one is made.
Result<OwnMaps> MapAuto(const Store& store, const RunRequest& request, const RunRoot& root,
                        const HostFacts& host) {
  const AutoOptions options = TRY(ParseAuto(request.userns.mode));
  if (!request.userns.uid_maps.empty() || !request.userns.gid_maps.empty())
    return Fail(Code::kInvalid,
                "--userns=" + request.userns.mode + " and --uidmap or --gidmap exclude each other");
  const uint32_t size = options.size ? *options.size : TRY(SizeOf(request, root));
  OwnMaps own;
  own.lock = TRY(LockAutoIds(store));
  std::string replaced;
  if (request.lifecycle.replace) replaced = NameHolder(store, request.name).value_or("");
  const IdsInUse used = TRY(ReadIdsInUse(store, host.subordinate, replaced));
  own.ids = TRY(BuildAutoMaps(options, size, host.subordinate, used, host.uid, host.gid));
  return own;
}

Result<OwnMaps> MapIds(const Store& store, const NewContainerCommand& wanted, const HostFacts& host) {
  const RunRequest& request = wanted.request;
  if (wanted.joined) return OwnMaps{MappedIds{.maps = *wanted.joined}, {}};
  if (IsAuto(request.userns.mode)) return MapAuto(store, request, wanted.root, host);
  OwnMaps own;
  own.ids = TRY(BuildIdMaps(request.userns, host.subordinate, host.uid, host.gid));
  bool poor = host.subordinate.uids.empty() || host.subordinate.gids.empty();
  if (own.ids.maps.single && poor && request.userns.mode != "nomap")
    PrintNotice("wolffia: " + host.user_name +
                " has no subordinate ids: the container has a single user id, and programs that change to "
                "another will fail");
  return own;
}

Result<ContainerRecord> RecordOf(const Command& command, const RunRequest& request, const RunRoot& root,
                                 const std::string& id) {
  ContainerRecord record;
  record.id = id;
  record.name = request.name;
  record.image_name =
      root.rootfs.empty() && root.image.name.empty() ? command.line.arguments[0] : root.image.name;
  record.image_id = root.image.config;
  record.chain = root.image.chain;
  record.diff_ids = root.image.diff_ids;
  record.size = request.storage.size;
  record.inodes = request.storage.inodes;
  record.memory = request.storage.memory;
  record.interactive = request.interactive;
  record.rootfs = root.rootfs;
  record.auto_remove = request.auto_remove;
  record.userns = request.userns.mode;
  record.platform = root.rootfs.empty() ? root.image.platform.str() : Platform::Host().str();
  record.created_ns = command.context.now();
  record.labels = root.config.labels;
  for (const auto& [key, value] : request.labels) record.labels[key] = value;
  record.annotations = request.annotations;
  record.create_command = command.argv;
  record.create_command.insert(record.create_command.begin(), "wolffia");
  record.entrypoint = request.entrypoint.value_or(root.config.entrypoint);
  record.passwd = request.process.passwd_entry;
  record.id_file = command.options().String("cidfile");
  record.cgroup = request.cgroup;
  TRY(FillLifecycle(request, root.config, record));
  TRY(FillTerminal(request, root.config, record));
  TRY(FillLog(request, root.config, record));
  TRY(FillHealth(request, root.config, record));
  TRY(FillNamespaces(request, root.config, record));
  TRY(FillNetwork(request, root.config, record));
  TRY(FillPorts(request, root.config, record));
  TRY(FillProcess(request, root.config, record));
  TRY(FillVolumes(request, root.config, record));
  return record;
}

// What the engine does as the user cannot be had in a user namespace that does not map it.
Result<> CheckWithoutUser(const ContainerRecord& record, const BuiltSpec& built) {
  if (record.memory && record.upper == "fuse") return Fail(Code::kUnsupported, ExplainUpperOfNobody());
  if (built.systemd)
    return Fail(
        Code::kUnsupported,
        "a container that runs systemd writes to its control group, which is the user's, and its user "
        "namespace does not map the user: give another --userns, or --systemd=false");
  if (record.network_config.options.slirp_ports && !record.network_config.ports.empty())
    return Fail(
        Code::kUnsupported,
        "port_handler=slirp4netns: slirp4netns works as the container's root, and has no place to listen in "
        "where the container's user namespace does not map the user: give another --userns, or "
        "port_handler=rootlesskit");
  return {};
}

// With --replace the container that has the name is removed first, and again, should another command be
// quicker.
Result<NewContainer> Create(const Command& command, const Store& store, bool replace,
                            const std::function<Result<NewContainer>()>& create) {
  constexpr int kTries = 100, kPauseMs = 20;
  const std::string name = command.options().String("name");
  auto made = create();
  for (int tries = 0; replace && !made && made.error().code == Code::kExists && tries < kTries; tries++) {
    if (tries > 0) poll(nullptr, 0, kPauseMs);
    if (auto holder = NameHolder(store, name)) {
      auto removed = RemoveContainer(command.context, store, *holder, true);
      if (!removed && removed.error().code != Code::kNotFound)
        return std::unexpected(std::move(removed.error()).With("--replace"));
    }
    made = create();
  }
  return made;
}

// network.fallback: of a network that nobody asked for.
void FallBack(const Command& command, const Settings& settings, RunRequest& request) {
  const bool asked = command.options().Has("network") || command.options().Has("net");
  if (asked || settings.network_fallback != "host" || !HasDriver(request.network)) return;
  auto possible = CheckNetworkSupport(request.network.mode);
  if (possible) return;
  PrintNotice("wolffia: the container gets the host's network (network.fallback): " + possible.error().what);
  request.network.mode = "host";
}

// Whole names and those of images made here are found without a search list: then registries.conf, which
// distributions fill with aliases, is not read.
Result<Session> OpenRunSession(const Command& command, const std::string& typed) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto name = Reference::Parse(typed);
  bool settled = command.options().Bool("rootfs");
  const bool mounts = command.options().Has("mount");  // perhaps of images, whose names are not known yet
  if (name && !settled)
    settled = ImageStore(session.store)
                  .ByName((name->IsShort() ? name->WithDomain("localhost") : *name).WithDefaultTag().str())
                  .has_value();
  if (!settled || mounts) session.settings = TRY(LoadSettings(command, Registries::kLoad));
  return session;
}

}  // namespace

Result<IdFile> IdFile::Create(const std::string& path) {
  IdFile file;
  if (path.empty()) return file;
  auto fd = Open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!fd && fd.error().os_errno == EEXIST)
    return Fail(Code::kExists, "--cidfile " + path + " exists already: remove it, or name another file");
  file.fd_ = TRY_WITH(std::move(fd), "--cidfile");
  file.path_ = path;
  return file;
}

IdFile::~IdFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<NewContainerCommand> ReadNewContainer(const Command& command) {
  const auto& words = command.line.arguments;
  Session session = TRY(OpenRunSession(command, words[0]));
  RunRequest request = TRY(ReadRunFlags(command.options(), session.settings, {words.begin() + 1, words.end()},
                                        TRY(WorkingDirectory())));
  if (request.cgroup.limits.Any() || !request.cgroup.parent.empty())
    TRY(CheckCgroupSupport(CgroupHost::Detect(command.context, WishOf(request.cgroup), getuid()),
                          request.cgroup));
  WarnOfIoWeight(command.context, request.cgroup);
  TRY(CheckHost(command, RequiredGuarantees(request.annotations)));
  FallBack(command, session.settings, request);
  TRY(ResolveNetworks(session.store, request.network));
  auto joined = TRY(ResolveNamespaces(session.store, request));
  if (joined && request.network.mode == "bridge")
    return Fail(Code::kInvalid,
                "user-defined networks do not go with --pid, --ipc or --uts of another container: the "
                "container would have that one's user namespace");
  RunRoot root = TRY(OpenRunRoot(command, session, words[0]));
  return NewContainerCommand{std::move(session), std::move(request), std::move(root), std::move(joined)};
}

Result<NewContainer> MakeContainer(const Command& command, const NewContainerCommand& wanted,
                                   bool starts_now) {
  const auto& [session, asked, root, joined] = wanted;
  RunRequest request = asked;  // in which volumes get their names
  HostFacts host = TRY(HostFacts::Gather(command.context));
  const OwnMaps own = TRY(MapIds(session.store, wanted, host));
  const MappedIds& ids = own.ids;
  ContainerStore containers(session.store);
  ContainerFiles files;
  TRY(TakeSecrets(session.store, ids.maps, request, files));
  std::vector<VolumeUse> volumes = TRY(NameVolumes(session.store, root.config, request));
  ContainerRecord record = TRY(RecordOf(command, request, root, RandomHex(32)));
  record.volumes = volumes;
  record.images = TRY(NameImages(command, session, containers.DirectoryOf(record.id), request));
  if (root.rootfs.empty())
    record.upper = TRY(ChooseUpper(command.context, session.store, session.settings, request.storage));
  SpecInputs inputs{.request = request,
                    .image = root.config,
                    .ids = ids,
                    .host = host,
                    .settings = session.settings,
                    .root_file = root.read_file,
                    .container_id = record.id,
                    .container_dir = containers.DirectoryOf(record.id)};
  constexpr std::string_view kShared = "container:";
  if (request.network.mode.starts_with(kShared))
    inputs.network_dir = containers.DirectoryOf(request.network.mode.substr(kShared.size()));
  if (request.init) inputs.init_path = TRY(FindSibling("wolffia-init"));
  BuiltSpec built = TRY(BuildSpec(command.context, inputs));
  if (!HasUser(ids.maps, host.uid, host.gid)) TRY(CheckWithoutUser(record, built));
  built.spec.root_path = root.rootfs;
  TRY(CheckConfiguration(record, built.spec));
  record.command = built.spec.process.args;
  if (built.systemd && request.lifecycle.stop_signal.empty()) record.stop_signal = "SIGRTMIN+3";
  record.mounts = MountPoints(built.spec, inputs.container_dir);
  if (request.init) record.command.erase(record.command.begin(), record.command.begin() + kInitWords);
  files.merge(built.files);
  VolumeInputs places{command.context,
                      session.store,
                      host,
                      ids.maps,
                      root.lower,
                      built.spec.process.user.uid,
                      built.spec.process.user.gid};
  return Create(command, session.store, request.lifecycle.replace, [&]() -> Result<NewContainer> {
    NewVolumes made =
        TRY(NewVolumes::Make(places, request.mounts, volumes));  // held until the record names them
    NewContainer container = TRY(containers.Create(record, built.spec, files, starts_now));
    made.Keep();
    WriteContainerEvent(command.context, session.store, container.id, "create");
    return container;
  });
}

}  // namespace wolffia
