// The standard streams of a container without a terminal: pipes of the monitor's making, so that its log and
// whoever attaches have what it writes, and none of them is a descriptor that others share.
#pragma once

#include "engine/base/fd.h"

namespace wolffia {

struct ContainerStreams {
  Fd in;        // writes to its input; of a terminal: its master
  Fd out, err;  // read its output; of a terminal: out alone
};

class StreamPipes {
 public:
  static Result<StreamPipes> Make(bool with_input);
  // They become this process's own 0 to 2, which a child inherits.
  Result<> Install() const;
  ContainerStreams TakeOurs() { return std::move(ours_); }

 private:
  ContainerStreams ours_, theirs_;
};

// This process's own 0 to 2 become /dev/null: with a container's ends open, a reader of its output would
// never see the end.
void CloseStdio();

}  // namespace wolffia
