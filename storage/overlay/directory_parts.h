// The parts of DirectoryLower. Private to directory_*.cc:
//
//   directory_lower.cc       entries and their numbers, names, places
//   directory_attributes.cc  what an entry is, and its extended attributes
//   directory_contents.cc    links and bytes
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "storage/overlay/directory_lower.h"
#include "storage/overlay/layer_stack.h"

namespace wolffia {

// A merged directory that was read.
struct MergedDirectory {
  std::vector<PartId> parts;
  MergedNames merged;
  std::unique_ptr<std::atomic<LowerId>[]> ids;  // of the names; kNoLower: none yet
};

struct HostEntry {
  LowerId parent;
  const char* name;  // in the parent's MergedNames
  uint32_t part;     // index in the parent's parts
  mode_t type;
  std::atomic<bool> looked_at = false;  // `st` is there
  struct stat st{};                     // as a user is to see it, but for the links of a directory
  std::atomic<MergedDirectory*> directory = nullptr;

  HostEntry(LowerId p, const char* n, uint32_t i, mode_t t) : parent(p), name(n), part(i), type(t) {}
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
  uint64_t UpperIno(dev_t host_dev, uint64_t host_ino) override { return inodes_.Shown(host_dev, host_ino); }

 private:
  bool overrides() const { return options_.ids == UpperIds::kOverride; }
  HostEntry* Find(LowerId id);
  Sys<HostEntry*> Known(LowerId id);  // and looked at
  Sys<MergedDirectory*> Load(LowerId id);
  Sys<MergedDirectory*> LoadLocked(LowerId id, HostEntry& entry);
  LowerId IdOf(LowerId directory_id, MergedDirectory& directory, size_t i);
  Sys<HostSpot> SpotOf(const HostEntry& entry);
  Sys<struct stat> LookAt(const HostSpot& spot);
  UpperRef RefOf(const HostSpot& spot, const HostEntry& entry, int fd) {
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
  std::deque<HostEntry> entries_;          // never fewer: references stay
  std::deque<MergedDirectory> directories_;
  std::unordered_map<HostInode, LowerId, HashHostInode> linked_;  // files with several names
};

}  // namespace wolffia
