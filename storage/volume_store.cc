#include "storage/volume_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/random.h"
#include "storage/container_record.h"
#include "storage/staging.h"
#include "storage/volume_record.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr mode_t kDataMode = 0755;

bool IsNameByte(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '.' || c == '-');
}

std::string MetaPath(const std::string& name) {
  return VolumeStore::PathOf(name) + "/meta.json";
}

std::unexpected<Error> NoSuchVolume(std::string_view typed) {
  return Fail(Code::kNotFound, "no volume with name \"" + std::string(typed) + "\" found: no such volume",
              ENOENT);
}

// Removes what could not become data/. Files of other ids are named in `left_over`.
void DropTree(const Store& store, const std::string& path, std::string* left_over) {
  const std::string old = "tmp/" + RandomHex(8) + ".old";
  if (!RenameAt(store.root(), path, store.root(), old)) return;
  if (!Staging::RemoveTree(store, old) && left_over != nullptr) *left_over = old;
}

// The directory that `fill` writes into, in staging; what it left half-done is dropped.
Result<> MakeData(const Store& store, const Staging& staging, const std::string& name,
                  const VolumeStore::Fill& fill, std::string* left_over) {
  if (mkdirat(staging.dirfd(), name.c_str(), 0700) < 0) return FailErrno("make the volume's directory");
  Fd data = TRY(OpenDirectory(staging.dirfd(), name));
  if (fchmod(data.get(), kDataMode) < 0) return FailErrno("make the volume's directory");
  if (!fill) return {};
  Result<> filled = fill(data.get());
  if (!filled) DropTree(store, staging.path() + "/" + name, left_over);
  return filled;
}

Result<> SyncName(const Store& store) {
  if (store.durability() != Durability::kSafe) return {};
  Fd directory = TRY(OpenDirectory(store.root(), "volumes"));
  return SyncFd(directory.get(), "volumes");
}

Result<> SyncVolume(const Store& store, int volume) {
  if (store.durability() != Durability::kSafe) return {};
  Fd meta = TRY(OpenAt(volume, "meta.json", O_RDONLY | O_NOFOLLOW));
  TRY(SyncFd(meta.get(), "meta.json"));
  return SyncFd(volume, "the volume's directory");
}

bool Names(const ContainerRecord& record, const std::string& volume) {
  return std::ranges::any_of(record.volumes, [&](const VolumeUse& use) { return use.name == volume; });
}

Result<> AddUsers(const Store& store, const std::string& directory, const std::string& volume,
                  std::vector<std::string>* users) {
  auto record = ReadContainer(store, directory);
  // One that is gone, or is not written yet (its maker holds the volume's lock), or cannot be used any more.
  if (record && Names(*record, volume)) users->push_back(record->id);
  if (!record && record.error().code != Code::kNotFound && record.error().code != Code::kInvalid)
    return std::unexpected(std::move(record.error()));
  return {};
}

bool IsEmptyDirectory(int dirfd, const std::string& path) {
  auto names = ListDirectory(dirfd, path);
  return names && names->empty();
}

}  // namespace

Result<> CheckVolumeName(std::string_view name) {
  bool good = !name.empty() && name.size() <= 255;
  for (size_t i = 0; good && i < name.size(); ++i) good = IsNameByte(name[i], i == 0);
  if (good) return {};
  return Fail(Code::kInvalid, "the volume name '" + std::string(name.substr(0, 300)) +
                                  "' is not allowed: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]* and have at "
                                  "most 255 bytes: invalid argument");
}

Result<VolumeRecord> VolumeStore::Create(VolumeRecord record, const Fill& fill, FileLock* lock,
                                         std::string* left_over) const {
  if (record.name.empty()) record.name = RandomHex(32);
  TRY(CheckVolumeName(record.name));
  auto exists = [&] {
    return Fail(Code::kExists, "volume with name " + record.name + " already exists: volume already exists",
                EEXIST);
  };
  if (ExistsAt(store_.root(), PathOf(record.name))) return exists();
  Staging staging = TRY(Staging::Begin(store_));
  if (mkdirat(staging.dirfd(), "volume", 0700) < 0) return FailErrno("make the volume's directory");
  TRY(MakeData(store_, staging, "volume/data", fill, left_over));
  Fd volume = TRY(OpenDirectory(staging.dirfd(), "volume"));
  auto finished = [&]() -> Result<> {
    TRY(CreateFileAt(volume.get(), "meta.json", SerializeVolume(record), 0600));
    FileLock held = TRY(FileLock::Acquire(volume.get(), "lock"));
    TRY(SyncVolume(store_, volume.get()));
    auto named = RenameAt(staging.dirfd(), "volume", store_.root(), PathOf(record.name), RENAME_NOREPLACE);
    if (!named && named.error().code == Code::kExists) return exists();
    TRY(std::move(named));
    if (lock != nullptr) *lock = std::move(held);
    return {};
  }();
  if (!finished) {
    DropTree(store_, staging.path() + "/volume", left_over);
    return std::unexpected(std::move(finished.error()));
  }
  TRY(SyncName(store_));
  return record;
}

Result<VolumeRecord> VolumeStore::Read(const std::string& name) const {
  const std::string path = MetaPath(name);
  VolumeRecord record = TRY(ParseVolume(TRY(ReadFileAt(store_.root(), path, kMaxRecordBytes)), path));
  if (record.name != name) return Fail(Code::kInvalid, path + ": it is of another volume");
  return record;
}

Result<VolumeRecord> VolumeStore::Get(std::string_view typed) const {
  if (!CheckVolumeName(typed)) return NoSuchVolume(typed);
  auto record = Read(std::string(typed));
  if (record || record.error().os_errno != ENOENT) return record;
  std::string found;
  for (const std::string& name : TRY(ListDirectory(store_.root(), "volumes"))) {
    if (!name.starts_with(typed) || !CheckVolumeName(name)) continue;
    if (!found.empty())
      return Fail(Code::kInvalid,
                  "more than one result for volume name " + std::string(typed) + ": volume already exists");
    found = name;
  }
  if (found.empty()) return NoSuchVolume(typed);
  record = Read(found);
  if (!record && record.error().os_errno == ENOENT) return NoSuchVolume(typed);
  return record;
}

Result<std::vector<VolumeRecord>> VolumeStore::List() const {
  std::vector<VolumeRecord> all;
  for (const std::string& name : TRY(ListDirectory(store_.root(), "volumes"))) {
    auto record = Read(name);
    if (record) all.push_back(std::move(*record));
  }
  std::ranges::sort(all, {}, &VolumeRecord::name);
  return all;
}

Result<FileLock> VolumeStore::Hold(const std::string& name) const {
  if (!CheckVolumeName(name)) return NoSuchVolume(name);
  const std::string path = PathOf(name) + "/lock";
  for (;;) {
    auto lock = FileLock::Acquire(store_.root(), path);
    if (!lock && lock.error().os_errno == ENOENT) return NoSuchVolume(name);
    if (!lock) return lock;
    // It may have been removed, and another one made, while we waited.
    struct stat ours, there;
    if (fstat(lock->fd(), &ours) < 0) return FailErrno(path);
    if (fstatat(store_.root(), path.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
      return lock;
  }
}

Result<> VolumeStore::WriteRecord(const VolumeRecord& record) const {
  return ReplaceFileAt(store_.root(), MetaPath(record.name), SerializeVolume(record), 0600,
                       store_.durability());
}

Result<> VolumeStore::FillOnce(VolumeRecord record, const Fill& fill, bool done, std::string* left_over) const {
  const std::string data = PathOf(record.name) + "/data";
  record.filled = true;
  if (IsEmptyDirectory(store_.root(), data)) {
    Staging staging = TRY(Staging::Begin(store_));
    TRY(MakeData(store_, staging, "data", fill, left_over));
    auto exchanged = RenameAt(staging.dirfd(), "data", store_.root(), data, RENAME_EXCHANGE);
    DropTree(store_, staging.path() + "/data", left_over);  // the empty one; the filled one if that failed
    TRY(std::move(exchanged));
    record.filled = done;
  }
  return record.filled ? WriteRecord(record) : Result<>();
}

Result<std::vector<std::string>> VolumeStore::Users(const std::string& name) const {
  std::vector<std::string> users;
  // In this order: what is being made when we look appears in the second list at the latest.
  for (const std::string& entry : TRY(ListDirectory(store_.root(), "tmp")))
    if (entry.size() == 16 && Staging::IsLive(store_, entry))
      TRY(AddUsers(store_, "tmp/" + entry + "/container", name, &users));
  for (const std::string& id : TRY(ListDirectory(store_.root(), "containers")))
    TRY(AddUsers(store_, "containers/" + id, name, &users));
  std::ranges::sort(users);
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

Result<> VolumeStore::Remove(const std::string& name, std::string* left_over) const {
  FileLock lock = TRY(Hold(name));
  std::string ids;
  for (const std::string& id : TRY(Users(name))) ids += (ids.empty() ? "" : ", ") + id;
  if (!ids.empty())
    return Fail(Code::kBusy, "volume " + name + " is being used by the following container(s): " + ids +
                                 ": volume is being used");
  const std::string old = "tmp/" + RandomHex(8) + ".old";
  auto renamed = RenameAt(store_.root(), PathOf(name), store_.root(), old);
  // No room even for a name in tmp/: removed where it is, its record first, so that half of it is no volume.
  const bool in_place = !renamed && renamed.error().code == Code::kNoSpace;
  if (!renamed && !in_place) return renamed;
  if (in_place && unlinkat(store_.root(), MetaPath(name).c_str(), 0) < 0 && errno != ENOENT)
    return FailErrno("remove volume " + name);
  auto removed = Staging::RemoveTree(store_, in_place ? PathOf(name) : old);
  if (!removed && left_over != nullptr) *left_over = in_place ? PathOf(name) : old;
  return removed;
}

void VolumeStore::MoveAnonymous(const ContainerRecord& record, const std::string& gone) const {
  for (const VolumeUse& use : record.volumes) {
    if (!use.anonymous) continue;
    auto lock = Hold(use.name);
    auto users = Users(use.name);
    if (!lock || !users || !users->empty()) continue;
    (void)RenameAt(store_.root(), PathOf(use.name), store_.root(),
                   gone + "/volume." + use.name.substr(0, 200));
  }
}

}  // namespace wolffia
