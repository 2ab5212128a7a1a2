#include "engine/runtime/stragglers.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace wolffia {
namespace {

constexpr int kMaxPasses = 100, kPauseMs = 2;  // a process may be making others while we look

MountNamespace At(int dirfd, const char* path) {
  struct stat st;
  return fstatat(dirfd, path, &st, 0) == 0 ? MountNamespace{st.st_dev, st.st_ino} : MountNamespace{};
}

bool Same(const MountNamespace& a, const MountNamespace& b) {
  return a.inode == b.inode && a.device == b.device;
}

// A directory of procfs stands for its process, whatever becomes of the number: looked at and killed by it.
bool KillIfIn(const MountNamespace& of, int proc, const char* pid) {
  const int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (process < 0) return false;
  const bool is = Same(At(process, "ns/mnt"), of);
  if (is) syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
  close(process);
  return is;
}

bool KillPass(const MountNamespace& of) {
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return false;
  bool any = false;
  alignas(dirent64) char buffer[8 << 10];
  for (ssize_t size; (size = getdents64(proc, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') any |= KillIfIn(of, proc, entry->d_name);
    }
  }
  close(proc);
  return any;
}

}  // namespace

MountNamespace MountNamespaceOf(pid_t pid) {
  return At(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/ns/mnt").c_str());
}

void KillStragglers(const MountNamespace& of) {
  if (of.inode == 0 || Same(of, At(AT_FDCWD, "/proc/self/ns/mnt"))) return;
  for (int pass = 0; pass < kMaxPasses && KillPass(of); pass++) poll(nullptr, 0, kPauseMs);
}

}  // namespace wolffia
