#include "engine/runtime/monitor_client.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/monitor.h"
#include "engine/runtime/sealed_program.h"

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
                                           const MonitorStart& start) {
  const std::string path = TRY(FindSibling("wolffia-monitor"));
  const SafeProgram program = TRY(FileIfUnwritable(path, kMonitorLock));
  SocketPair sockets = TRY(MakeSocketPair());
  MonitorClient client(ControlClient::Adopt(std::move(sockets.ours)));
  Fd null = TRY(Open("/dev/null", O_RDWR));
  SpawnRequest request;
  request.program = program.path;
  request.argv = {path};  // beside which it finds the others (OwnDirectory)
  // Our standard error is its own until the container runs.
  request.donations = {{sockets.theirs.get(), kMonitorControl},
                       {container.lock.fd(), kMonitorLock},
                       {null.get(), STDIN_FILENO},
                       {null.get(), STDOUT_FILENO}};
  request.new_session = true;
  client.monitor_ = TRY_WITH(Spawn(request), "start the monitor");
  // From now on a signal is for the container; one that comes too early waits until it runs.
  sigset_t forwarded = Forwarded();
  if (!start.keep_signals) sigprocmask(SIG_BLOCK, &forwarded, nullptr);
  StartRequest message{store.root_path(), store.runroot_path(), container.id};
  message.volatile_store = store.durability() == Durability::kVolatile;
  message.verify_reads = store.verify_reads();
  message.log_level = static_cast<int>(context.log_level);
  message.mode = start.mode;
  message.attach = start.attach;
  TRY_WITH(client.control_.Send(message, start.fds), "start the monitor");
  return client;
}

Result<Started> MonitorClient::AwaitStarted() {
  auto received = TRY(control_.Receive());
  if (!received) return MonitorDied();
  if (auto* failed = std::get_if<Failed>(&received->message)) {
    (void)monitor_.Wait();
    return std::unexpected(std::move(failed->error));
  }
  if (auto* started = std::get_if<Started>(&received->message)) return *started;
  return Fail(Code::kIo, "the monitor spoke out of turn");
}

Result<Exited> MonitorClient::AwaitExit() {
  for (;;) {
    auto received = TRY(control_.Receive());
    if (!received) return MonitorDied();
    auto* exited = std::get_if<Exited>(&received->message);
    if (exited == nullptr) continue;
    monitor_.Detach();  // it has let go of the container; nobody need wait for its own end
    return *exited;
  }
}

}  // namespace wolffia
