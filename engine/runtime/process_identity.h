// Whether a pid still means the process that it once was: its start time and the boot go with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace wolffia {

int64_t StartTicks(pid_t pid);  // field 22 of /proc/PID/stat; -1 if there is no such process
bool IsEnding(pid_t pid);       // it runs no more of its program; true as well if there is no such process
std::string BootId();

}  // namespace wolffia
