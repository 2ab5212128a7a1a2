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

}  // namespace wolffia
