// LogWatch: sleeps until a container's log has grown or was rotated, or the container's state has changed.
// Rearm, then look at both, then poll fd(): so nothing is missed. One inotify instance for all of it: a user
// has only 128.
#pragma once

#include <string>

#include "engine/base/fd.h"

namespace wolffia {

class LogWatch {
 public:
  // kUnsupported where the kernel has no inotify instance left for this user: then there is nothing to poll.
  static Result<LogWatch> Open(const std::string& log_path, const std::string& container_dir);
  int fd() const { return inotify_.get(); }
  // Forgets what has happened, and watches the file that is the log now.
  void Rearm();

 private:
  LogWatch(Fd inotify, std::string path) : inotify_(std::move(inotify)), path_(std::move(path)) {}
  Fd inotify_;
  std::string path_;
  int watched_ = -1;
};

}  // namespace wolffia
