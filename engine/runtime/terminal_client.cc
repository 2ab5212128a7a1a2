#include "engine/runtime/terminal_client.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/runtime/stream_pump.h"

namespace wolffia {
namespace {

// So much a slow client may lag behind before it misses something.
constexpr int kLossyPipe = 1 << 20;

Result<> MakeStream(Fd& ours, Fd& theirs, bool to_container) {
  Pipe pipe = TRY(MakePipe());
  ours = std::move(to_container ? pipe.write : pipe.read);
  theirs = std::move(to_container ? pipe.read : pipe.write);
  fcntl(ours.get(), F_SETFL, fcntl(ours.get(), F_GETFL) | O_NONBLOCK);
  return {};
}

}  // namespace

Result<AttachStreams> AttachStreams::Make(const AttachOptions& options) {
  AttachStreams streams;
  AttachRequest& request = streams.request_;
  request.lossless = options.lossless;
  if (options.stdin_open) {
    TRY(MakeStream(streams.input, streams.their_input_, true));
    request.streams |= kStdin;
  }
  if (options.output) {
    TRY(MakeStream(streams.output, streams.their_output_, false));
    request.streams |= kStdout;
  }
  if (options.errors && !options.tty) {
    TRY(MakeStream(streams.errors, streams.their_errors_, false));
    request.streams |= kStderr;
  }
  if (!options.lossless)
    for (const Fd* fd : {&streams.output, &streams.errors})
      if (*fd) fcntl(fd->get(), F_SETPIPE_SZ, kLossyPipe);  // the kernel's limit for a user may refuse it
  if (options.tty)
    for (int fd : {STDIN_FILENO, STDOUT_FILENO})
      if (request.size.rows == 0) request.size = RawTerminal::Size(fd).value_or(TerminalSize{});
  return streams;
}

std::vector<int> AttachStreams::theirs() const {
  std::vector<int> fds;
  for (const Fd* fd : {&their_input_, &their_output_, &their_errors_})
    if (*fd) fds.push_back(fd->get());
  return fds;
}

void AttachStreams::CloseTheirs() {
  for (Fd* fd : {&their_input_, &their_output_, &their_errors_}) fd->Reset();
}

Result<AttachResult> PumpAttached(ControlClient& client, AttachStreams streams,
                                  const AttachOptions& options) {
  streams.CloseTheirs();
  bool overrun = false;
  PumpWire wire{.fd = client.fd()};
  wire.receive = [&]() -> Result<std::optional<AttachResult>> {
    auto received = client.Receive();
    if (!received || !*received) return AttachResult{AttachEnd::kMonitorDied, 125, ""};
    const ControlMessage& message = (*received)->message;
    if (const auto* exited = std::get_if<Exited>(&message))
      return AttachResult{AttachEnd::kExited, exited->exit_code, exited->error};
    if (std::holds_alternative<Overrun>(message) && !std::exchange(overrun, true) && options.on_overrun)
      options.on_overrun();
    return std::nullopt;  // answers to what we passed on
  };
  wire.signal = [&](int signal) { (void)client.Send(SignalRequest{signal}); };
  wire.resize = [&](TerminalSize size) { (void)client.Send(ResizeRequest{size}); };
  return PumpUntilEnd(
      wire, {std::move(streams.input), std::move(streams.output), std::move(streams.errors), false}, options);
}

}  // namespace wolffia
