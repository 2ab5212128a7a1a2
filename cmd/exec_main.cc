// wolffia-exec: started by wolffia, or by a monitor for a health check, with the descriptors of
// exec_request.h.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "engine/runtime/exec_helper.h"
#include "engine/runtime/exec_request.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("wolffia-exec " WOLFFIA_VERSION);
    return 0;
  }
  for (int fd : {wolffia::kExecControl, wolffia::kExecInit, wolffia::kExecOrder})
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
      std::fputs("wolffia-exec: this program is started by wolffia, which hands it descriptors 3, 4 and 5\n",
                 stderr);
      return 125;
    }
  prctl(PR_SET_NAME, "wolffia-exec", 0, 0, 0);  // executed from memory, it has no file to be named by
  // What an outer program left open is not to stay open as long as the command runs.
  syscall(SYS_close_range, wolffia::kExecOrder + 1, ~0U, 0);
  wolffia::Context context = wolffia::Context::OfProcess();
  return wolffia::RunExecHelper(context);
}
