// The user's side of an attached container: pipes to its standard streams, and the loop that moves bytes,
// keys, signals and window sizes between the user's descriptors 0 to 2 and the container until one of them
// ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "engine/runtime/control_client.h"
#include "engine/runtime/detach_keys.h"
#include "engine/runtime/raw_terminal.h"

namespace wolffia {

struct AttachOptions {
  bool stdin_open = false, tty = false;
  bool sig_proxy =
      true;  // signals that we get are passed on; never while the terminal is raw: keys are bytes
  bool lossless = false;  // the container waits for us where we are slow; else what does not fit is skipped
  bool output = true, errors = true;             // which streams (a terminal has only the first)
  std::string detach_keys = kDefaultDetachKeys;  // "" for none; only looked for with a terminal
  std::function<void()> on_overrun;              // once, when output was skipped
};

// Pipes of our making, and their far ends, for an AttachRequest. Never the user's own descriptors: those are
// shared with other programs, whom O_NONBLOCK would surprise.
class AttachStreams {
 public:
  static Result<AttachStreams> Make(const AttachOptions& options);
  AttachRequest request() const { return request_; }
  std::vector<int> theirs() const;  // in the order of the protocol
  void CloseTheirs();               // once they are sent, or the end of the output is never seen

  Fd input, output, errors;  // ours; none where it is not wanted

 private:
  AttachRequest request_;
  Fd their_input_, their_output_, their_errors_;
};

enum class AttachEnd { kExited, kDetached, kMonitorDied };
struct AttachResult {
  AttachEnd end = AttachEnd::kExited;
  int exit_code = 0;
  std::string error;  // as in Exited
};

// Until the container ends or the detach keys come. Output is drained to its end before this returns. A
// reader of ours that has gone ends us by SIGPIPE, as any program.
Result<AttachResult> PumpAttached(ControlClient& client, AttachStreams streams, const AttachOptions& options);

}  // namespace wolffia
