// What a client says to a container's monitor and hears from it: sequenced packets, each {version, kind,
// fields}. A version that is not ours is answered by Failed{kUnsupported}: a monitor outlives an upgrade of
// the programs.
#pragma once

#include "engine/runtime/monitor_protocol.h"

namespace wolffia {

inline constexpr uint8_t kControlVersion = 1;
inline constexpr size_t kMaxControlPacket = 64 << 10;

enum Streams : int { kStdin = 1, kStdout = 2, kStderr = 4 };

struct TerminalSize {
  uint16_t rows = 0, columns = 0;
};

// --- Requests ---

// Descriptors travel with the packet in the order stdin, stdout, stderr, as far as `streams` has them: pipe
// ends of the client's making. Answered by Attached or Failed; later come Overrun and Exited.
struct AttachRequest {
  int streams = 0;
  bool lossless = false;
  TerminalSize size;
};
struct ResizeRequest {  // no answer
  TerminalSize size;
};
struct SignalRequest {  // Done or Failed
  int signal = 0;
};
struct StopRequest {        // Done{forced}, after the end
  int signal = 0;           // 0: the record's
  int64_t timeout_ms = -1;  // -1: the record's
  bool final = false;       // no restart policy starts it again
};
struct PauseRequest {  // Done or Failed
  bool pause = true;
};
struct GoRequest {};           // an initialized container begins: Started or Failed
struct RestartPolicyRequest {  // Done
  std::string policy;
  int retries = 0;
};
struct ProcessRequest {};  // Process{pid}, with descriptors: pidfd of init, its /proc (O_PATH)
struct HealthRequest {};   // runs the check now: Health

// --- Answers, besides Started, Failed and Exited ---

struct Attached {
  bool tty = false;
};
struct Done {
  bool forced = false;
};
struct Overrun {  // a lossy client missed so many bytes
  int stream = 0;
  int64_t bytes = 0;
};
struct Process {
  int pid = 0;
};
struct Health {
  int exit_code = 0;
  std::string output;
};

using ControlMessage = std::variant<AttachRequest, ResizeRequest, SignalRequest, StopRequest, PauseRequest,
                                    GoRequest, RestartPolicyRequest, ProcessRequest, HealthRequest, Started,
                                    Failed, Exited, Attached, Done, Overrun, Process, Health>;

std::string Encode(const ControlMessage& message);
// kCorrupt for anything that is none of them, kUnsupported for another version.
Result<ControlMessage> DecodeControl(std::string_view packet);

}  // namespace wolffia
