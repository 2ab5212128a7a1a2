#include "engine/runtime/monitor_client.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace wolffia {
namespace {

// What a user or a supervisor sends to the CLI and means for the container. Not SIGTSTP and its like: they
// stop the CLI.
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM};

sigset_t Forwarded() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : kForwarded) sigaddset(&set, signal);
  return set;
}

std::unexpected<Error> MonitorDied() {
  return Fail(Code::kIo, "the monitor died, and the container with it");
}

}  // namespace

Result<MonitorClient> MonitorClient::Start(const Context& context, const Store& store, NewContainer container,
                                           const MonitorStdio& stdio) {
  MonitorClient client;
  std::string program = TRY(FindSibling("wolffia-monitor"));
  SocketPair sockets = TRY(MakeSocketPair());
  SpawnRequest request;
  request.program = program;
  request.argv = {program};
  request.donations = {{sockets.theirs.get(), 3}, {container.lock.fd(), 4}};
  Fd null;
  if (stdio.null) {
    null = TRY(Open("/dev/null", O_RDWR));
    for (int fd : {0, 1, 2}) request.donations.push_back({null.get(), fd});
  }
  request.new_session = true;
  client.monitor_ = TRY_WITH(Spawn(request), "start the monitor");
  client.socket_ = std::move(sockets.ours);
  // From now on a signal is for the container; one that comes too early waits until it runs.
  sigset_t forwarded = Forwarded();
  sigprocmask(SIG_BLOCK, &forwarded, nullptr);
  StartRequest start{store.root_path(), store.runroot_path(), container.id};
  start.volatile_store = store.durability() == Durability::kVolatile;
  start.stdin_open = stdio.stdin_open && !stdio.null;
  start.log_level = static_cast<int>(context.log_level);
  TRY_WITH(SendPacket(client.socket_.get(), Encode(start)), "start the monitor");
  return client;
}

Result<Started> MonitorClient::AwaitStarted() {
  Packet packet = TRY(ReceivePacket(socket_.get()));
  if (packet.data.empty()) return MonitorDied();
  MonitorMessage message = TRY(Decode(packet.data));
  if (auto* failed = std::get_if<Failed>(&message)) {
    (void)monitor_.Wait();
    return std::unexpected(std::move(failed->error));
  }
  if (auto* started = std::get_if<Started>(&message)) return *started;
  return Fail(Code::kIo, "the monitor spoke out of turn");
}

Result<Exited> MonitorClient::AwaitExit(bool forward_signals) {
  Fd signals;
  if (forward_signals) {
    sigset_t set = Forwarded();
    signals = Fd(signalfd(-1, &set, SFD_CLOEXEC));
    if (!signals) return FailErrno("watch for signals");
  }
  for (;;) {
    pollfd fds[2] = {{socket_.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return FailErrno("poll");
    }
    if (fds[1].revents != 0) {
      signalfd_siginfo info;
      if (read(signals.get(), &info, sizeof info) == sizeof info)
        (void)SendPacket(socket_.get(), Encode(Signalled{static_cast<int>(info.ssi_signo)}));
    }
    if (fds[0].revents == 0) continue;
    Packet packet = TRY(ReceivePacket(socket_.get()));
    if (packet.data.empty()) return MonitorDied();
    MonitorMessage message = TRY(Decode(packet.data));
    auto* exited = std::get_if<Exited>(&message);
    if (exited == nullptr) return Fail(Code::kIo, "the monitor spoke out of turn");
    monitor_.Detach();  // it has let go of the container; nobody need wait for its own end
    return *exited;
  }
}

}  // namespace wolffia
