#include "storage/overlay/upper_store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>

#include "storage/overlay/host_upper.h"
#include "storage/overlay/upper_capabilities.h"

namespace wolffia {

// --- Staged ---

Staged::Staged(int workfd, std::string name, Fd fd, uint64_t host_ino)
    : workfd_(workfd), name_(std::move(name)), fd_(std::move(fd)), host_ino_(host_ino) {}

Staged::Staged(Staged&& other) noexcept
    : workfd_(other.workfd_),
      name_(std::exchange(other.name_, {})),
      fd_(std::move(other.fd_)),
      host_ino_(other.host_ino_) {}

Staged& Staged::operator=(Staged&& other) noexcept {
  std::swap(workfd_, other.workfd_);
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  std::swap(host_ino_, other.host_ino_);
  return *this;
}

Staged::~Staged() {
  if (name_.empty()) return;
  if (unlinkat(workfd_, name_.c_str(), 0) < 0) unlinkat(workfd_, name_.c_str(), AT_REMOVEDIR);
}

// --- Opening ---

namespace {

// New objects would inherit it, and get other modes than they are made with.
Result<> DropDefaultAcl(int fd, const StepHook& step) {
  constexpr char kDefaultAcl[] = "system.posix_acl_default";
  if (fgetxattr(fd, kDefaultAcl, nullptr, 0) < 0) return {};
  if (step) step();
  if (fremovexattr(fd, kDefaultAcl) < 0) return FailErrno("remove the default ACL of the upper directory");
  return {};
}

Result<> CheckOwner(const struct stat& st, const char* what) {
  if (st.st_uid != geteuid())
    return Fail(Code::kDenied, std::string("the ") + what + " directory belongs to user " +
                                   std::to_string(st.st_uid) + ": it must belong to the user who serves it");
  if ((st.st_mode & 0700) != 0700)
    return Fail(Code::kDenied,
                std::string("the ") + what + " directory is closed to its owner: give it mode 0700");
  return {};
}

}  // namespace

Result<std::unique_ptr<UpperStore>> UpperStore::Open(Fd upper, Fd work, UpperOptions options) {
  auto store = std::make_unique<HostUpper>(std::move(upper), std::move(work), std::move(options));
  TRY(store->Check());
  TRY(store->Prepare());
  return std::unique_ptr<UpperStore>(std::move(store));
}

HostUpper::HostUpper(Fd upper, Fd work, UpperOptions options)
    : options_(std::move(options)),
      upper_(std::move(upper)),
      work_(std::move(work)),
      intent_(upper_.get(), work_.get(), options_.step) {}

Result<> HostUpper::Check() {
  struct stat upper, work;
  if (fstat(upper_.get(), &upper) < 0) return FailErrno("look at the upper directory");
  if (fstat(work_.get(), &work) < 0) return FailErrno("look at the work directory");
  if (!S_ISDIR(upper.st_mode) || !S_ISDIR(work.st_mode))
    return Fail(Code::kInvalid, "the upper and the work directory must be directories");
  if (upper.st_dev == work.st_dev && upper.st_ino == work.st_ino)
    return Fail(Code::kInvalid, "the upper and the work directory are the same: make two");
  // One file system is not enough: no name can be moved between two mounts of it. Nothing can be moved to
  // ".", either, but the mounts are compared first.
  bool apart = upper.st_dev != work.st_dev ||
               (renameat(work_.get(), "s.mount", upper_.get(), ".") < 0 && errno == EXDEV);
  if (apart)
    return Fail(Code::kUnsupported,
                "the upper and the work directory are on different file systems or mounts: put them side by "
                "side into one directory");
  device_ = upper.st_dev;
  if (!overrides()) return {};
  TRY(CheckOwner(upper, "upper"));
  TRY(CheckOwner(work, "work"));
  TRY(DropDefaultAcl(upper_.get(), options_.step));
  return DropDefaultAcl(work_.get(), options_.step);
}

Result<> HostUpper::Prepare() {
  TRY(Sweep("s."));
  struct stat st;
  if (fstatat(work_.get(), "links", &st, AT_SYMLINK_NOFOLLOW) < 0) {
    Step();
    if (mkdirat(work_.get(), "links", 0700) < 0) return FailErrno("make a directory in the work directory");
  }
  links_ = TRY(OpenAt(work_.get(), "links", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  UpperCapabilities allowed = options_.allowed;
  // What was begun with a sidecar stays with it, whatever the file system has learned since.
  if (fstatat(work_.get(), "sidecar", &st, AT_SYMLINK_NOFOLLOW) == 0) allowed.user_xattrs = false;
  can_ = TRY_WITH(ProbeUpper(work_.get(), allowed, options_.step), "try out the work directory");
  file_xattrs_ = MakeFileXattrStore(options_.step);
  if (sidecar())
    xattrs_ = TRY(OpenSidecar(work_.get(), options_.step));
  else
    xattrs_ = MakeFileXattrStore(options_.step);
  if (overrides() && fstatat(work_.get(), "whiteout", &st, AT_SYMLINK_NOFOLLOW) == 0)
    whiteout_ino_ = st.st_ino;
  if (Sys<> finished = FinishIntent(); !finished)
    return FailErrno("finish a rename that was interrupted in the upper directory", finished.error());
  TRY(Sweep("o."));
  if (Sys<> dropped = DropFinishedLinks(); !dropped)
    return FailErrno("clean the work directory", dropped.error());
  return {};
}

// --- What all parts use ---

Sys<> HostUpper::Rename(const UpperSpot& from, const UpperSpot& to, unsigned flags) {
  Step();
  // Without flags the older call, which every file system and sandbox knows.
  int failed = flags == 0 ? renameat(from.dirfd, from.name, to.dirfd, to.name)
                          : renameat2(from.dirfd, from.name, to.dirfd, to.name, flags);
  // A directory that is not empty: POSIX lets a file system (XFS) say either.
  if (failed < 0) return SysFail(errno == EEXIST && (flags & RENAME_NOREPLACE) == 0 ? ENOTEMPTY : errno);
  return {};
}

Sys<> HostUpper::Remove(const UpperSpot& at, int flags) {
  Step();
  if (unlinkat(at.dirfd, at.name, flags) < 0) return SysFail();
  return {};
}

uint64_t HostUpper::EndsWith(const UpperSpot& at) const {
  if (!sidecar()) return 0;
  struct stat st;
  if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
  return S_ISDIR(st.st_mode) || st.st_nlink == 1 ? st.st_ino : 0;
}

Sys<UpperRef> HostUpper::RefOf(const UpperSpot& at) const {
  UpperRef ref{.dirfd = at.dirfd, .name = at.name};
  if (!sidecar()) return ref;
  struct stat st;
  if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  ref.host_ino = st.st_ino;
  return ref;
}

// --- To the disk ---

Sys<> HostUpper::SyncFile(int fd, bool data_only) {
  if (!options_.durable) return {};
  TRY(xattrs_->Sync());
  if ((data_only ? fdatasync(fd) : fsync(fd)) < 0) return SysFail();
  return {};
}

Sys<> HostUpper::SyncDirectory(int fd) {
  return SyncFile(fd, false);
}

Sys<> HostUpper::SyncAll() {
  if (!options_.durable) return {};
  TRY(xattrs_->Sync());
  if (syncfs(upper_.get()) < 0) return SysFail();
  return {};
}

}  // namespace wolffia
