#include "engine/cgroup/memory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

namespace wolffia {

Result<MemoryWatch> MemoryWatch::Begin(const std::string& cgroup) {
  Fd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify) return FailErrno("watch the container's memory");
  const std::string path = cgroup + "/memory.events";
  if (inotify_add_watch(inotify.get(), path.c_str(), IN_MODIFY) < 0) return FailErrno("watch " + path);
  return MemoryWatch(std::move(inotify));
}

void MemoryWatch::Drain() {
  char events[4096];
  while (read(inotify_.get(), events, sizeof events) > 0) {
  }
}

}  // namespace wolffia
