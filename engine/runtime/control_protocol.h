// What a client says to a container's monitor and hears from it: sequenced packets, each {version, kind,
// fields}. A version that is not ours is answered by Failed{kUnsupported}: a monitor outlives an upgrade of
// the programs.
//
// The one who starts a monitor is its first client (descriptor 3 of the monitor; descriptor 4 is the
// container's lock, donated) and begins with a StartRequest; others connect to its socket (control_socket.h).
// Any client may close at any time: the container goes on. The monitor closing without Exited means that it
// was killed, and the container with it.
#pragma once

#include <string>
#include <variant>

#include "engine/base/socket.h"

namespace wolffia {

inline constexpr uint8_t kControlVersion = 3;
inline constexpr size_t kMaxControlPacket = 64 << 10;

enum Streams : int { kStdin = 1, kStdout = 2, kStderr = 4 };

struct TerminalSize {
  uint16_t rows = 0, columns = 0;
  bool operator==(const TerminalSize&) const = default;
};

// --- Requests ---

// What is done with the container: its command runs; all but that is done, and GoRequest starts it; its root
// stands for others (root_access.h) until the last client has gone, and nothing runs.
enum class StartMode : int { kRun, kInit, kRootOnly };

// Descriptors travel with the packet in the order stdin, stdout, stderr, as far as `streams` has them: pipe
// ends of the client's making. Answered by Attached or Failed; later come Overrun and Exited.
struct AttachRequest {
  int streams = 0;
  bool lossless = false;
  TerminalSize size;
};
// The first packet to a monitor; the descriptors of `attach` come with it. Answered by Started or Failed.
struct StartRequest {
  std::string store_root, store_runroot, container_id;
  bool volatile_store = false;
  bool verify_reads = false;  // storage.verify
  int log_level = 1;
  StartMode mode = StartMode::kRun;
  AttachRequest attach;
};
struct ResizeRequest {  // no answer
  TerminalSize size;
};
struct SignalRequest {  // Done or Failed
  int signal = 0;
};
struct StopRequest {        // Done{forced}, after the end; no restart policy starts it again
  int signal = 0;           // 0: the record's
  int64_t timeout_ms = -1;  // -1: the record's
};
struct RestartRequest {  // Done, once it runs again; Failed
  int64_t timeout_ms = -1;
};
struct PauseRequest {  // Done or Failed
  bool pause = true;
};
struct GoRequest {};           // an initialized container begins: Started or Failed
struct RestartPolicyRequest {  // Done
  std::string policy;
  int retries = 0;
};
struct NetworkRequest {};   // the networks in its record, or its name, have changed: Done, Failed
struct ProcessRequest {};   // Process{pid}, with descriptors: pidfd of init, its /proc (O_PATH)
struct HealthRequest {};    // runs the check now: Health
struct NotifierRequest {};  // with the listener of the fast path's filter (network/bypass.h): Done or Failed

// --- Answers ---

struct Started {
  int pid = 0;
};
struct Failed {
  Error error;
};
struct Exited {  // its lock is free
  int exit_code = 0;
  std::string error;  // why it could not be started again; "" if its program ended
};

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

using ControlMessage =
    std::variant<StartRequest, AttachRequest, ResizeRequest, SignalRequest, StopRequest, RestartRequest,
                 PauseRequest, GoRequest, RestartPolicyRequest, ProcessRequest, HealthRequest, Started,
                 Failed, Exited, Attached, Done, Overrun, Process, Health, NetworkRequest, NotifierRequest>;

std::string Encode(const ControlMessage& message);
// kCorrupt for anything that is none of them, kUnsupported for another version.
Result<ControlMessage> DecodeControl(std::string_view packet);

}  // namespace wolffia
