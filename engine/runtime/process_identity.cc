#include "engine/runtime/process_identity.h"

#include <charconv>

#include "engine/base/file.h"

namespace wolffia {

int64_t StartTicks(pid_t pid) {
  auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return -1;
  size_t at = stat->rfind(')');  // the name, field 2, may hold anything
  for (int field = 3; field <= 22 && at != std::string::npos; field++) at = stat->find(' ', at + 1);
  int64_t ticks = -1;
  if (at != std::string::npos) std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), ticks);
  return ticks;
}

std::string BootId() {
  std::string id = ReadFile("/proc/sys/kernel/random/boot_id", 64).value_or("");
  return id.substr(0, id.find('\n'));
}

}  // namespace wolffia
