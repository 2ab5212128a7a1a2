// PidFiles: --pidfile and --conmon-pidfile, for service managers and scripts.
#pragma once

#include "storage/container_store.h"

namespace wolffia {

// Writes the files that the record asks for, as numbers without a newline, each by one rename.
Result<> WritePidFiles(const ContainerRecord& record, int pid, int monitor_pid);

}  // namespace wolffia
