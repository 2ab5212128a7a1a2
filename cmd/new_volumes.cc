#include "cmd/new_volumes.h"

#include <algorithm>

#include "cmd/container_view.h"
#include "cmd/image_policy.h"
#include "cmd/image_view.h"
#include "cmd/run_root.h"
#include "cmd/volume_removal.h"
#include "engine/base/random.h"
#include "engine/runtime/launch_plan.h"
#include "engine/runtime/text_fields.h"
#include "engine/runtime/volume_fill.h"
#include "storage/secret_store.h"

namespace wolffia {
namespace {

bool HasDestination(const RunRequest& request, const std::string& destination) {
  return std::ranges::any_of(request.mounts,
                             [&](const MountRequest& m) { return m.destination == destination; });
}

// --- --volumes-from ---

struct Source {
  std::string container;
  std::optional<bool> read_only;  // nullopt: as it is there
};

Result<Source> ParseSource(const std::string& text) {
  std::vector<std::string_view> fields = SplitFields(text, ':', 2);
  Source source{std::string(fields[0]), {}};
  if (fields.size() == 1) return source;
  for (std::string_view option : SplitFields(fields[1], ',')) {
    bool access = option == "ro" || option == "rw";
    if ((!access && option != "z") || (access && source.read_only))
      return Fail(Code::kInvalid, "invalid options \"" + std::string(fields[1]) + "\" for --volumes-from " +
                                      source.container + ": can only specify one of 'ro' and 'rw', and 'z'");
    if (access) source.read_only = option == "ro";
  }
  return source;
}

// A mount of another container's as if it had been asked for.
MountRequest RequestOf(const SpecMount& mount, const ContainerRecord& record) {
  MountRequest request{.type = "bind", .source = mount.source, .destination = mount.destination};
  request.recursive = false;
  request.overlay = mount.type == "overlay";
  for (const VolumeUse& use : record.volumes)
    if (use.destination == mount.destination) {
      request.type = "volume";
      request.name = use.name;
    }
  for (const std::string& option : mount.options) {
    if (option == "ro")
      request.read_only = true;
    else if (option == "rbind")
      request.recursive = true;
    else if (option.ends_with("private") || option.ends_with("slave") || option.ends_with("shared"))
      request.propagation = option;
    else if (option != "rw" && option != "bind" && !option.starts_with("upperdir=") &&
             !option.starts_with("workdir="))
      request.options.push_back(option);
  }
  return request;
}

Result<> AddFrom(const Store& store, const std::string& text, RunRequest& request) {
  Source source = TRY(ParseSource(text));
  ContainerStore containers(store);
  auto id = containers.Lookup(source.container);
  if (!id) return std::unexpected(std::move(id.error()).With("--volumes-from"));
  ContainerStatus status = TRY(containers.Get(*id));
  RuntimeSpec spec = TRY(ContainerStore(store).ReadSpec(*id));
  for (const SpecMount& mount : UserMounts(spec, containers.DirectoryOf(*id))) {
    const auto& images = status.record.images;  // not volumes: they stay with their container, as podman's
    if (std::ranges::find(images, mount.destination, &ImageUse::destination) != images.end()) continue;
    if ((mount.type != "bind" && mount.type != "overlay") || HasDestination(request, mount.destination))
      continue;
    MountRequest added = RequestOf(mount, status.record);
    if (source.read_only) added.read_only = *source.read_only;
    request.mounts.push_back(std::move(added));
  }
  return {};
}

// --- VOLUMEs of the image ---

// An image may write there what it likes: what protects the host, and what every container has of its own,
// stays.
bool MayBeVolume(const std::string& path) {
  for (std::string_view ours : {"/proc", "/sys", "/dev"})
    if (path == ours || path.starts_with(std::string(ours) + "/")) return false;
  constexpr std::string_view kFiles[] = {"/",           "/etc/hosts", "/etc/hostname",  "/etc/resolv.conf",
                                         "/etc/passwd", "/etc/group", "/etc/localtime", "/run/.containerenv",
                                         "/run/secrets"};
  return std::ranges::find(kFiles, path) == std::end(kFiles);
}

Result<> AddImageVolumes(const ImageConfig& image, RunRequest& request) {
  if (request.volumes.image_volumes == "ignore") return {};
  const bool tmpfs = request.volumes.image_volumes == "tmpfs";
  for (const std::string& path : image.volumes) {
    MountRequest mount{.type = tmpfs ? "tmpfs" : "volume", .destination = CleanMountPoint(path)};
    if (MayBeVolume(mount.destination) && !HasDestination(request, mount.destination))
      request.mounts.push_back(std::move(mount));
  }
  return {};
}

// --- Names ---

// A volume made with options is another directory of the host, or memory.
Result<> ApplyOptions(const VolumeRecord& record, MountRequest& mount) {
  auto option = [&](const char* name) -> std::string_view {
    auto it = record.options.find(name);
    return it == record.options.end() ? std::string_view() : it->second;
  };
  if (option("type") == "tmpfs") {
    MountRequest tmpfs = TRY(ParseTmpfsFlag(mount.destination + ":" + std::string(option("o"))));
    mount.type = "tmpfs";
    mount.read_only = mount.read_only || tmpfs.read_only;
    mount.options.insert(mount.options.begin(), tmpfs.options.begin(), tmpfs.options.end());
  } else if (!option("device").empty()) {
    mount.source = option("device");
    for (std::string_view word : SplitFields(option("o"), ',')) {
      if (word == "ro") mount.read_only = true;
      if (word == "bind") mount.recursive = false;
    }
  }
  return {};
}

std::vector<std::string> OptionsOf(const MountRequest& mount) {
  std::vector<std::string> options = mount.options;
  if (mount.read_only) options.push_back("ro");
  if (mount.chown) options.push_back("U");
  if (mount.overlay) options.push_back("O");
  if (mount.no_copy) options.push_back("nocopy");
  return options;
}

Result<VolumeUse> NameVolume(const VolumeStore& volumes, MountRequest& mount) {
  VolumeUse use{.name = mount.name, .destination = mount.destination, .options = OptionsOf(mount)};
  if (mount.name.empty()) {
    mount.name = use.name = RandomHex(32);
    use.anonymous = true;
    mount.source = volumes.DataPath(use.name);
    return use;
  }
  mount.source = volumes.DataPath(use.name);
  auto known = volumes.Read(use.name);
  if (!known && known.error().os_errno != ENOENT) return std::unexpected(std::move(known.error()));
  if (known) {
    use.anonymous = known->anonymous;
    TRY(ApplyOptions(*known, mount));
  }
  return use;
}

bool Maps(const std::vector<SpecIdMapping>& map, uint32_t id) {
  return std::ranges::any_of(
      map, [&](const SpecIdMapping& m) { return id >= m.container_id && id - m.container_id < m.size; });
}

}  // namespace

Result<std::vector<VolumeUse>> NameVolumes(const Store& store, const ImageConfig& image,
                                           RunRequest& request) {
  for (const std::string& text : request.volumes.from) TRY(AddFrom(store, text, request));
  TRY(AddImageVolumes(image, request));
  VolumeStore volumes(store);
  std::vector<VolumeUse> uses;
  for (MountRequest& mount : request.mounts)
    if (mount.type == "volume") uses.push_back(TRY(NameVolume(volumes, mount)));
  return uses;
}

Result<std::vector<ImageUse>> NameImages(const Command& command, const Session& session,
                                         const std::string& container_dir, RunRequest& request) {
  std::vector<ImageUse> uses;
  for (MountRequest& mount : request.mounts) {
    if (mount.type != "image") continue;
    const std::string what = "creating image volume \"" + mount.name + "\":\"" + mount.destination + "\"";
    ImageRecord image = TRY_WITH(ResolveImage(session, mount.name), what);
    TRY_WITH(CheckPolicyOfNow(command, image), what);
    TRY_WITH(OpenLayers(command, session.store, image.chain, image.diff_ids), what);
    mount.source = container_dir + "/" + ImagePlace(uses.size());
    uses.push_back({mount.name, mount.destination, image.config, image.chain, std::move(image.diff_ids)});
  }
  return uses;
}

Result<> TakeSecrets(const Store& store, const IdMaps& maps, RunRequest& request, ContainerFiles& files) {
  SecretStore secrets(store);
  for (SecretUse& use : request.volumes.secrets) {
    SecretRecord record = TRY(secrets.Get(use.name));
    use.name = record.name;
    use.id = record.id;
    if (!use.as_env && (!Maps(maps.uids, use.uid) || !Maps(maps.gids, use.gid)))
      return Fail(Code::kUnsupported, "--secret " + use.name + ": user " + std::to_string(use.uid) +
                                          " or group " + std::to_string(use.gid) +
                                          " is not mapped in the container's user namespace");
    std::string data = TRY(secrets.ReadData(use.name));
    if (use.as_env && data.find('\0') != std::string::npos)
      return Fail(Code::kInvalid, "--secret " + use.name +
                                      ": it has a NUL byte, which no environment variable can; "
                                      "mount it as a file");
    files["secrets/" + use.name] = std::move(data);
  }
  return {};
}

Result<> NewVolumes::MakeOne(const VolumeInputs& in, const MountRequest& mount, const VolumeUse& use) {
  VolumeStore volumes(in.store);
  VolumeFill fill{in.lower, mount.destination, !mount.no_copy, in.uid, in.gid};
  auto work = [&](int data) { return FillVolume(fill, data, in.maps, in.host, in.store.durability()); };
  const bool done = fill.copy && HasContent(fill);
  constexpr int kAttempts = 100;  // each lost race is somebody else's creation or removal
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string left_over;
    FileLock lock;
    VolumeRecord wanted{
        .name = use.name, .created_ns = in.context.now(), .anonymous = use.anonymous, .filled = done};
    auto made = volumes.Create(wanted, work, &lock, &left_over);
    RemoveLeftOver(in.context, in.store, left_over);
    if (made) {
      WriteVolumeEvent(in.context, in.store, "create", use.name);
      if (use.anonymous) made_.push_back(use.name);
      locks_.push_back(std::move(lock));
      return {};
    }
    if (made.error().code != Code::kExists) return std::unexpected(std::move(made.error()));
    auto held = volumes.Hold(use.name);
    auto known = held ? volumes.Read(use.name) : Result<VolumeRecord>(std::unexpected(held.error()));
    if (!known && known.error().os_errno == ENOENT) continue;
    if (!known) return std::unexpected(std::move(known.error()));
    // One that another container uses may be mounted: its directory cannot be exchanged any more.
    if (!known->filled && known->options.empty() && TRY(volumes.Users(use.name)).empty()) {
      auto filled = volumes.FillOnce(*known, work, done, &left_over);
      RemoveLeftOver(in.context, in.store, left_over);
      TRY(std::move(filled));
    }
    locks_.push_back(std::move(*held));
    return {};
  }
  return Fail(Code::kBusy, "volume " + use.name + " is being made and removed by others; try again");
}

Result<NewVolumes> NewVolumes::Make(const VolumeInputs& inputs, const std::vector<MountRequest>& mounts,
                                    const std::vector<VolumeUse>& uses) {
  NewVolumes made(inputs);
  std::vector<const VolumeUse*> ordered;  // by name, or two commands could wait for each other
  for (const VolumeUse& use : uses) ordered.push_back(&use);
  std::ranges::stable_sort(ordered, {}, [](const VolumeUse* use) { return use->name; });
  std::string last;
  for (const VolumeUse* use : ordered) {
    if (use->name == last) continue;  // at two places: the lock is held already
    last = use->name;
    for (const MountRequest& mount : mounts)
      if (mount.destination == use->destination) TRY(made.MakeOne(inputs, mount, *use));
  }
  for (const MountRequest& mount : mounts)
    if (mount.chown && !mount.source.empty())
      TRY(ChownTree(mount.source, inputs.uid, inputs.gid, inputs.maps, inputs.host));
  return made;
}

NewVolumes::~NewVolumes() {
  if (made_.empty()) return;
  locks_.clear();  // a removal takes the lock itself
  for (const std::string& name : made_) (void)RemoveVolume(*context_, *store_, name);
}

}  // namespace wolffia
