// What the file system of the store can do, tried there.
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/guarantees/host_trial.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

struct FileSystem {
  uint32_t magic;
  const char* name;
  bool network = false, memory = false;
};
constexpr FileSystem kFileSystems[] = {
    {NFS_SUPER_MAGIC, "NFS", true},
    {SMB2_SUPER_MAGIC, "SMB", true},
    {CIFS_SUPER_MAGIC, "SMB", true},
    {CEPH_SUPER_MAGIC, "Ceph", true},
    {AFS_SUPER_MAGIC, "AFS", true},
    {V9FS_MAGIC, "9p", true},
    {0x0bd00bd0, "Lustre", true},
    {0x47504653, "GPFS", true},
    {TMPFS_MAGIC, "tmpfs", false, true},
    {RAMFS_MAGIC, "ramfs", false, true},
    {EXT4_SUPER_MAGIC, "ext4"},
    {XFS_SUPER_MAGIC, "xfs"},
    {BTRFS_SUPER_MAGIC, "btrfs"},
    {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
    {FUSE_SUPER_MAGIC, "FUSE"},
    {F2FS_SUPER_MAGIC, "f2fs"},
    {0x2fc12fc1, "zfs"},
};

int ErrorOf(const Result<>& result) {
  return result ? 0 : result.error().os_errno != 0 ? result.error().os_errno : EIO;
}
int ErrorOf(long result) {
  return result < 0 ? errno : 0;
}

void Recognize(const std::string& path, StoreTrial& trial) {
  struct statfs fs;
  if (statfs(path.c_str(), &fs) < 0) return;
  for (const FileSystem& known : kFileSystems) {
    if (static_cast<uint32_t>(fs.f_type) != known.magic) continue;
    trial.file_system = known.name;
    trial.network_file_system = known.network;
    trial.in_memory = known.memory;
    return;
  }
  trial.file_system = "a file system of type " + std::to_string(static_cast<uint32_t>(fs.f_type));
}

// A killed process must leave its lock free: what a container's state is made of.
int LockDiesWithItsHolder(int dirfd) {
  Pipe ready;
  if (auto made = MakePipe()) ready = std::move(*made);
  const pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    Fd lock(openat(dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const int error = lock ? ErrorOf(flock(lock.get(), LOCK_EX | LOCK_NB)) : errno;
    (void)!write(ready.write.get(), &error, sizeof error);
    if (error == 0)
      for (;;) pause();
    _exit(0);
  }
  Child holder(pid, Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  ready.write.Reset();
  int error = EIO;
  if (auto n = ReadFull(ready.read.get(), &error, sizeof error); !n || *n != sizeof error) error = EIO;
  if (error != 0) return error;
  Fd lock(openat(dirfd, "lock", O_RDWR | O_CLOEXEC));
  if (!lock) return errno;
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return ENOLCK;  // the lock keeps nobody out
  if (auto killed = holder.Signal(SIGKILL); !killed) return ErrorOf(killed);
  (void)holder.Wait();
  return ErrorOf(flock(lock.get(), LOCK_EX | LOCK_NB));
}

int ReplaceWhileOpen(int dirfd) {
  if (auto made = CreateFileAt(dirfd, "old", "old", 0600); !made) return ErrorOf(made);
  Fd old(openat(dirfd, "old", O_RDONLY | O_CLOEXEC));
  if (auto replaced = ReplaceFileAt(dirfd, "old", "new", 0600, Durability::kVolatile); !replaced)
    return ErrorOf(replaced);
  auto before = ReadFd(old.get(), 16, "old"), after = ReadFileAt(dirfd, "old", 16);
  return before && after && *before == "old" && *after == "new" ? 0 : EIO;
}

void TryFiles(int dirfd, StoreTrial& trial) {
  trial.sync = ErrorOf(ReplaceFileAt(dirfd, "file", "data", 0600, Durability::kSafe));
  trial.rename = ReplaceWhileOpen(dirfd);
  trial.lock = LockDiesWithItsHolder(dirfd);
  Fd file(openat(dirfd, "file", O_RDWR | O_CLOEXEC));
  trial.user_xattr = file ? ErrorOf(fsetxattr(file.get(), "user.wolffia.doctor", "x", 1, 0)) : errno;
  Fd unnamed(openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  trial.unnamed_file = unnamed ? 0 : errno;
}

}  // namespace

const StoreTrial& HostTrial::OnStore() {
  if (store_trial_) return *store_trial_;
  StoreTrial& trial = store_trial_.emplace();
  trial.path = settings_.storage_root;
  if (!store_) {
    trial.problem = store_.error().what;
    return trial;
  }
  Recognize(trial.path, trial);
  auto staging = Staging::Begin(*store_);
  if (!staging) {
    trial.problem = staging.error().what;
    return trial;
  }
  TryFiles(staging->dirfd(), trial);
  if (mkdirat(staging->dirfd(), "overlay", 0700) == 0)
    trial.overlay = ProbeOverlay(store_->root_path() + "/" + staging->path() + "/overlay", false);
  else
    trial.overlay.os_errno = errno;
  return trial;
}

}  // namespace wolffia
