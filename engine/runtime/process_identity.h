// Whether a pid still means the process that it once was: its start time and the boot go with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace wolffia {

int64_t StartTicks(pid_t pid);  // field 22 of /proc/PID/stat; -1 if there is no such process
std::string BootId();

// True once the process behind `pidfd`, whose number is `pid`, ends: already while the kernel takes it apart,
// and refuses to join its namespaces (EPERM), which in the first process of a pid namespace may take a while.
bool IsEnding(int pidfd, pid_t pid);
// True if work in a container failed because its monitor was killed: its root file system is the first to go,
// with these words (`os_errno`), and its first process, `init` with the number `pid`, follows within a moment. Or
// because the container was removed.
bool FailedByEnd(int os_errno, int init, pid_t pid);
// The number of the process behind a pidfd of ours; -1 if it has been reaped.
pid_t PidOf(int pidfd);

}  // namespace wolffia
