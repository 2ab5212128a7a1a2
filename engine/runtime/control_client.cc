#include "engine/runtime/control_client.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "engine/runtime/control_socket.h"
#include "engine/runtime/process_identity.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int kLongestPauseMs = 64, kPatienceMs = 2000;
constexpr int kRebindAfterMs = 7;  // by then a monitor that is being started has bound its socket

std::unexpected<Error> NotRunning(const std::string& id) {
  return Fail(Code::kBusy, "container " + id.substr(0, 12) + " is not running: container state improper",
              ECONNREFUSED);
}

// Its monitor has gone without an answer, and the container with it.
std::unexpected<Error> HasEnded() {
  return Fail(Code::kBusy, "the container has ended meanwhile: container state improper", ECONNRESET);
}

Result<Fd> TryConnect(const Store& store, const std::string& id) {
  Fd monitors = TRY(OpenMonitors(store.runroot_path()));
  Fd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection) return FailErrno("make a socket");
  sockaddr_un address = ControlAddress(monitors.get(), id);
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return FailErrno("connect to the monitor of container " + id.substr(0, 12));
  if (!IsOurs(connection.get()))
    return Fail(Code::kDenied, "the monitor of container " + id.substr(0, 12) + " belongs to somebody else");
  return connection;
}

// A monitor whose socket's name is gone is asked to bind it again. Its pid alone may be another process's by
// now.
void AskToRebind(const ContainerStatus& status) {
  if (!status.started || status.started->boot_id != BootId()) return;
  const pid_t pid = status.started->monitor_pid;
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd || StartTicks(pid) != status.started->monitor_ticks) return;
  siginfo_t info{};
  info.si_signo = SIGRTMAX;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = kRebindMagic;
  syscall(SYS_pidfd_send_signal, pidfd.get(), SIGRTMAX, &info, 0);
}

}  // namespace

Result<ControlClient> ControlClient::Connect(const Store& store, const ContainerStatus& status) {
  const std::string& id = status.record.id;
  bool asked = false;
  for (int waited = 0, pause = 1;; waited += pause, pause = std::min(pause * 2, kLongestPauseMs)) {
    auto connection = TryConnect(store, id);
    if (connection) return ControlClient(std::move(*connection));
    const int failed = connection.error().os_errno;
    if (failed != ENOENT && failed != ECONNREFUSED && failed != EAGAIN)
      return std::unexpected(std::move(connection.error()));
    auto now = TRY(ContainerStore(store).Get(id));
    if (now.phase == Phase::kNone) return NotRunning(id);
    if (waited >= kPatienceMs) return std::unexpected(std::move(connection.error()));
    if (failed == ENOENT && waited >= kRebindAfterMs && !std::exchange(asked, true)) AskToRebind(now);
    timespec time{0, pause * kMillisecond};
    nanosleep(&time, nullptr);
  }
}

Result<> ControlClient::Send(const ControlMessage& message, const std::vector<int>& fds) {
  return SendPacket(socket_.get(), Encode(message), fds);
}

Result<std::optional<ControlClient::Received>> ControlClient::Receive() {
  auto received = ReceivePacket(socket_.get());
  if (!received && received.error().os_errno == ECONNRESET) return std::optional<Received>();
  Packet packet = TRY(std::move(received));
  if (packet.data.empty()) return std::optional<Received>();
  ControlMessage message = TRY(DecodeControl(packet.data));
  return std::optional<Received>(Received{std::move(message), std::move(packet.fds)});
}

Result<ControlClient::Received> ControlClient::Ask(const ControlMessage& request,
                                                   const std::vector<int>& fds) {
  auto sent = Send(request, fds);
  const int failed = sent ? 0 : sent.error().os_errno;
  if (failed == EPIPE || failed == ECONNRESET) return Answer();  // its last words, if it had any
  TRY(std::move(sent));
  return Answer();
}

Result<ControlClient::Received> ControlClient::Answer() {
  for (;;) {
    auto received = TRY(Receive());
    if (!received || std::holds_alternative<Exited>(received->message)) return HasEnded();
    if (std::holds_alternative<Overrun>(received->message)) continue;
    if (auto* failed = std::get_if<Failed>(&received->message))
      return std::unexpected(std::move(failed->error));
    return std::move(*received);
  }
}

}  // namespace wolffia
