#include "storage/overlay/directory_lower.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "storage/overlay/byte_copy.h"
#include "storage/overlay/layer_stack.h"
#include "storage/overlay/lower_xattr.h"

namespace wolffia {
namespace {

constexpr size_t kMaxTarget = 4095;  // PATH_MAX less the terminator

// A merged directory that was read.
struct Directory {
  std::vector<PartId> parts;
  MergedNames merged;
  std::unique_ptr<std::atomic<LowerId>[]> ids;  // of the names; kNoLower: none yet
};

struct Entry {
  LowerId parent;
  const char* name;  // in the parent's MergedNames
  uint32_t part;     // index in the parent's parts
  mode_t type;
  std::atomic<bool> looked_at = false;  // `st` is there
  struct stat st{};                     // as a user is to see it, but for the links of a directory
  std::atomic<Directory*> directory = nullptr;

  Entry(LowerId p, const char* n, uint32_t i, mode_t t) : parent(p), name(n), part(i), type(t) {}
};

// Where an entry lies on the host.
struct HostSpot {
  SharedFd dirfd;
  const char* name = "";
};

// Inode numbers of several devices, made different: the device's turn is mixed into the high bits.
class InodeNumbers {
 public:
  explicit InodeNumbers(std::vector<dev_t> devices) : devices_(std::move(devices)) {}
  uint64_t Shown(dev_t device, uint64_t ino) {
    std::lock_guard lock(lock_);
    auto at = std::ranges::find(devices_, device);
    uint64_t turn = static_cast<uint64_t>(at - devices_.begin());
    if (at == devices_.end()) devices_.push_back(device);  // something is mounted inside a layer
    return turn == 0 ? ino : ino ^ (turn << 48) ^ (uint64_t{1} << 63);
  }

 private:
  std::mutex lock_;
  std::vector<dev_t> devices_;
};

struct HostInode {
  dev_t device;
  ino_t ino;
  bool operator==(const HostInode&) const = default;
};
struct HashHostInode {
  size_t operator()(const HostInode& i) const { return i.ino * 31 + i.device; }
};

class DirectoryLower : public LowerSource {
 public:
  DirectoryLower(std::vector<Fd> layers, std::vector<dev_t> devices, DirectoryLowerOptions options)
      : options_(std::move(options)),
        stack_(std::move(layers), options_.ids == UpperIds::kOverride, options_.descriptors * 2 / 3),
        files_(options_.descriptors / 3),
        inodes_(std::move(devices)) {
    entries_.emplace_back(kLowerRoot, "", 0u, mode_t{S_IFDIR});
  }

  LowerId IdLimit() const override;
  LowerId Lookup(LowerId directory, std::string_view name) override;
  Sys<struct stat> Stat(LowerId id) override;
  mode_t Type(LowerId id) override;
  bool EntryAt(LowerId directory, uint64_t position, LowerEntry* entry) override;
  LowerId Parent(LowerId directory) override;
  Sys<std::string> ReadLink(LowerId id) override;
  Sys<size_t> Read(LowerId file, void* buffer, size_t size, uint64_t offset) override;
  Sys<> CopyTo(LowerId file, int fd) override;
  Sys<int64_t> Seek(LowerId file, int64_t offset, int whence) override;
  bool has_holes() const override { return true; }
  bool shows_xattrs() const override { return options_.xattrs; }
  Sys<std::string> Xattr(LowerId id, std::string_view name) override;
  std::vector<std::string> XattrNames(LowerId id) override;
  Spot Locate(LowerId id) override;
  std::string PathOf(LowerId directory) override;
  LowerId Resolve(std::string_view path) override;
  uint64_t UpperIno(dev_t host_dev, uint64_t host_ino) override { return inodes_.Shown(host_dev, host_ino); }

 private:
  bool overrides() const { return options_.ids == UpperIds::kOverride; }
  Entry* Find(LowerId id);
  Sys<Entry*> Known(LowerId id);  // and looked at
  Sys<Directory*> Load(LowerId id);
  Sys<Directory*> LoadLocked(LowerId id, Entry& entry);
  LowerId IdOf(LowerId directory_id, Directory& directory, size_t i);
  Sys<HostSpot> SpotOf(const Entry& entry);
  Sys<struct stat> LookAt(const HostSpot& spot, int fd);  // fd, if it is not -1, is the entry itself
  UpperRef RefOf(const HostSpot& spot, const Entry& entry, int fd) {
    return {.dirfd = spot.dirfd != nullptr ? spot.dirfd->get() : -1,
            .name = spot.name,
            .host_ino = entry.st.st_ino,
            .fd = fd};
  }
  Sys<SharedFd> OpenFile(LowerId id);
  Sys<SharedFd> OpenTop(LowerId directory);

  const DirectoryLowerOptions options_;
  LayerStack stack_;
  DescriptorCache files_;
  InodeNumbers inodes_;
  std::array<std::mutex, 16> load_locks_;  // one reader of a directory at a time; before lock_
  mutable std::shared_mutex lock_;         // of the three below; a leaf
  std::deque<Entry> entries_;              // never fewer: references stay
  std::deque<Directory> directories_;
  std::unordered_map<HostInode, LowerId, HashHostInode> linked_;  // files with several names
};

LowerId DirectoryLower::IdLimit() const {
  std::shared_lock lock(lock_);
  return static_cast<LowerId>(entries_.size());
}

Entry* DirectoryLower::Find(LowerId id) {
  std::shared_lock lock(lock_);
  return id < entries_.size() ? &entries_[id] : nullptr;
}

Sys<HostSpot> DirectoryLower::SpotOf(const Entry& entry) {
  if (&entry == Find(kLowerRoot)) return HostSpot{.dirfd = TRY(stack_.Open(0)), .name = "."};
  const Directory* directory = Find(entry.parent)->directory;
  SharedFd dirfd = TRY(stack_.Open(directory->parts[entry.part]));
  return HostSpot{.dirfd = std::move(dirfd), .name = entry.name};
}

// What an object of a layer is to a user. With override ids and nothing else said, what belongs to whoever
// serves belongs to root.
Sys<struct stat> DirectoryLower::LookAt(const HostSpot& spot, int fd) {
  struct stat st{};
  int failed = fd >= 0 ? fstat(fd, &st) : fstatat(spot.dirfd->get(), spot.name, &st, AT_SYMLINK_NOFOLLOW);
  if (failed != 0) return SysFail();
  if (overrides()) {
    if (st.st_uid == geteuid()) st.st_uid = 0;
    if (st.st_gid == getegid()) st.st_gid = 0;
    UpperRef ref{.dirfd = spot.dirfd != nullptr ? spot.dirfd->get() : -1, .name = spot.name, .fd = fd};
    auto text =
        S_ISLNK(st.st_mode) ? Sys<std::string>(SysFail(ENODATA)) : stack_.xattrs().Get(ref, kOverrideXattr);
    auto said = text ? ParseOverride(*text) : std::nullopt;
    // A directory is one on the host, and nothing else is.
    if (said && S_ISDIR(said->mode) == S_ISDIR(st.st_mode)) {
      st.st_mode = said->mode;
      st.st_uid = said->uid;
      st.st_gid = said->gid;
      st.st_rdev = said->rdev;
      if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode)) st.st_size = st.st_blocks = 0;
    }
  }
  st.st_uid = options_.owners.users.Shown(st.st_uid);
  st.st_gid = options_.owners.groups.Shown(st.st_gid);
  return st;
}

Sys<Entry*> DirectoryLower::Known(LowerId id) {
  Entry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (entry->looked_at.load(std::memory_order_acquire)) return entry;
  HostSpot spot = TRY(SpotOf(*entry));
  struct stat st = TRY(LookAt(spot, -1));
  st.st_ino = inodes_.Shown(st.st_dev, st.st_ino);
  std::unique_lock lock(lock_);
  if (entry->looked_at.load(std::memory_order_relaxed)) return entry;
  entry->st = st;
  entry->looked_at.store(true, std::memory_order_release);
  return entry;
}

// --- Directories ---

Sys<Directory*> DirectoryLower::Load(LowerId id) {
  Entry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (entry->type != S_IFDIR) return SysFail(ENOTDIR);
  if (Directory* loaded = entry->directory.load(std::memory_order_acquire)) return loaded;
  std::lock_guard loading(load_locks_[id % load_locks_.size()]);
  if (Directory* loaded = entry->directory.load(std::memory_order_acquire)) return loaded;
  return LoadLocked(id, *entry);
}

Sys<Directory*> DirectoryLower::LoadLocked(LowerId id, Entry& entry) {
  Directory directory;
  if (id == kLowerRoot) {
    directory.parts = TRY(stack_.RootParts());
  } else {
    const Directory* parent = Find(entry.parent)->directory;
    directory.parts = TRY(stack_.ChildParts(parent->parts, entry.part, entry.name));
  }
  if (directory.parts.empty()) return SysFail(ESTALE);  // it went behind our back
  directory.merged = TRY(stack_.ReadNames(directory.parts));
  size_t count = directory.merged.names.size();
  directory.ids = std::make_unique<std::atomic<LowerId>[]>(count);
  for (size_t i = 0; i < count; ++i) directory.ids[i].store(kNoLower, std::memory_order_relaxed);
  std::unique_lock lock(lock_);
  Directory* loaded = &directories_.emplace_back(std::move(directory));
  entry.directory.store(loaded, std::memory_order_release);
  return loaded;
}

LowerId DirectoryLower::IdOf(LowerId directory_id, Directory& directory, size_t i) {
  LowerId id = directory.ids[i].load(std::memory_order_acquire);
  if (id != kNoLower) return id;
  const MergedNames::Name& name = directory.merged.names[i];
  auto fd = stack_.Open(directory.parts[name.part]);
  auto st = fd ? LookAt({*fd, name.name}, -1) : Sys<struct stat>(SysFail(fd.error()));
  if (!st && (st.error() == ENOENT || st.error() == ENOTDIR)) return kNoLower;
  std::unique_lock lock(lock_);
  id = directory.ids[i].load(std::memory_order_acquire);
  if (id != kNoLower) return id;
  bool linked = st && !S_ISDIR(st->st_mode) && st->st_nlink > 1;
  if (linked) {
    auto other = linked_.find({st->st_dev, st->st_ino});
    if (other != linked_.end()) id = other->second;
  }
  if (id == kNoLower) {
    if (entries_.size() >= kNoLower) return kNoLower;
    id = static_cast<LowerId>(entries_.size());
    mode_t type = st ? st->st_mode & S_IFMT : static_cast<mode_t>(DTTOIF(name.type));
    Entry& entry = entries_.emplace_back(directory_id, name.name, name.part, type);
    if (linked) linked_.emplace(HostInode{st->st_dev, st->st_ino}, id);
    if (st) {
      entry.st = *st;
      entry.st.st_ino = inodes_.Shown(st->st_dev, st->st_ino);
      entry.looked_at.store(true, std::memory_order_release);
    }
  }
  directory.ids[i].store(id, std::memory_order_release);
  return id;
}

LowerId DirectoryLower::Lookup(LowerId directory_id, std::string_view name) {
  auto directory = Load(directory_id);
  if (!directory) return kNoLower;
  const auto& names = (*directory)->merged.names;
  auto view = [](const MergedNames::Name& n) { return std::string_view(n.name, n.size); };
  auto at = std::ranges::lower_bound(names, name, {}, view);
  if (at == names.end() || view(*at) != name) return kNoLower;
  return IdOf(directory_id, **directory, static_cast<size_t>(at - names.begin()));
}

bool DirectoryLower::EntryAt(LowerId directory_id, uint64_t position, LowerEntry* entry) {
  auto directory = Load(directory_id);
  if (!directory) return false;
  const auto& names = (*directory)->merged.names;
  for (; position < names.size(); ++position) {
    LowerId id = IdOf(directory_id, **directory, position);
    if (id == kNoLower) continue;
    *entry = {.name = {names[position].name, names[position].size}, .id = id, .position = position};
    return true;
  }
  return false;
}

LowerId DirectoryLower::Parent(LowerId directory) {
  Entry* entry = Find(directory);
  return entry != nullptr ? entry->parent : kLowerRoot;
}

LowerSource::Spot DirectoryLower::Locate(LowerId id) {
  Entry* entry = Find(id);
  if (entry == nullptr || id == kLowerRoot) return {};
  return {.directory = entry->parent, .name = entry->name};
}

std::string DirectoryLower::PathOf(LowerId directory) {
  std::vector<const char*> names;
  while (directory != kLowerRoot) {
    Entry* entry = Find(directory);
    if (entry == nullptr) return "";
    names.push_back(entry->name);
    directory = entry->parent;
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name)
    path.append(path.empty() ? "" : "/").append(*name);
  return path;
}

LowerId DirectoryLower::Resolve(std::string_view path) {
  LowerId at = kLowerRoot;
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) at = Lookup(at, path.substr(0, slash));
    if (at == kNoLower) return kNoLower;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return Type(at) == S_IFDIR ? at : kNoLower;
}

// --- Attributes ---

mode_t DirectoryLower::Type(LowerId id) {
  Entry* entry = Find(id);
  return entry != nullptr ? entry->type : 0;
}

Sys<struct stat> DirectoryLower::Stat(LowerId id) {
  Entry* entry = TRY(Known(id));
  struct stat st = entry->st;
  if (entry->type != S_IFDIR) return st;
  if (options_.static_nlink) {
    st.st_nlink = 1;
    return st;
  }
  auto directory = Load(id);
  // Whoever may not read it may still be told of it.
  if (!directory && directory.error() == EACCES) return st;
  if (!directory) return SysFail(directory.error());
  st.st_nlink = 2 + (*directory)->merged.subdirectories;
  return st;
}

// The topmost of the directories that were merged.
Sys<SharedFd> DirectoryLower::OpenTop(LowerId directory) {
  return stack_.Open(TRY(Load(directory))->parts.front());
}

// An attribute of the container that is not user.* is kept under another name where ids are overridden.
Sys<std::string> DirectoryLower::Xattr(LowerId id, std::string_view name) {
  Entry* entry = TRY(Known(id));
  bool user = name.starts_with("user.");
  if (!options_.xattrs || IsOverlayXattr(name)) return SysFail(ENODATA);
  HostSpot spot;
  SharedFd top;
  if (entry->type == S_IFDIR)
    top = TRY(OpenTop(id));
  else
    spot = TRY(SpotOf(*entry));
  UpperRef ref = RefOf(spot, *entry, top != nullptr ? top->get() : -1);
  std::string host_name = user || !overrides() ? std::string(name) : kKeptPrefix + std::string(name);
  auto value = stack_.xattrs().Get(ref, host_name);
  // What the host's file system does not have, and what it keeps to itself.
  if (!value && (value.error() == EOPNOTSUPP || value.error() == EPERM)) return SysFail(ENODATA);
  return value;
}

std::vector<std::string> DirectoryLower::XattrNames(LowerId id) {
  auto entry = Known(id);
  if (!options_.xattrs || !entry) return {};
  HostSpot spot;
  SharedFd top;
  if ((*entry)->type == S_IFDIR) {
    auto fd = OpenTop(id);
    if (!fd) return {};
    top = *std::move(fd);
  } else {
    auto found = SpotOf(**entry);
    if (!found) return {};
    spot = *std::move(found);
  }
  auto listed = stack_.xattrs().List(RefOf(spot, **entry, top != nullptr ? top->get() : -1));
  if (!listed) return {};
  std::vector<std::string> names;
  for (std::string& name : *listed) {
    bool kept = overrides() && name.starts_with(kKeptPrefix);
    if (kept) name.erase(0, strlen(kKeptPrefix));
    if (!kept && overrides() && !name.starts_with("user.")) continue;
    bool shown = name.starts_with("user.") || name.starts_with("trusted.") || name == "security.capability" ||
                 name.starts_with("system.posix_acl_");
    if (shown && !IsOverlayXattr(name)) names.push_back(std::move(name));
  }
  return names;
}

// --- Contents ---

Sys<SharedFd> DirectoryLower::OpenFile(LowerId id) {
  Entry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (SharedFd open = files_.Get(id)) return open;
  HostSpot spot = TRY(SpotOf(*entry));
  // Not waiting: it may have become a FIFO behind our back.
  Fd fd(openat(spot.dirfd->get(), spot.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return SysFail();
  return files_.Put(id, std::move(fd));
}

Sys<std::string> DirectoryLower::ReadLink(LowerId id) {
  if (Type(id) != S_IFLNK) return SysFail(EINVAL);
  HostSpot spot = TRY(SpotOf(*Find(id)));
  std::string target(kMaxTarget + 1, '\0');
  ssize_t n = readlinkat(spot.dirfd->get(), spot.name, target.data(), target.size());
  if (n < 0 && errno == EINVAL) {  // a file that says it is a link
    SharedFd fd = TRY(OpenFile(id));
    n = pread(fd->get(), target.data(), target.size(), 0);
  }
  if (n < 0) return SysFail();
  if (n == 0 || static_cast<size_t>(n) > kMaxTarget) return SysFail(EIO);
  target.resize(static_cast<size_t>(n));
  return target;
}

Sys<size_t> DirectoryLower::Read(LowerId file, void* buffer, size_t size, uint64_t offset) {
  if (Type(file) != S_IFREG) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  if (offset > INT64_MAX - size) return SysFail(EINVAL);
  auto done = PreadFull(fd->get(), buffer, size, static_cast<off_t>(offset));
  if (!done) return SysFail(done.error().os_errno != 0 ? done.error().os_errno : EIO);
  return *done;
}

Sys<> DirectoryLower::CopyTo(LowerId file, int to) {
  if (Type(file) != S_IFREG) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  struct stat st{};
  if (fstat(fd->get(), &st) != 0) return SysFail();
  auto size = static_cast<uint64_t>(st.st_size);
  bool sparse = static_cast<uint64_t>(st.st_blocks) * 512 < size;
  return sparse ? CopySparse(fd->get(), to, size) : CopyBytes(fd->get(), 0, to, 0, size);
}

Sys<int64_t> DirectoryLower::Seek(LowerId file, int64_t offset, int whence) {
  if (Type(file) != S_IFREG || (whence != SEEK_DATA && whence != SEEK_HOLE)) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  off_t at = lseek(fd->get(), offset, whence);
  if (at < 0) return SysFail();
  return at;
}

}  // namespace

Result<std::unique_ptr<LowerSource>> MakeDirectoryLower(std::vector<Fd> layers,
                                                        DirectoryLowerOptions options) {
  if (layers.empty()) return Fail(Code::kInvalid, "there is no lower directory");
  std::vector<dev_t> devices;
  if (options.upper_device) devices.push_back(*options.upper_device);
  for (const Fd& layer : layers) {
    struct stat st{};
    if (fstat(layer.get(), &st) != 0) return FailErrno("stat a lower directory");
    if (!S_ISDIR(st.st_mode)) return FailErrno("open a lower directory", ENOTDIR);
    if (std::ranges::find(devices, st.st_dev) == devices.end()) devices.push_back(st.st_dev);
  }
  return std::make_unique<DirectoryLower>(std::move(layers), std::move(devices), std::move(options));
}

}  // namespace wolffia
