#include "engine/runtime/process_identity.h"

#include <charconv>

#include "engine/base/file.h"

namespace wolffia {

namespace {

constexpr int kFlags = 9, kStartTime = 22;
constexpr int64_t kExiting = 0x4;  // PF_EXITING of the kernel's linux/sched.h

// A numeric field of /proc/PID/stat, as proc(5) counts them; -1 if there is no such process.
int64_t StatField(pid_t pid, int wanted) {
  auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return -1;
  size_t at = stat->rfind(')');  // the name, field 2, may hold anything
  for (int field = 3; field <= wanted && at != std::string::npos; field++) at = stat->find(' ', at + 1);
  int64_t value = -1;
  if (at != std::string::npos) std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), value);
  return value;
}

}  // namespace

int64_t StartTicks(pid_t pid) {
  return StatField(pid, kStartTime);
}

bool IsEnding(pid_t pid) {
  const int64_t flags = StatField(pid, kFlags);
  return flags < 0 || (flags & kExiting) != 0;
}

std::string BootId() {
  std::string id = ReadFile("/proc/sys/kernel/random/boot_id", 64).value_or("");
  return id.substr(0, id.find('\n'));
}

}  // namespace wolffia
