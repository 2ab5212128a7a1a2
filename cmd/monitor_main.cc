// wolffia-monitor: started by wolffia with the control socket as descriptor 3 and the container's lock as
// descriptor 4.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "engine/runtime/monitor.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("wolffia-monitor " WOLFFIA_VERSION);
    return 0;
  }
  if (fcntl(wolffia::kMonitorControl, F_SETFD, FD_CLOEXEC) < 0 ||
      fcntl(wolffia::kMonitorLock, F_SETFD, FD_CLOEXEC) < 0) {
    std::fputs("wolffia-monitor: this program is started by wolffia, which hands it descriptors 3 and 4\n",
               stderr);
    return 125;
  }
  prctl(PR_SET_NAME, "wolffia-monitor", 0, 0, 0);  // executed from memory, it has no file to be named by
  // What an outer program left open, a pipe say, is not to stay open as long as the container runs.
  syscall(SYS_close_range, wolffia::kMonitorLock + 1, ~0U, 0);
  wolffia::Context context = wolffia::Context::OfProcess();
  return wolffia::RunMonitor(
      context, {wolffia::Fd(wolffia::kMonitorControl), wolffia::Fd(wolffia::kMonitorLock), std::nullopt});
}
