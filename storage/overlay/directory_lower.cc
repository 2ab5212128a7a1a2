#include "storage/overlay/directory_lower.h"

#include <dirent.h>

#include <algorithm>

#include "storage/overlay/directory_parts.h"

namespace wolffia {

LowerId DirectoryLower::IdLimit() const {
  std::shared_lock lock(lock_);
  return static_cast<LowerId>(entries_.size());
}

HostEntry* DirectoryLower::Find(LowerId id) {
  std::shared_lock lock(lock_);
  return id < entries_.size() ? &entries_[id] : nullptr;
}

Sys<HostSpot> DirectoryLower::SpotOf(const HostEntry& entry) {
  const bool root = &entry == Find(kLowerRoot);
  SharedFd dirfd = TRY(stack_.Open(root ? 0 : Find(entry.parent)->directory.load()->parts[entry.part]));
  return HostSpot{.dirfd = std::move(dirfd), .name = root ? "." : entry.name};
}

Sys<MergedDirectory*> DirectoryLower::Load(LowerId id) {
  HostEntry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (entry->type != S_IFDIR) return SysFail(ENOTDIR);
  if (MergedDirectory* loaded = entry->directory.load(std::memory_order_acquire)) return loaded;
  std::lock_guard loading(load_locks_[id % load_locks_.size()]);
  if (MergedDirectory* loaded = entry->directory.load(std::memory_order_acquire)) return loaded;
  return LoadLocked(id, *entry);
}

Sys<MergedDirectory*> DirectoryLower::LoadLocked(LowerId id, HostEntry& entry) {
  MergedDirectory directory;
  if (id == kLowerRoot) {
    directory.parts = TRY(stack_.RootParts());
  } else {
    const MergedDirectory* parent = Find(entry.parent)->directory;
    directory.parts = TRY(stack_.ChildParts(parent->parts, entry.part, entry.name));
  }
  if (directory.parts.empty()) return SysFail(ESTALE);  // it went behind our back
  directory.merged = TRY(stack_.ReadNames(directory.parts));
  size_t count = directory.merged.names.size();
  directory.ids = std::make_unique<std::atomic<LowerId>[]>(count);
  for (size_t i = 0; i < count; ++i) directory.ids[i].store(kNoLower, std::memory_order_relaxed);
  std::unique_lock lock(lock_);
  MergedDirectory* loaded = &directories_.emplace_back(std::move(directory));
  entry.directory.store(loaded, std::memory_order_release);
  return loaded;
}

LowerId DirectoryLower::IdOf(LowerId directory_id, MergedDirectory& directory, size_t i) {
  LowerId id = directory.ids[i].load(std::memory_order_acquire);
  if (id != kNoLower) return id;
  const MergedNames::Name& name = directory.merged.names[i];
  auto fd = stack_.Open(directory.parts[name.part]);
  auto st = fd ? LookAt({*fd, name.name}) : Sys<struct stat>(SysFail(fd.error()));
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
    HostEntry& entry = entries_.emplace_back(directory_id, name.name, name.part, type);
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
  HostEntry* entry = Find(directory);
  return entry != nullptr ? entry->parent : kLowerRoot;
}

LowerSource::Spot DirectoryLower::Locate(LowerId id) {
  HostEntry* entry = Find(id);
  if (entry == nullptr || id == kLowerRoot) return {};
  return {.directory = entry->parent, .name = entry->name};
}

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
