// SealedProgram: a program of ours in memory that nobody can change any more. What is executed on behalf of a
// container is never a file that the user can write: a container's "#!/proc/self/exe" would hold a descriptor
// of it (CVE-2019-5736).
#pragma once

#include <string>

#include "engine/base/fd.h"

namespace wolffia {

// Executable as /proc/self/fd/N. Only what the kernel loads is copied, no symbols. kUnsupported where the
// host forbids programs in memory (sysctl vm.memfd_noexec).
Result<Fd> SealedProgram(const std::string& path);

// A program as it is to be executed: `path`, while `memory` is open.
struct SafeProgram {
  std::string path;
  Fd memory;
};
// Always a sealed copy, or the file itself where programs in memory are forbidden. `above`: descriptors up to
// this one are given to the program.
Result<SafeProgram> SealedOrFile(const std::string& path, int above);
// For a program that runs as long as whoever could write it: the file itself, where the kernel lets nobody
// write a program that runs (ETXTBSY: all but Linux 6.11 and 6.12), or the user may not write it at all. A
// copy of the monitor would cost each container 1.5 ms and 3 MiB.
Result<SafeProgram> FileIfUnwritable(const std::string& path, int above);

}  // namespace wolffia
