#include "storage/container_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "engine/base/random.h"
#include "storage/container_record.h"
#include "storage/content.h"
#include "storage/name_claim.h"
#include "storage/network_json.h"
#include "storage/random_name.h"
#include "storage/staging.h"
#include "storage/volume_store.h"

namespace wolffia {
namespace {

constexpr size_t kMaxCellBytes = 1 << 20, kMaxSpecBytes = 16 << 20;
constexpr int kNameAttempts = 20;

std::string PathOf(const std::string& id) {
  return "containers/" + id;
}
std::string GonePath(const std::string& id) {
  return "tmp/" + id + ".gone";
}
std::string MarkPath(const std::string& id) {
  return "tmp/" + id + ".rm";
}

std::unexpected<Error> NoSuchContainer(std::string_view typed) {
  return Fail(Code::kNotFound,
              "no container with name or ID \"" + std::string(typed) + "\" found: no such container", ENOENT);
}

// Writes the record and claims its name, in this order: Sweep releases the claim of a dead staging directory
// by its record. Without a name from the user, the first random one that is free.
Result<> WriteAndClaim(const Store& store, const Staging& staging, ContainerRecord* record) {
  const bool any_name = record->name.empty();
  for (int attempt = 0;; ++attempt) {
    if (any_name) record->name = RandomName(attempt);
    Fd file = TRY(OpenAt(staging.dirfd(), "container/config.json", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    TRY_WITH(WriteFull(file.get(), SerializeContainer(*record)), "config.json");
    auto claimed = ClaimName(store, staging, record->name, record->id);
    if (claimed || !any_name || claimed.error().code != Code::kExists || attempt == kNameAttempts)
      return claimed;
  }
}

Result<> CheckImage(const Store& store, const Digest& image_id, const Digest& chain,
                    const std::vector<Digest>& diff_ids) {
  std::vector<std::string> needed;
  if (!image_id.empty()) needed.push_back(Store::BlobPath(image_id));
  for (const Digest& diff_id : diff_ids) needed.push_back(Store::BlobPath(diff_id));
  for (const std::string& path : needed)
    if (!ContentExists(store, path))
      return Fail(Code::kNotFound, "the image of the container is not complete any more: " + path +
                                       " is missing; pull it again");
  if (!chain.empty()) (void)ContentExists(store, Store::ChainIndexPath(chain));
  return {};
}

// The staged record pins its images (live_content.h): from here on what is there stays there.
Result<> CheckImages(const Store& store, const ContainerRecord& record) {
  TRY(CheckImage(store, record.image_id, record.chain, record.diff_ids));
  for (const ImageUse& use : record.images)
    TRY_WITH(CheckImage(store, use.image_id, use.chain, use.diff_ids), "mount of the image " + use.name);
  return {};
}

Result<FileLock> FillDirectory(int dirfd, const RuntimeSpec& spec, const ContainerFiles& files) {
  TRY(CreateFileAt(dirfd, "spec.json", spec.Serialize(), 0600));
  for (const auto& [name, content] : files) {
    const bool secret = name.starts_with("secrets/");
    if (secret && mkdirat(dirfd, "secrets", 0700) < 0 && errno != EEXIST)
      return FailErrno("make directory secrets");
    TRY(CreateFileAt(dirfd, name, content, secret ? 0600 : 0644));
  }
  for (const char* directory : {"upper", "work", "merged", "lower"})
    if (mkdirat(dirfd, directory, 0700) < 0) return FailErrno(std::string("make directory ") + directory);
  // The sticky bit says that the root directory has not been given the image's owner, mode and times yet
  // (OverlayTree).
  if (fchmodat(dirfd, "upper", S_ISVTX | 0700, 0) < 0) return FailErrno("make directory upper");
  auto lock = TRY(FileLock::TryAcquire(dirfd, "lock"));
  if (!lock) return Fail(Code::kBusy, "the lock of a new container is held");
  return std::move(*lock);
}

// All files are on their way to the disk before the first is waited for: a journal then commits them
// together, where one after the other each would cost a commit of its own.
Result<> SyncDirectory(int dirfd, const ContainerFiles& files) {
  std::vector<std::string> names = {"config.json", "spec.json"};
  for (const auto& [name, content] : files) names.push_back(name);
  std::vector<Fd> opened;
  for (const std::string& name : names) {
    opened.push_back(TRY(OpenAt(dirfd, name, O_RDONLY | O_NOFOLLOW)));
    (void)sync_file_range(opened.back().get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // fsync says what failed
  }
  for (size_t i = 0; i < names.size(); i++) TRY(SyncFd(opened[i].get(), names[i]));
  return SyncFd(dirfd, "the container's directory");
}

Result<> SyncNames(int root) {
  for (const char* name : {"names", "containers"}) {
    Fd directory = TRY(OpenDirectory(root, name));
    TRY(SyncFd(directory.get(), name));
  }
  return {};
}

template <typename Cell, typename Parse>
std::optional<Cell> ReadCell(const Store& store, const std::string& path, Parse parse) {
  auto json = ReadFileAt(store.root(), path, kMaxCellBytes);
  if (!json) return std::nullopt;
  auto cell = parse(*json, path);
  if (!cell) return std::nullopt;
  return std::move(*cell);
}

// nullopt: it is out of the scope.
Result<std::optional<ContainerStatus>> ReadStatus(const Store& store, const std::string& id,
                                                  const ListScope& scope) {
  const std::string path = PathOf(id);
  // The lock first: once it is free, the two files say how it ended.
  const bool held = FileLock::IsHeld(store.root(), path + "/lock").value_or(false);
  if (scope.held_only && !held) return std::nullopt;
  ContainerStatus status;
  status.record = TRY(ReadContainer(store, path));
  if (status.record.id != id) return Fail(Code::kInvalid, path + "/config.json: it is of another container");
  if (held) {
    status.live = ReadCell<LiveRecord>(store, path + "/live.json", ParseLive);
    status.phase = status.live ? status.live->phase : Phase::kRunning;
  }
  if (scope.history || status.phase != Phase::kRunning)
    status.exited = ReadCell<ExitRecord>(store, path + "/exit.json", ParseExit);
  if (scope.history || held || !status.exited)
    status.started = ReadCell<StartedRecord>(store, path + "/started.json", ParseStarted);
  if (status.phase != Phase::kNone && status.phase != Phase::kMounted)
    status.state = ContainerState::kRunning;
  else if (status.exited)
    status.state = ContainerState::kExited;
  else if (status.started)
    status.state = ContainerState::kCrashed;
  return status;
}

// Whoever finds the mark of a container whose lock is free removes it.
Result<> MarkForRemoval(const Store& store, const std::string& id) {
  if (mknodat(store.root(), MarkPath(id).c_str(), S_IFREG | 0600, 0) < 0 && errno != EEXIST)
    return FailErrno("make " + MarkPath(id));
  return {};
}

// Takes the container's lock for a removal. Empty if that needs no lock or can have none (the container is
// gone, or the disk is so full that a lost lock file cannot be made again).
Result<FileLock> LockForRemoval(const Store& store, const std::string& id) {
  if (!ExistsAt(store.root(), PathOf(id))) return FileLock();
  auto lock = FileLock::TryAcquire(store.root(), PathOf(id) + "/lock");
  if (!lock && (lock.error().code == Code::kNotFound || lock.error().code == Code::kNoSpace))
    return FileLock();
  auto taken = TRY(std::move(lock));
  if (!taken)
    return Fail(Code::kBusy, "container " + id.substr(0, 12) + " is running; stop it first, or use --force");
  return std::move(*taken);
}

// What a monitor that was killed has left in the runtime directory.
void ForgetRuntimeState(const Store& store, const std::string& id) {
  const std::string& runroot = store.runroot_path();
  unlink(ContainerStore(store).CountersPath(id).c_str());
  unlink((runroot + "/monitors/" + id).c_str());
  for (const char* name : {".pid", ".new"}) unlink((runroot + "/pids/" + id + name).c_str());
  (void)RemoveTreeAt(AT_FDCWD, runroot + "/exec/" + id);
}

// The second half of a removal, done again by Sweep after a crash: claim, volumes, tree, mark.
Result<> FinishRemoval(const Store& store, const std::string& id, std::string* left_over, bool volumes) {
  ForgetRuntimeState(store, id);
  auto record = ReadContainer(store, GonePath(id));
  if (record)
    ReleaseName(store, record->name, id);
  else if (record.error().os_errno != ENOENT)
    ReleaseNamesOf(store, id);
  if (record && (volumes || record->auto_remove)) VolumeStore(store).MoveAnonymous(*record, GonePath(id));
  auto removed = Staging::RemoveTree(store, GonePath(id));
  if (!removed) {
    if (left_over != nullptr) *left_over = GonePath(id);
    return removed;
  }
  unlinkat(store.root(), MarkPath(id).c_str(), 0);
  return {};
}

}  // namespace

std::string_view PhaseName(Phase phase) {
  static constexpr std::string_view kNames[] = {"",           "running",  "initialized", "paused",
                                                "restarting", "stopping", "mounted"};
  return kNames[static_cast<size_t>(phase)];
}

std::string_view StateName(const ContainerStatus& status) {
  switch (status.state) {
    case ContainerState::kCreated:
      return "created";
    case ContainerState::kRunning:
      return PhaseName(status.phase);
    case ContainerState::kExited:
    case ContainerState::kCrashed:
      return "exited";
  }
  return "unknown";
}

std::string ContainerStore::DirectoryOf(const std::string& id) const {
  return store_.root_path() + "/" + PathOf(id);
}

Result<NewContainer> ContainerStore::Create(ContainerRecord record, const RuntimeSpec& spec,
                                            const ContainerFiles& files, bool starts_now) const {
  if (record.id.empty()) record.id = RandomHex(32);
  if (!IsContainerId(record.id)) return Fail(Code::kInvalid, "'" + record.id + "' is not a container id");
  // A container that does not outlive its process does not outlive a power cut either.
  const bool durable = store_.durability() == Durability::kSafe && !record.auto_remove;
  Staging staging = TRY(Staging::Begin(store_, StagingIdOf(record.id)));
  if (ExistsAt(store_.root(), PathOf(record.id)))
    return Fail(Code::kExists, "there is a container " + record.id + " already");
  auto undo = [&](Error error) {
    if (!record.name.empty()) ReleaseName(store_, record.name, record.id);
    unlinkat(store_.root(), MarkPath(record.id).c_str(), 0);
    return std::unexpected(std::move(error));
  };
  auto made = [&]() -> Result<FileLock> {
    if (mkdirat(staging.dirfd(), "container", 0700) < 0) return FailErrno("make the container's directory");
    TRY(WriteAndClaim(store_, staging, &record));
    Fd directory = TRY(OpenDirectory(staging.dirfd(), "container"));
    FileLock lock = TRY(FillDirectory(directory.get(), spec, files));
    TRY(CheckImages(store_, record));
    if (record.auto_remove && starts_now) TRY(MarkForRemoval(store_, record.id));
    if (durable) TRY(SyncDirectory(directory.get(), files));
    TRY(RenameAt(staging.dirfd(), "container", store_.root(), PathOf(record.id), RENAME_NOREPLACE));
    return lock;
  }();
  if (!made) return undo(std::move(made.error()));
  if (durable) {
    auto synced = SyncNames(store_.root());
    if (!synced) {
      (void)Staging::Discard(store_, PathOf(record.id));
      return undo(std::move(synced.error()));
    }
  }
  return NewContainer{record.id, DirectoryOf(record.id), std::move(*made)};
}

Result<std::optional<NewContainer>> ContainerStore::Take(const std::string& id, bool starts_now) const {
  auto lock = FileLock::TryAcquire(store_.root(), PathOf(id) + "/lock");
  if (!lock && lock.error().os_errno == ENOENT) return NoSuchContainer(id);
  auto taken = TRY(std::move(lock));
  if (!taken) return std::optional<NewContainer>();
  ContainerRecord record = TRY(ReadContainer(store_, PathOf(id)));
  if (starts_now)
    RemoveLive(id);
  else
    (void)WriteLive(id, {.phase = Phase::kMounted});
  if (record.auto_remove && starts_now) TRY(MarkForRemoval(store_, id));
  return std::optional<NewContainer>(NewContainer{id, DirectoryOf(id), std::move(*taken)});
}

Result<std::vector<ContainerStatus>> ContainerStore::List(const ListScope& scope) const {
  std::vector<ContainerStatus> all;
  for (const std::string& id : TRY(ListDirectory(store_.root(), "containers"))) {
    auto status = ReadStatus(store_, id, scope);
    if (status && *status) all.push_back(std::move(**status));
  }
  // They are large: each is moved once.
  std::vector<ContainerStatus*> order;
  for (ContainerStatus& status : all) order.push_back(&status);
  std::ranges::sort(order, std::greater(), [](const ContainerStatus* status) {
    return std::tie(status->record.created_ns, status->record.id);
  });
  std::vector<ContainerStatus> newest_first;
  newest_first.reserve(all.size());
  for (ContainerStatus* status : order) newest_first.push_back(std::move(*status));
  return newest_first;
}

Result<std::multimap<std::string, std::string>> ContainerStore::Sharers() const {
  constexpr std::string_view kContainer = "container:";
  std::multimap<std::string, std::string> sharers;
  for (const std::string& id : TRY(ListDirectory(store_.root(), "containers"))) {
    auto json = ReadFileAt(store_.root(), PathOf(id) + "/config.json", kMaxSpecBytes);
    if (!json || json->find(kContainer) == std::string::npos) continue;  // nearly all: no need to parse it
    auto record = ReadContainer(store_, PathOf(id));
    if (!record) continue;
    std::set<std::string> others;
    for (const std::string* mode :
         {&record->pid_mode, &record->ipc_mode, &record->uts_mode, &record->network_config.mode})
      if (mode->starts_with(kContainer)) others.insert(mode->substr(kContainer.size()));
    for (const std::string& other : others) sharers.emplace(other, id);
  }
  return sharers;
}

Result<ContainerStatus> ContainerStore::Get(const std::string& id) const {
  if (!IsContainerId(id)) return NoSuchContainer(id);
  auto status = ReadStatus(store_, id, {});
  if (!status && status.error().os_errno == ENOENT) return NoSuchContainer(id);
  return *TRY(std::move(status));
}

Error ContainerStore::OrGone(const std::string& id, Error error) const {
  auto now = Get(id);
  return !now && now.error().code == Code::kNotFound ? std::move(now.error()) : std::move(error);
}

Result<RuntimeSpec> ContainerStore::ReadSpec(const std::string& id) const {
  auto json = ReadFileAt(store_.root(), PathOf(id) + "/spec.json", kMaxSpecBytes);
  if (!json) return std::unexpected(OrGone(id, std::move(json.error())));
  return RuntimeSpec::Parse(*json).With("spec.json of container " + id.substr(0, 12));
}

Result<std::string> ContainerStore::Lookup(std::string_view typed) const {
  if (IsContainerId(typed) && ExistsAt(store_.root(), PathOf(std::string(typed)))) return std::string(typed);
  if (!CheckContainerName(typed)) return NoSuchContainer(typed);
  auto holder = NameHolder(store_, std::string(typed));
  if (holder && HasName(store_, *holder, std::string(typed)) && ExistsAt(store_.root(), PathOf(*holder)))
    return *holder;
  std::string found;
  for (const std::string& id : TRY(ListDirectory(store_.root(), "containers"))) {
    if (!IsContainerId(id) || !id.starts_with(typed)) continue;
    if (!found.empty())
      return Fail(Code::kInvalid, "more than one result for container ID " + std::string(typed) +
                                      ": container already exists");
    found = id;
  }
  if (found.empty()) return NoSuchContainer(typed);
  return found;
}

Result<> ContainerStore::WriteStarted(const std::string& id, const StartedRecord& record) const {
  unlinkat(store_.root(), (PathOf(id) + "/exit.json").c_str(), 0);
  return ReplaceFileAt(store_.root(), PathOf(id) + "/started.json", SerializeStarted(record), 0600,
                       Durability::kVolatile);
}

Result<> ContainerStore::WriteExit(const std::string& id, const ExitRecord& record) const {
  const bool removed_soon = ExistsAt(store_.root(), MarkPath(id));
  return ReplaceFileAt(store_.root(), PathOf(id) + "/exit.json", SerializeExit(record), 0600,
                       removed_soon ? Durability::kVolatile : store_.durability());
}

Result<> ContainerStore::WriteLive(const std::string& id, const LiveRecord& record) const {
  return ReplaceFileAt(store_.root(), PathOf(id) + "/live.json", SerializeLive(record), 0600,
                       Durability::kVolatile);
}

Result<> ContainerStore::WriteNetwork(const std::string& id, const NetworkState& state) const {
  return ReplaceFileAt(store_.root(), PathOf(id) + "/network.json", SerializeNetwork(state), 0600,
                       Durability::kVolatile);
}

Result<NetworkState> ContainerStore::ReadNetwork(const std::string& id) const {
  constexpr size_t kMaxBytes = 1 << 20;
  const std::string path = PathOf(id) + "/network.json";
  return ParseNetwork(TRY(ReadFileAt(store_.root(), path, kMaxBytes)), path);
}

void ContainerStore::RemoveLive(const std::string& id) const {
  unlinkat(store_.root(), (PathOf(id) + "/live.json").c_str(), 0);
}

Result<> ContainerStore::Remove(const std::string& id, std::string* left_over, bool lock_is_ours,
                                bool volumes) const {
  if (!IsContainerId(id)) return NoSuchContainer(id);
  FileLock lock;
  if (!lock_is_ours) lock = TRY(LockForRemoval(store_, id));
  auto renamed = RenameAt(store_.root(), PathOf(id), store_.root(), GonePath(id));
  if (!renamed && renamed.error().code == Code::kNoSpace) {
    // No room even for a name in tmp/: removed in place, its record last seen first.
    auto record = ReadContainer(store_, PathOf(id));
    if (record) ReleaseName(store_, record->name, id);
    TRY(Staging::RemoveTree(store_, PathOf(id)));
    if (record && (volumes || record->auto_remove))
      for (const VolumeUse& use : record->volumes)
        if (use.anonymous) (void)VolumeStore(store_).Remove(use.name);  // `volume prune` finds it otherwise
  } else if (!renamed && renamed.error().os_errno != ENOENT) {
    return renamed;
  }
  return FinishRemoval(store_, id, left_over, volumes);
}

Result<> ContainerStore::Sweep(std::vector<std::string>* left_over) const {
  Result<> first;
  for (const std::string& entry : TRY(ListDirectory(store_.root(), "tmp"))) {
    const bool marked = entry.ends_with(".rm");
    if (!marked && !entry.ends_with(".gone")) continue;
    const std::string id = entry.substr(0, entry.rfind('.'));
    if (!IsContainerId(id)) continue;
    // A mark is made before its container, which may still be on its way; whoever removes one holds its lock.
    if (marked && Staging::IsLive(store_, StagingIdOf(id))) continue;
    auto removing = FileLock::IsHeld(store_.root(), GonePath(id) + "/lock");
    if (removing && *removing) continue;
    std::string path;
    auto removed = marked ? Remove(id, &path) : FinishRemoval(store_, id, &path, false);
    if (removed || removed.error().code == Code::kBusy) continue;
    if (removed.error().os_errno == EROFS) return {};
    if (removed.error().code == Code::kDenied) {
      if (left_over != nullptr && std::ranges::find(*left_over, path) == left_over->end())
        left_over->push_back(path);
    } else if (first) {
      first = std::move(removed);
    }
  }
  return first;
}

}  // namespace wolffia
