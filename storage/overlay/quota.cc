#include "storage/overlay/quota.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/base/file.h"

namespace wolffia {
namespace {

// An inode takes room that st_blocks does not show (inode tables, directory entries). So a limit of bytes
// alone bounds the inodes too, more generously than a file system of that size would (ext4: one for 16 KiB).
constexpr uint64_t kBytesPerInode = 4096, kFewestInodes = 4096;

uint64_t Blocks(const struct stat& st) {
  return S_ISDIR(st.st_mode) ? 0 : static_cast<uint64_t>(st.st_blocks) * 512;
}

// Walks a tree of directories with two descriptors, however deep it is: down by name, up by "..". The tree is
// the caller's own; that ".." leads back is checked all the same.
class TreeWalk {
 public:
  explicit TreeWalk(uint64_t skip_ino) : skip_ino_(skip_ino) {}

  Sys<> Walk(int top_fd) {
    Fd here(openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!here) return SysFail();
    std::vector<Level> levels;
    levels.push_back(TRY(Scan(here.get())));
    while (!levels.empty()) {
      if (levels.back().directories.empty()) {
        levels.pop_back();
        if (levels.empty()) break;
        here.Reset(openat(here.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        struct stat st;
        if (!here || fstat(here.get(), &st) != 0) return SysFail();
        if (st.st_ino != levels.back().ino) return SysFail(ESTALE);
        continue;
      }
      std::string name = std::move(levels.back().directories.back());
      levels.back().directories.pop_back();
      Fd below(openat(here.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below) return SysFail();
      here = std::move(below);
      levels.push_back(TRY(Scan(here.get())));
    }
    return {};
  }

  uint64_t inodes() const { return inodes_; }
  std::unordered_map<uint64_t, uint64_t> TakeCharged() { return std::move(charged_); }

 private:
  struct Level {
    uint64_t ino;
    std::vector<std::string> directories;  // still to be walked
  };

  Sys<Level> Scan(int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0) return SysFail();
    Level level{.ino = st.st_ino, .directories = {}};
    auto names = ListDirectory(fd, ".");
    if (!names) return SysFail(names.error().os_errno != 0 ? names.error().os_errno : EIO);
    for (std::string& name : *names) {
      if (fstatat(fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return SysFail();
      Count(st);
      if (S_ISDIR(st.st_mode)) level.directories.push_back(std::move(name));
    }
    return level;
  }

  void Count(const struct stat& st) {
    bool whiteout = st.st_ino == skip_ino_ || (S_ISCHR(st.st_mode) && st.st_rdev == 0);
    if (whiteout) return;
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && !linked_.insert(st.st_ino).second) return;
    ++inodes_;
    if (Blocks(st) != 0) charged_[st.st_ino] = Blocks(st);
  }

  const uint64_t skip_ino_;
  uint64_t inodes_ = 0;
  std::unordered_set<uint64_t> linked_;  // files with several names, when one has been seen
  std::unordered_map<uint64_t, uint64_t> charged_;
};

}  // namespace

Quota::Quota(OverlayLimits limits) : limits_(limits) {
  if (limits_.bytes != 0 && limits_.inodes == 0)
    limits_.inodes = std::max(limits_.bytes / kBytesPerInode, kFewestInodes);
}

void AllocateExactly(int directory) {
  struct statfs fs;
  fsxattr attributes{};
  if (fstatfs(directory, &fs) != 0 || fs.f_type != XFS_SUPER_MAGIC) return;
  if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes) != 0) return;
  attributes.fsx_xflags |= FS_XFLAG_EXTSZINHERIT;
  attributes.fsx_extsize = static_cast<uint32_t>(fs.f_bsize);
  (void)!ioctl(directory, FS_IOC_FSSETXATTR, &attributes);
}

Sys<> Quota::CountTree(int upper_fd, int work_fd) {
  if (!active()) return {};
  struct stat whiteout{};
  if (work_fd >= 0 && fstatat(work_fd, "whiteout", &whiteout, AT_SYMLINK_NOFOLLOW) != 0) whiteout.st_ino = 0;
  TreeWalk walk(whiteout.st_ino);
  TRY(walk.Walk(upper_fd));
  if (work_fd >= 0) {
    Fd links(openat(work_fd, "links", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (links) {
      TRY(walk.Walk(links.get()));
    } else if (errno != ENOENT) {
      return SysFail();
    }
  }
  std::lock_guard guard(lock_);
  inodes_ = walk.inodes();
  charged_ = walk.TakeCharged();
  bytes_ = 0;
  for (const auto& [ino, bytes] : charged_) bytes_ += bytes;
  if (!counts_bytes()) charged_ = {};
  return {};
}

Sys<> Quota::TakeInode() {
  if (!active()) return {};
  std::lock_guard guard(lock_);
  if (inodes_ >= limits_.inodes) return SysFail(ENOSPC);
  ++inodes_;
  return {};
}

void Quota::GiveInode() {
  if (!active()) return;
  std::lock_guard guard(lock_);
  if (inodes_ > 0) --inodes_;
}

Sys<> Quota::TakeBytes(uint64_t bytes) {
  if (!counts_bytes()) return {};
  std::lock_guard guard(lock_);
  if (bytes_ > limits_.bytes || bytes > limits_.bytes - bytes_) return SysFail(ENOSPC);
  bytes_ += bytes;
  return {};
}

void Quota::GiveBytes(uint64_t bytes) {
  if (!counts_bytes()) return;
  std::lock_guard guard(lock_);
  bytes_ -= std::min(bytes, bytes_);
}

void Quota::Settle(uint64_t host_ino, uint64_t bytes_now, uint64_t reserved) {
  if (!counts_bytes()) return;
  std::lock_guard guard(lock_);
  auto at = charged_.try_emplace(host_ino).first;
  bytes_ -= std::min(at->second + reserved, bytes_);
  bytes_ += bytes_now;
  at->second = bytes_now;
  if (bytes_now == 0) charged_.erase(at);
}

Sys<> Quota::Charge(uint64_t host_ino, uint64_t bytes_now) {
  if (!counts_bytes()) return {};
  std::lock_guard guard(lock_);
  auto at = charged_.find(host_ino);
  uint64_t before = at == charged_.end() ? 0 : at->second;
  uint64_t others = bytes_ - std::min(before, bytes_);
  bool above = others > limits_.bytes || bytes_now > limits_.bytes - others;
  if (bytes_now > before && above) return SysFail(ENOSPC);
  bytes_ = others + bytes_now;
  if (bytes_now == 0) {
    charged_.erase(host_ino);
  } else {
    charged_[host_ino] = bytes_now;
  }
  return {};
}

void Quota::Release(uint64_t host_ino) {
  Settle(host_ino, 0);
}

void Quota::Limit(struct statvfs* st) const {
  if (!active()) return;
  std::lock_guard guard(lock_);
  if (limits_.bytes != 0 && st->f_frsize != 0) {
    uint64_t left = limits_.bytes - std::min(bytes_, limits_.bytes);
    st->f_blocks = std::min<uint64_t>(st->f_blocks, limits_.bytes / st->f_frsize);
    st->f_bavail = std::min<uint64_t>(st->f_bavail, left / st->f_frsize);
    // What the host reserves for its root is nothing that a container could count on.
    st->f_bfree = st->f_bavail;
  }
  // A file system that makes inodes as it needs them says that it has 0.
  bool dynamic = st->f_files == 0;
  uint64_t left = limits_.inodes - std::min(inodes_, limits_.inodes);
  st->f_files = dynamic ? limits_.inodes : std::min<uint64_t>(st->f_files, limits_.inodes);
  st->f_favail = dynamic ? left : std::min<uint64_t>(st->f_favail, left);
  st->f_ffree = st->f_favail;
}

Sys<uint64_t> HostBytes(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return SysFail();
  return Blocks(st);
}

Sys<uint64_t> HostBytes(int dirfd, const char* name) {
  struct stat st;
  if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return SysFail();
  return Blocks(st);
}

}  // namespace wolffia
