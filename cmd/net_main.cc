// wolffia-net: what works for containers' networks beside the monitor, by its first argument. Descriptor 3 is
// its control socket: it ends when the other end closes.
#include <fcntl.h>

#include <cstdio>
#include <cstring>

#include "network/bypass_supervisor.h"
#include "network/forward_main.h"
#include "network/holder.h"
#include "network/keeper.h"

namespace {

constexpr int kControl = 3;

struct Role {
  const char* name;
  int (*run)(int control);
};
constexpr Role kRoles[] = {
    {"bypass", wolffia::RunBypass},
    {"holder", wolffia::RunHolder},
    {"ports", wolffia::RunPortForwarder},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("wolffia-net " WOLFFIA_VERSION);
    return 0;
  }
  if (argc > 2 && std::strcmp(argv[1], "keep") == 0) return wolffia::RunKeeper(kControl, argv + 2);
  if (argc == 2 && fcntl(kControl, F_SETFD, FD_CLOEXEC) == 0)
    for (const Role& role : kRoles)
      if (std::strcmp(argv[1], role.name) == 0) return role.run(kControl);
  std::fputs("wolffia-net: this program is started by wolffia\n", stderr);
  return 125;
}
