#include "storage/tar_extract.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file.h"
#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {

constexpr mode_t kImpliedMode = 0755;
constexpr int kAttempts = 100;

std::unexpected<Error> FailAt(const char* call, const std::string& path) {
  return FailErrno(std::string(call) + " " + Printable(path));
}

timespec MtimeOf(const LayerEntry& entry) {
  return {.tv_sec = entry.mtime_sec, .tv_nsec = static_cast<long>(entry.mtime_nsec)};
}

void SetTimes(int dirfd, const char* name, timespec mtime) {
  const timespec times[2] = {{0, UTIME_OMIT}, mtime};
  (void)utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);  // a time is not worth failing for
}

}  // namespace

TarExtract::TarExtract(ExtractOptions options)
    : options_(std::move(options)), reader_([this](LayerEntry entry) {
        auto begun = Begin(std::move(entry));
        if (!begun) failed_ = begun.error();
        return begun;
      }) {}

TarExtract::~TarExtract() {
  if (open_) DropFile();
}

Result<> TarExtract::Push(std::string_view bytes) {
  base_ = reader_.offset();
  chunk_ = bytes;
  auto pushed = reader_.Push(bytes);
  if (!pushed && failed_) pushed = std::unexpected(*failed_);  // it is not the tar's fault
  if (pushed && open_) pushed = TakeData(chunk_);
  if (!pushed && open_) DropFile();
  return pushed;
}

Result<> TarExtract::Finish() {
  if (auto read = reader_.Finish(); !read) {
    if (open_) DropFile();
    return read;
  }
  if (open_) TRY(CloseFile());
  // The deepest first: a directory may become one that cannot be searched.
  std::ranges::stable_sort(directories_, std::greater{}, &Directory::path);
  for (const Directory& directory : directories_) {
    auto fd = OpenBelow(directory.path, O_RDONLY | O_DIRECTORY);
    if (!fd) continue;  // replaced by what came later, or by a process in the container
    if (fchmod(fd->get(), directory.mode) != 0) return FailAt("chmod", directory.path);
    const timespec times[2] = {{0, UTIME_OMIT}, directory.mtime};
    (void)futimens(fd->get(), times);
  }
  return {};
}

Result<> TarExtract::Begin(LayerEntry entry) {
  if (open_) {
    TRY(TakeData(chunk_));
    TRY(CloseFile());
  }
  std::vector<std::string_view> components;
  TRY(SplitLayerPath(entry.path, components));
  if (components.empty()) return {};  // "./": the destination is there already, and stays as it is
  std::string name(components.back()), parent;
  components.pop_back();
  for (std::string_view component : components) parent.append(parent.empty() ? "" : "/").append(component);
  entry.path = parent.empty() ? name : parent + "/" + name;
  int parent_fd = TRY(ParentOf(parent));
  return Make(std::move(entry), parent_fd, name);
}

Result<> TarExtract::Make(LayerEntry entry, int parent, const std::string& name) {
  if (entry.hard_link) return MakeHardLink(entry, parent, name);
  switch (entry.mode & S_IFMT) {
    case S_IFDIR:
      return MakeDirectory(entry, parent, name);
    case S_IFREG:
      return MakeFile(std::move(entry), parent, name);
    default:
      return MakeNode(entry, parent, name);
  }
}

// What a container's process would reach under this path, or, on the host, what is there without any link.
Result<Fd> TarExtract::OpenBelow(const std::string& path, int flags) const {
  std::string full = options_.directory;
  if (!path.empty()) full += (full.empty() || full.ends_with('/') ? "" : "/") + path;
  if (full.empty()) full = ".";
  return options_.container ? OpenInRoot(options_.root, full, flags)
                            : OpenWithoutLinks(options_.root, full, flags);
}

// The directory of the last entry is most often that of this one.
Result<int> TarExtract::ParentOf(const std::string& path) {
  if (parent_path_ == path) return parent_.get();
  parent_path_.reset();
  auto found = OpenBelow(path, O_RDONLY | O_DIRECTORY);
  if (!found && found.error().os_errno == ENOENT) found = MakeParents(path);
  if (!found && found.error().os_errno == ELOOP)
    return Fail(Code::kDenied, Printable(path) + " is a symbolic link: nothing is written through it", ELOOP);
  if (!found && found.error().os_errno == ENOTDIR)
    return Fail(Code::kExists, Printable(path) + " is not a directory", ENOTDIR);
  parent_ = TRY(std::move(found));
  parent_path_ = path;
  return parent_.get();
}

// Directories that the archive has no entry for.
Result<Fd> TarExtract::MakeParents(const std::string& path) {
  Fd at = TRY(OpenBelow("", O_RDONLY | O_DIRECTORY));
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string directory = path.substr(0, end);
    auto next = OpenBelow(directory, O_RDONLY | O_DIRECTORY);
    if (!next && next.error().os_errno == ENOENT) {
      size_t slash = directory.rfind('/');
      const std::string name = slash == std::string::npos ? directory : directory.substr(slash + 1);
      if (mkdirat(at.get(), name.c_str(), kImpliedMode) != 0 && errno != EEXIST)
        return FailAt("make the directory", directory);
      if (options_.owner) TRY(GiveOwner({}, at.get(), name.c_str(), directory));
      next = OpenBelow(directory, O_RDONLY | O_DIRECTORY);
    }
    at = TRY(std::move(next));
  }
  return at;
}

// Removes what has the name. A directory goes for anything else, and anything else for a directory, only
// where that is asked for: a mistyped destination must not cost a tree.
Result<> TarExtract::ClearWay(const LayerEntry& entry, int parent, const std::string& name) {
  struct stat st;
  if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<>() : FailAt("stat", entry.path);
  const bool is_directory = S_ISDIR(st.st_mode);
  const bool wants_directory = S_ISDIR(entry.mode) && !entry.hard_link;
  if (is_directory != wants_directory && !options_.overwrite)
    return Fail(Code::kExists, is_directory ? "cannot overwrite the directory " + Printable(entry.path) +
                                                  " with a non-directory: use --overwrite"
                                            : "cannot overwrite the non-directory " + Printable(entry.path) +
                                                  " with a directory: use --overwrite");
  if (is_directory) parent_path_.reset();
  return RemoveTreeAt(parent, name).With(Printable(entry.path));
}

// Clears the way and makes it. Another process, another copy say, may have taken the name between the two:
// the last one gets it. ENOENT: the file system met the other one in between.
Result<> TarExtract::MakeAnew(const LayerEntry& entry, int parent, const std::string& name,
                              const std::function<int()>& make) {
  for (int attempt = 0;; attempt++) {
    TRY(ClearWay(entry, parent, name));
    if (make() == 0) return {};
    if ((errno != EEXIST && errno != ENOENT) || attempt == kAttempts) return FailAt("make", entry.path);
  }
}

mode_t TarExtract::ModeOf(const LayerEntry& entry) const {
  return entry.mode & (options_.container ? 07777U : 01777U);
}

Result<> TarExtract::GiveOwner(const LayerEntry& entry, int fd, const char* name,
                               const std::string& path) const {
  if (!options_.owner && !options_.keep_owners) return {};
  TarOwner owner = options_.owner.value_or(TarOwner{entry.uid, entry.gid});
  if (fchownat(fd, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0) return {};
  if (errno != EINVAL) return FailAt("change the owner of", path);
  return Fail(Code::kUnsupported,
              "the owner " + std::to_string(owner.uid) + ":" + std::to_string(owner.gid) + " of " +
                  Printable(path) + " does not exist in the container's user namespace",
              EINVAL);
}

// Where the file system has none of the kind, or we may not set it, the file is still the file.
void TarExtract::SetXattrs(const LayerEntry& entry, int fd) const {
  for (const auto& [key, value] : entry.xattrs)
    if (key.starts_with("user.") || (options_.container && key == "security.capability"))
      (void)fsetxattr(fd, key.c_str(), value.data(), value.size(), 0);
}

Result<> TarExtract::MakeDirectory(const LayerEntry& entry, int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), 0700) != 0) {
    if (errno != EEXIST) return FailAt("make the directory", entry.path);
    struct stat st;
    if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return FailAt("stat", entry.path);
    if (!S_ISDIR(st.st_mode)) {
      TRY(MakeAnew(entry, parent, name, [&] { return mkdirat(parent, name.c_str(), 0700); }));
    }
  }
  Fd fd = TRY(OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(GiveOwner(entry, fd.get(), "", entry.path));
  SetXattrs(entry, fd.get());
  directories_.push_back({entry.path, ModeOf(entry), MtimeOf(entry)});
  return {};
}

Result<> TarExtract::MakeFile(LayerEntry entry, int parent, const std::string& name) {
  Open open{.name = name, .path = entry.path};
  constexpr int kNew = O_CREAT | O_EXCL;
  auto make = [&](int how) {
    open.fd = Fd(openat(parent, name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | how, 0600));
    return open.fd ? 0 : -1;
  };
  auto made = MakeAnew(entry, parent, name, [&] { return make(kNew); });
  // A mount point, as /etc/hosts is one in a container: only its content can be replaced.
  const bool is_mount = !made && made.error().os_errno == EBUSY;
  if (is_mount) made = make(O_TRUNC) == 0 ? Result<>() : FailAt("make", entry.path);
  TRY(std::move(made));
  int copy = fcntl(parent, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return FailAt("open the directory of", entry.path);
  open.parent = Fd(copy);
  if (is_mount) open.name.clear();  // never removed
  open.entry = std::move(entry);
  if (!open.entry.sparse && open.entry.size > 0)
    open.entry.extents = {{0, open.entry.data_offset, open.entry.size}};
  open_.emplace(std::move(open));
  return {};
}

// The parts of the file that lie in the chunk, which begins at byte base_ of the stream.
Result<> TarExtract::TakeData(std::string_view chunk) {
  const uint64_t end = base_ + chunk.size();
  std::vector<TarExtent>& extents = open_->entry.extents;
  for (size_t& i = open_->extent; i < extents.size(); ++i) {
    TarExtent& extent = extents[i];
    if (extent.tar_offset >= end) return {};
    uint64_t from = std::max(extent.tar_offset, base_);
    uint64_t size = std::min(extent.tar_offset + extent.size, end) - from;
    off_t at = static_cast<off_t>(extent.file_offset + (from - extent.tar_offset));
    for (uint64_t done = 0; done < size;) {
      ssize_t n = pwrite(open_->fd.get(), chunk.data() + (from - base_) + done, size - done,
                         at + static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FailAt("write", open_->path);
      done += static_cast<uint64_t>(n);
    }
    if (extent.tar_offset + extent.size > end) return {};
  }
  return {};
}

Result<> TarExtract::CloseFile() {
  const LayerEntry& entry = open_->entry;
  int fd = open_->fd.get();
  if (entry.sparse && ftruncate(fd, static_cast<off_t>(entry.size)) != 0)
    return FailAt("set the size of", open_->path);
  TRY(GiveOwner(entry, fd, "", open_->path));
  SetXattrs(entry, fd);
  if (fchmod(fd, ModeOf(entry)) != 0)
    return FailAt("chmod", open_->path);  // after the owner, who takes set-id bits
  const timespec times[2] = {{0, UTIME_OMIT}, MtimeOf(entry)};
  (void)futimens(fd, times);
  open_.reset();
  return {};
}

void TarExtract::DropFile() {
  if (!open_->name.empty()) (void)unlinkat(open_->parent.get(), open_->name.c_str(), 0);
  open_.reset();
}

Result<> TarExtract::MakeHardLink(const LayerEntry& entry, int parent, const std::string& name) {
  std::vector<std::string_view> components;
  TRY(SplitLayerPath(entry.link_target, components));
  if (components.empty()) return Fail(Code::kInvalid, Printable(entry.path) + " is a hard link to nothing");
  std::string target_name(components.back()), target_parent;
  components.pop_back();
  for (std::string_view component : components)
    target_parent.append(target_parent.empty() ? "" : "/").append(component);
  Fd target = TRY(OpenBelow(target_parent, O_RDONLY | O_DIRECTORY).With(Printable(entry.path)));
  if (linkat(target.get(), target_name.c_str(), parent, name.c_str(), 0) == 0) return {};
  if (errno != EEXIST) return FailAt("link", entry.path);
  struct stat a, b;
  if (fstatat(target.get(), target_name.c_str(), &a, AT_SYMLINK_NOFOLLOW) == 0 &&
      fstatat(parent, name.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
      a.st_dev == b.st_dev)
    return {};  // removing the one name would remove the other's file
  return MakeAnew(entry, parent, name,
                  [&] { return linkat(target.get(), target_name.c_str(), parent, name.c_str(), 0); });
}

Result<> TarExtract::MakeNode(const LayerEntry& entry, int parent, const std::string& name) {
  const bool is_link = S_ISLNK(entry.mode), is_device = S_ISCHR(entry.mode) || S_ISBLK(entry.mode);
  if (is_device && !options_.container) {
    ++skipped_devices_;
    return {};
  }
  auto made = MakeAnew(entry, parent, name, [&] {
    return is_link ? symlinkat(entry.link_target.c_str(), parent, name.c_str())
                   : mknodat(parent, name.c_str(), (entry.mode & S_IFMT) | ModeOf(entry), entry.rdev);
  });
  if (!made && is_device && made.error().os_errno == EPERM) {
    ++skipped_devices_;
    return {};
  }
  TRY(std::move(made));
  TRY(GiveOwner(entry, parent, name.c_str(), entry.path));
  // By name, so what another process may have put there meanwhile is followed: inside the container's root
  // only. On the host the mode is what the umask left of it.
  if (!is_link && options_.container && fchmodat(parent, name.c_str(), ModeOf(entry), 0) != 0)
    return FailAt("chmod", entry.path);
  SetTimes(parent, name.c_str(), MtimeOf(entry));
  return {};
}

}  // namespace wolffia
