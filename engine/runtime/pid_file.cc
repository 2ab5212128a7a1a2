#include "engine/runtime/pid_file.h"

#include <fcntl.h>

#include "engine/base/file.h"

namespace wolffia {

Result<> WritePidFiles(const ContainerRecord& record, int pid, int monitor_pid) {
  auto write = [](const std::string& path, int number) -> Result<> {
    if (path.empty()) return {};
    return ReplaceFileAt(AT_FDCWD, path, std::to_string(number), 0644, Durability::kVolatile);
  };
  TRY_WITH(write(record.pid_file, pid), "--pidfile");
  return write(record.monitor_pid_file, monitor_pid).With("--conmon-pidfile");
}

}  // namespace wolffia
