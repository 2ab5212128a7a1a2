// wolffia-monitor: started by wolffia with the control socket as descriptor 3 and the container's lock as
// descriptor 4.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "engine/runtime/monitor.h"

namespace {
constexpr int kControl = 3, kLock = 4;
}

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("wolffia-monitor " WOLFFIA_VERSION);
    return 0;
  }
  if (fcntl(kControl, F_SETFD, FD_CLOEXEC) < 0 || fcntl(kLock, F_SETFD, FD_CLOEXEC) < 0) {
    std::fputs("wolffia-monitor: this program is started by wolffia, which hands it descriptors 3 and 4\n",
               stderr);
    return 125;
  }
  // What an outer program left open, a pipe say, is not to stay open as long as the container runs.
  syscall(SYS_close_range, kLock + 1, ~0U, 0);
  wolffia::Context context = wolffia::Context::OfProcess();
  return wolffia::RunMonitor(context, {wolffia::Fd(kControl), wolffia::Fd(kLock), std::nullopt});
}
