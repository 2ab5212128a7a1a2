// Mounts: a root file system's parts, each tried in the World's own mount namespace.
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <cstdlib>

#include "engine/base/fd.h"
#include "engine/base/file.h"
#include "engine/guarantees/inside_trial.h"

namespace wolffia {
namespace {

std::string Place(const char* name) {
  return std::string(kPlace) + "/" + name;
}

int MountProc() {
  return ErrorOf(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
}

// In the new /proc there must be nobody but the first process.
int SeesOnlyItself() {
  auto names = Open("/proc", O_RDONLY | O_DIRECTORY);
  if (!names) return names.error().os_errno;
  auto list = ListDirectory(names->get(), ".");
  if (!list) return EIO;
  for (const std::string& name : *list)
    if (atoi(name.c_str()) > 1) return EEXIST;
  return 0;
}

// As the launch does it: an empty device over what is to be hidden.
int MaskPath() {
  constexpr const char* kHidden = "/proc/timer_list";
  Fd device(open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!device) return errno;
  const char* target = access(kHidden, F_OK) == 0 ? kHidden : "/proc/version";
  if (move_mount(device.get(), "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0) return errno;
  auto text = ReadFile(target, 1 << 20);
  return !text || text->empty() ? 0 : EEXIST;
}

int BindDevice() {
  const std::string path = Place("null");
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return errno;
  Fd device(open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!device) return errno;
  if (move_mount(device.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) return errno;
  Fd opened(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return opened ? ErrorOf(write(opened.get(), "x", 1)) : errno;
}

// Without a server: it is only mounted.
int MountFuse() {
  Fd device(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device) return errno;
  const std::string place = Place("fuse");
  if (mkdir(place.c_str(), 0700) < 0) return errno;
  const std::string options = "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=0,group_id=0";
  if (mount("doctor", place.c_str(), "fuse", MS_NODEV | MS_NOSUID, options.c_str()) < 0) return errno;
  return ErrorOf(umount2(place.c_str(), MNT_DETACH));
}

// What wolffia would do in a container of its own.
void Nest(TrialResults& results) {
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  results[Trial::kNestedUser] = ErrorOf(pid);
  if (pid < 0) return;
  if (pid == 0) {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) _exit(errno);
    _exit(MountProc());
  }
  int status = 0;
  while (waitpid(static_cast<pid_t>(pid), &status, 0) < 0 && errno == EINTR) {
  }
  results[Trial::kNestedProc] = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace

void TryMounts(const InsideRequest& request) {
  TrialResults& results = *request.results;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    results[Trial::kMountNamespace] = errno;
    return;
  }
  if (results[Trial::kPidNamespace] == 0) {
    results[Trial::kProc] = MountProc();
    if (results[Trial::kProc] == 0) {
      Nest(results);  // before something is hidden: the kernel gives no new /proc where one has holes
      results[Trial::kProcessesHidden] = SeesOnlyItself();
      results[Trial::kMaskedPath] = MaskPath();
    }
  }
  results[Trial::kTmpfs] = ErrorOf(mount("tmpfs", kPlace, "tmpfs", MS_NODEV, "mode=0711"));
  if (results[Trial::kTmpfs] != 0) return;
  results[Trial::kDeviceNode] = ErrorOf(mknod(Place("made").c_str(), S_IFCHR | 0600, makedev(1, 3)));
  results[Trial::kDeviceBind] = BindDevice();
  results[Trial::kFuse] = MountFuse();
}

}  // namespace wolffia
