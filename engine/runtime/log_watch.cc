#include "engine/runtime/log_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include "engine/base/file.h"

namespace wolffia {

Result<LogWatch> LogWatch::Open(const std::string& log_path, const std::string& container_dir) {
  Fd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify) return Fail(Code::kUnsupported, "inotify_init: " + std::string(strerror(errno)), errno);
  // A record of the state appears by rename, a new log too; the monitor's end closes the lock, which was open
  // for writing.
  for (const std::string& directory : {SplitPath(log_path).first, container_dir})
    (void)inotify_add_watch(
        inotify.get(), directory.c_str(),
        IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  LogWatch watch(std::move(inotify), log_path);
  watch.Rearm();
  return watch;
}

void LogWatch::Rearm() {
  alignas(inotify_event) char events[4096];
  while (read(inotify_.get(), events, sizeof events) > 0) continue;
  // IN_ATTRIB: the last name of a file that we have open went away.
  int watched = inotify_add_watch(inotify_.get(), path_.c_str(), IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB);
  if (watched_ >= 0 && watched != watched_) (void)inotify_rm_watch(inotify_.get(), watched_);
  watched_ = watched;
}

}  // namespace wolffia
