#include "engine/runtime/stragglers.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr int kMaxPasses = 100, kPauseMs = 2;  // a process may be making others while we look

MountNamespace At(int dirfd, const std::string& path) {
  struct stat st;
  return fstatat(dirfd, path.c_str(), &st, 0) == 0 ? MountNamespace{st.st_dev, st.st_ino} : MountNamespace{};
}

bool Same(const MountNamespace& a, const MountNamespace& b) {
  return a.inode == b.inode && a.device == b.device;
}

// A directory of procfs stands for its process, whatever becomes of the number: looked at and killed by it.
bool KillPass(const MountNamespace& of) {
  auto proc = OpenDirectory(AT_FDCWD, "/proc");
  auto names = proc ? ListDirectory(proc->get(), ".") : std::unexpected(proc.error());
  if (!names) return false;
  bool any = false;
  for (const std::string& name : *names) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto process = OpenAt(proc->get(), name, O_RDONLY | O_DIRECTORY);
    if (!process || !Same(At(process->get(), "ns/mnt"), of)) continue;
    any = true;
    syscall(SYS_pidfd_send_signal, process->get(), SIGKILL, nullptr, 0);
  }
  return any;
}

}  // namespace

MountNamespace MountNamespaceOf(pid_t pid) {
  return At(AT_FDCWD, "/proc/" + std::to_string(pid) + "/ns/mnt");
}

void KillStragglers(const MountNamespace& of) {
  if (of.inode == 0 || Same(of, MountNamespaceOf(getpid()))) return;
  for (int pass = 0; pass < kMaxPasses && KillPass(of); pass++) poll(nullptr, 0, kPauseMs);
}

}  // namespace wolffia
