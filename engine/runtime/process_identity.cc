#include "engine/runtime/process_identity.h"

#include <poll.h>

#include <cerrno>
#include <charconv>

#include "engine/base/file.h"

namespace wolffia {

namespace {

constexpr int kEndMs = 10'000, kLookMs = 5;
constexpr int kFlags = 9, kStartTime = 22;
constexpr int64_t kExiting = 4;  // PF_EXITING

// A numeric field of /proc/PID/stat, as proc(5) counts them; -1 if there is no such process.
int64_t StatField(pid_t pid, int wanted) {
  auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return -1;
  size_t at = stat->rfind(')');  // the name, field 2, may hold anything
  for (int field = 3; field <= wanted && at != std::string::npos; field++) at = stat->find(' ', at + 1);
  int64_t number = -1;
  if (at != std::string::npos) std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), number);
  return number;
}

}  // namespace

int64_t StartTicks(pid_t pid) {
  return StatField(pid, kStartTime);
}

bool IsEnding(int pidfd, pid_t pid) {
  const int64_t flags = StatField(pid, kFlags);
  // In this order: the number was this process's when it was looked at, unless the descriptor says otherwise.
  pollfd ended{pidfd, POLLIN, 0};
  return poll(&ended, 1, 0) > 0 || flags < 0 || (flags & kExiting) != 0;
}

bool FailedByEnd(int os_errno, int init, pid_t pid) {
  if (os_errno == ENOENT) return IsEnding(init, pid);                  // its upper is being removed
  if (os_errno != ENOTCONN && os_errno != ECONNABORTED) return false;  // the words of FUSE without a server
  // Looked at again and again: an ending init is not ended before every process of its namespace is reaped, and some
  // of them may be the caller's.
  for (int waited = 0; waited < kEndMs; waited += kLookMs) {
    if (IsEnding(init, pid)) return true;
    pollfd ended{init, POLLIN, 0};
    poll(&ended, 1, kLookMs);
  }
  return false;
}

pid_t PidOf(int pidfd) {
  const std::string info = ReadFile("/proc/self/fdinfo/" + std::to_string(pidfd), 4096).value_or("");
  constexpr std::string_view kKey = "\nPid:\t";
  const size_t at = info.find(kKey);
  pid_t pid = -1;
  if (at != std::string::npos)
    std::from_chars(info.data() + at + kKey.size(), info.data() + info.size(), pid);
  return pid;
}

std::string BootId() {
  std::string id = ReadFile("/proc/sys/kernel/random/boot_id", 64).value_or("");
  return id.substr(0, id.find('\n'));
}

}  // namespace wolffia
