#include "engine/runtime/stragglers.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace wolffia {
namespace {

constexpr int kMaxPasses = 100, kPauseMs = 2;  // a process may be making others while we look

bool IsAt(int dirfd, const char* path, const struct stat& of) {
  struct stat st;
  return fstatat(dirfd, path, &st, 0) == 0 && st.st_ino == of.st_ino && st.st_dev == of.st_dev;
}

// A directory of procfs stands for its process, whatever becomes of the number: looked at and killed by it.
bool KillIfIn(const struct stat& of, int proc, const char* pid) {
  const int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (process < 0) return false;
  const bool is = IsAt(process, "ns/mnt", of);
  if (is) syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
  close(process);
  return is;
}

bool KillPass(const struct stat& of) {
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

void KillStragglers(int mount_namespace) {
  struct stat of;
  if (fstat(mount_namespace, &of) < 0 || IsAt(AT_FDCWD, "/proc/self/ns/mnt", of)) return;
  for (int pass = 0; pass < kMaxPasses && KillPass(of); pass++) poll(nullptr, 0, kPauseMs);
}

}  // namespace wolffia
