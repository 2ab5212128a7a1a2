#include "network/keeper.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>

#include "engine/base/process.h"
#include "engine/base/socket.h"

namespace wolffia {

int RunKeeper(int control, char** program) {
  SpawnRequest request{.program = program[0], .argv = {}};
  for (char** word = program; *word != nullptr; word++) request.argv.emplace_back(*word);
  auto child = Spawn(request);  // whatever else was given to us is open there, too
  if (!child) {
    std::fprintf(stderr, "%s\n", child.error().what.c_str());
    return 125;
  }
  (void)SendPacket(control, "started", {child->pidfd()});
  pollfd fds[2] = {{child->pidfd(), POLLIN, 0}, {control, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) return 0;  // the child is killed with its object
  auto status = child->Wait();
  return status ? status->ShellCode() : 125;
}

}  // namespace wolffia
