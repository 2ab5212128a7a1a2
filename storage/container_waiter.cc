#include "storage/container_waiter.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

// Records arrive by rename; a lock file that closes may be the death of a monitor.
constexpr uint32_t kEvents = IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int kLookAgainMs = 50;  // where the user's inotify instances are used up

}  // namespace

Result<ContainerWaiter> ContainerWaiter::Open(const Store& store, const std::string& id) {
  Fd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify && errno != EMFILE && errno != ENFILE) return FailErrno("watch container " + id.substr(0, 12));
  const std::string path = store.root_path() + "/containers/" + id;
  if (inotify && inotify_add_watch(inotify.get(), path.c_str(), kEvents) < 0) {
    // ENOENT: gone already; the caller looks next, and sees it.
    if (errno != ENOENT && errno != ENOSPC) return FailErrno("watch container " + id.substr(0, 12));
    inotify.Reset();
  }
  return ContainerWaiter(std::move(inotify));
}

Result<> ContainerWaiter::Next(int timeout_ms) {
  if (!inotify_) {
    poll(nullptr, 0, timeout_ms < 0 ? kLookAgainMs : std::min(timeout_ms, kLookAgainMs));
    return {};
  }
  pollfd fd{inotify_.get(), POLLIN, 0};
  if (poll(&fd, 1, timeout_ms) < 0 && errno != EINTR) return FailErrno("wait for a container");
  char buffer[4096];
  while (read(inotify_.get(), buffer, sizeof buffer) > 0) {
  }
  return {};
}

}  // namespace wolffia
