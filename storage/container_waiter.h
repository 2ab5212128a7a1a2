// ContainerWaiter: sleeps until a container's state changes, by inotify on its directory. Open, then Get,
// then Next: nothing is missed.
#pragma once

#include <string>

#include "storage/store.h"

namespace wolffia {

class ContainerWaiter {
 public:
  static Result<ContainerWaiter> Open(const Store& store, const std::string& id);
  int fd() const { return inotify_.get(); }  // -1: there are no more watches; only Next waits
  // A removed container ends every wait.
  Result<> Next(int timeout_ms = -1);

 private:
  explicit ContainerWaiter(Fd inotify) : inotify_(std::move(inotify)) {}
  Fd inotify_;
};

}  // namespace wolffia
