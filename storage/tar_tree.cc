#include "storage/tar_tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file.h"
#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {

constexpr size_t kReadSize = 256 << 10, kMaxXattr = 64 << 10, kMaxHoles = 100'000;
constexpr uint64_t kSparseFrom = 64 << 10;  // smaller files are not asked for holes

std::string Join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

bool IsGone(const Error& error) {
  return error.os_errno == ENOENT || error.os_errno == ELOOP || error.os_errno == ENOTDIR ||
         error.os_errno == ESTALE;
}

// File systems whose files are made up by the kernel, without end or of no use elsewhere.
bool IsKernelMade(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<uint32_t>(fs.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case 0x19800202:  // mqueue
      return true;
    default:
      return false;
  }
}

LayerEntry EntryOf(const struct stat& st, const std::string& as) {
  LayerEntry entry{.path = as, .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid};
  entry.size = S_ISREG(st.st_mode) ? static_cast<uint64_t>(st.st_size) : 0;
  entry.mtime_sec = st.st_mtim.tv_sec;
  entry.mtime_nsec = static_cast<uint32_t>(st.st_mtim.tv_nsec);
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) entry.rdev = st.st_rdev;
  return entry;
}

// Those that mean something elsewhere.
void ReadXattrs(int fd, LayerEntry& entry) {
  char names[4096];
  ssize_t size = flistxattr(fd, names, sizeof names);
  for (ssize_t at = 0; at < size;) {
    std::string name(names + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!name.starts_with("user.") && name != "security.capability") continue;
    std::string value(kMaxXattr, '\0');
    ssize_t got = fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (got < 0) continue;
    value.resize(static_cast<size_t>(got));
    entry.xattrs.emplace_back(std::move(name), std::move(value));
  }
  std::ranges::sort(entry.xattrs);
}

// The parts with data; none at all where the file has no hole, or so many that it is not worth it.
std::vector<TarExtent> DataOf(int fd, uint64_t size) {
  std::vector<TarExtent> data;
  for (off_t at = 0; static_cast<uint64_t>(at) < size;) {
    off_t start = lseek(fd, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;
    off_t end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
    if (end <= start || data.size() == kMaxHoles) return {};
    uint64_t last = std::min(static_cast<uint64_t>(end), size);
    if (static_cast<uint64_t>(start) >= last) break;
    data.push_back({static_cast<uint64_t>(start), 0, last - static_cast<uint64_t>(start)});
    at = end;
  }
  if (data.size() == 1 && data[0].file_offset == 0 && data[0].size == size) return {};
  if (data.empty()) data.push_back({size, 0, 0});  // one hole
  return data;
}

}  // namespace

bool TarTree::MayPass(const Error& error) const {
  return IsGone(error) || (options_.skip_unreadable && (error.os_errno == EACCES || error.os_errno == EPERM));
}

Result<> TarTree::Add(int dirfd, const std::string& name, const std::string& as) {
  bool is_directory = false;
  TRY(AddObject(dirfd, name, as, &is_directory));
  if (!is_directory) return {};
  auto top = OpenAt(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!top && MayPass(top.error())) return {};
  return AddTree(TRY(std::move(top)), as, true);
}

Result<> TarTree::AddContents(Fd directory, const std::string& as) {
  return AddTree(std::move(directory), as, false);
}

// Directories are opened by their path from the top, one at a time: a tree of any depth and width costs one
// descriptor, and its changing at the same time leads nowhere outside.
Result<> TarTree::AddTree(Fd top, const std::string& as, bool with_entry) {
  std::vector<Pending> pending{{"", as}};
  while (!pending.empty()) {
    Pending directory = std::move(pending.back());
    pending.pop_back();
    TRY(AddDirectory(top.get(), directory, with_entry, pending));
    with_entry = true;
  }
  return {};
}

Result<> TarTree::AddDirectory(int top, const Pending& directory, bool with_entry,
                               std::vector<Pending>& pending) {
  auto opened =
      OpenWithoutLinks(top, directory.below.empty() ? "." : directory.below, O_RDONLY | O_DIRECTORY);
  if (!opened && MayPass(opened.error())) return {};
  Fd fd = TRY(std::move(opened));
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return FailErrno("stat " + Printable(directory.as));
  if (with_entry) {
    LayerEntry entry = EntryOf(st, directory.as);
    ReadXattrs(fd.get(), entry);
    if (options_.adjust) options_.adjust(entry);
    TRY(writer_.Begin(entry));
  }
  if (options_.skip_kernel && IsKernelMade(fd.get())) return {};
  auto names = ListDirectory(fd.get(), ".");
  if (!names && MayPass(names.error())) return {};
  if (!names) return std::unexpected(std::move(names.error()).With(Printable(directory.as)));
  std::ranges::sort(*names);
  const size_t first = pending.size();
  for (const std::string& name : *names) {
    bool is_directory = false;
    TRY(AddObject(fd.get(), name, Join(directory.as, name), &is_directory));
    if (is_directory) pending.push_back({Join(directory.below, name), Join(directory.as, name)});
  }
  std::reverse(pending.begin() + static_cast<ptrdiff_t>(first), pending.end());
  return {};
}

// A directory is only reported: its entry is made when it is opened.
Result<> TarTree::AddObject(int dirfd, const std::string& name, const std::string& as, bool* is_directory) {
  struct stat st;
  if (fstatat(dirfd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    Error error = FailErrno("stat " + Printable(as)).error();
    return MayPass(error) ? Result<>() : Result<>(std::unexpected(std::move(error)));
  }
  *is_directory = S_ISDIR(st.st_mode);
  if (*is_directory || S_ISSOCK(st.st_mode)) return {};
  LayerEntry entry = EntryOf(st, as);
  if (S_ISLNK(st.st_mode)) {
    char target[kMaxTargetBytes + 1];
    ssize_t size = readlinkat(dirfd, name.c_str(), target, sizeof target);
    if (size < 0) return {};  // replaced meanwhile
    entry.link_target.assign(target, static_cast<size_t>(size));
  }
  if (options_.adjust) options_.adjust(entry);
  if (S_ISREG(st.st_mode)) return AddFile(dirfd, name, std::move(entry));
  (void)KnownLink(st, entry);
  return writer_.Begin(entry);
}

bool TarTree::KnownLink(const struct stat& st, LayerEntry& entry) {
  if (st.st_nlink < 2) return false;
  auto [found, is_new] = linked_.try_emplace({st.st_dev, st.st_ino}, entry.path);
  if (is_new) return false;
  entry.hard_link = true;
  entry.link_target = found->second;
  entry.xattrs.clear();
  entry.size = 0;
  return true;
}

Result<> TarTree::AddFile(int dirfd, const std::string& name, LayerEntry entry) {
  auto opened = OpenAt(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!opened && MayPass(opened.error())) return {};
  Fd fd = TRY(std::move(opened).With(Printable(entry.path)));
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return FailErrno("stat " + Printable(entry.path));
  if (!S_ISREG(st.st_mode)) return {};  // replaced meanwhile
  entry.size = static_cast<uint64_t>(st.st_size);
  if (KnownLink(st, entry)) return writer_.Begin(entry);
  ReadXattrs(fd.get(), entry);
  std::vector<TarExtent> parts{{0, 0, entry.size}};
  if (options_.sparse && entry.size >= kSparseFrom) {
    entry.extents = DataOf(fd.get(), entry.size);
    entry.sparse = !entry.extents.empty();
    if (entry.sparse) parts = entry.extents;
  }
  TRY(writer_.Begin(entry));
  auto buffer = std::make_unique_for_overwrite<char[]>(kReadSize);
  for (const TarExtent& part : parts)
    for (uint64_t done = 0; done < part.size;) {
      size_t step = std::min<uint64_t>(part.size - done, kReadSize);
      auto at = static_cast<off_t>(part.file_offset + done);
      size_t got = TRY(PreadFull(fd.get(), buffer.get(), step, at).With(Printable(entry.path)));
      if (got < step) std::fill_n(buffer.get() + got, step - got, '\0');  // it became shorter
      TRY(writer_.Data({buffer.get(), step}));
      done += step;
    }
  return {};
}

}  // namespace wolffia
