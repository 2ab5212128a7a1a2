#include "engine/runtime/overlay_probe.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "engine/base/process.h"

namespace wolffia {
namespace {

// Errors that say nothing of tomorrow.
constexpr int kPassing[] = {ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EIO, EINTR, EAGAIN, ESTALE};

// In the child: 0, or the errno of the first call that fails.
class Trial {
 public:
  Trial(std::string directory, bool memory, uid_t uid, gid_t gid)
      : directory_(std::move(directory)), memory_(memory), uid_(uid), gid_(gid) {}

  int Run() {
    bool done = MapIds() && Enter() && MakeDirectories() && MountOverlay() && Use();
    return done ? 0 : errno;
  }

 private:
  static bool Write(const char* path, const std::string& text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    int failed = errno;
    close(fd);
    errno = failed;
    return written;
  }
  static bool Make(const char* path) { return mkdir(path, 0700) == 0; }

  bool MapIds() {
    return Write("/proc/self/setgroups", "deny") &&
           Write("/proc/self/uid_map", "0 " + std::to_string(uid_) + " 1") &&
           Write("/proc/self/gid_map", "0 " + std::to_string(gid_) + " 1");
  }
  bool Enter() {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return false;
    if (memory_ && mount("tmpfs", directory_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
      return false;
    return chdir(directory_.c_str()) == 0;
  }
  static bool MakeDirectories() {
    for (const char* path : {"lower", "lower/d", "upper", "work", "merged"})
      if (!Make(path)) return false;
    return Write("lower/f", "f") && Write("lower/d/f", "f");
  }
  static bool MountOverlay() {
    return mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work,userxattr") ==
           0;
  }
  static bool Use() {
    if (!Write("merged/f", "F") || unlink("merged/f") < 0) return false;
    if (unlink("merged/d/f") < 0 || rmdir("merged/d") < 0 || !Make("merged/d")) return false;
    if (access("merged/d/f", F_OK) == 0) {  // the new directory is not opaque
      errno = EOPNOTSUPP;
      return false;
    }
    return errno == ENOENT;
  }

  const std::string directory_;
  const bool memory_;
  const uid_t uid_;
  const gid_t gid_;
};

}  // namespace

OverlayProbe ProbeOverlay(const std::string& directory, bool memory) {
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  Trial trial(directory, memory, geteuid(), getegid());
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    _exit(std::clamp(trial.Run(), 0, 255));
  }
  if (pid < 0) return {.os_errno = errno};  // no namespaces, no containers: it does not matter then
  Child child(static_cast<pid_t>(pid), Fd(pidfd));
  auto status = child.Wait();
  if (!status || status->signal != 0) return {.os_errno = EIO};
  bool passing = std::ranges::find(kPassing, status->code) != std::end(kPassing);
  return {.works = status->code == 0, .os_errno = status->code, .lasting = !passing};
}

}  // namespace wolffia
