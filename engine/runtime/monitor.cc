#include "engine/runtime/monitor.h"

#include <malloc.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/container_start.h"
#include "engine/runtime/guard.h"
#include "engine/runtime/remove_tree.h"

namespace wolffia {
namespace {

int ExitCodeOf(const Error& error) {
  return error.code == Code::kNoCommand ? 127 : error.code == Code::kNotExecutable ? 126 : 125;
}

class Monitor {
 public:
  Monitor(Context& context, MonitorOptions options) : context_(context), options_(std::move(options)) {}

  int Run() {
    auto request = ReceiveRequest();
    if (!request) return Report(Failed{std::move(request.error())});
    auto store = Store::Open({request->store_root, request->store_runroot,
                              request->volatile_store ? Durability::kVolatile : Durability::kSafe});
    if (!store) return Report(Failed{std::move(store.error())});
    auto container = ContainerStore(*store).Get(request->container_id);
    if (!container) return Report(Failed{std::move(container.error())});
    id_ = container->record.id;
    auto_remove_ = container->record.auto_remove;
    auto running = StartContainer(context_, *store, *container, *request, options_.fault);
    if (!running) {
      End(*store, {ExitCodeOf(running.error()), context_.now(), running.error().what}, -1);
      return Report(Failed{std::move(running.error())});
    }
    *container = {};
    malloc_trim(0);  // plan and spec are gone; from here on the memory is what an idle container costs
    (void)Report(Started{running->child.pid()});
    // Without a guard (no processes left for us, say) PR_SET_PDEATHSIG still holds in most containers.
    if (auto guard = StartGuard(running->child.pidfd(), options_.lock.get())) guard_ = std::move(*guard);
    int code = Supervise(running->child);
    guard_ = {};
    running->server.Stop();  // before another monitor may have the upper
    End(*store, {code, context_.now(), ""}, running->user_namespace.get());
    return Report(Exited{code});
  }

 private:
  Result<StartRequest> ReceiveRequest() {
    Packet packet = TRY(ReceivePacket(options_.control.get()));
    MonitorMessage message = TRY(Decode(packet.data));
    auto* request = std::get_if<StartRequest>(&message);
    if (request == nullptr) return Fail(Code::kInvalid, "the monitor expects a request to start a container");
    if (request->log_level >= 0 && request->log_level <= static_cast<int>(LogLevel::kTrace))
      context_.log_level = static_cast<LogLevel>(request->log_level);
    return std::move(*request);
  }

  // The CLI may be gone; then nobody wants to know.
  int Report(const MonitorMessage& message) {
    if (!options_.control) return 0;
    return SendPacket(options_.control.get(), Encode(message)) ? 0 : 1;
  }

  // Until the container's first process ends. Returns its exit code, as a shell counts it.
  int Supervise(Child& child) {
    sigset_t all;
    sigfillset(&all);
    Fd signals(signalfd(-1, &all, SFD_CLOEXEC));
    for (;;) {
      pollfd fds[3] = {
          {child.pidfd(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {options_.control.get(), POLLIN, 0}};
      if (poll(fds, 3, -1) < 0) continue;
      if (fds[2].revents != 0) HandleControl(child);
      if (fds[1].revents != 0) HandleSignal(signals.get(), child);
      if (fds[0].revents == 0) continue;
      auto status = child.Wait();
      return status ? status->ShellCode() : 125;
    }
  }

  void HandleControl(Child& child) {
    auto packet = ReceivePacket(options_.control.get());
    auto message = packet ? Decode(packet->data) : std::unexpected(packet.error());
    auto* signalled = message ? std::get_if<Signalled>(&*message) : nullptr;
    if (signalled == nullptr)
      options_.control.Reset();  // the CLI is gone, or speaks nonsense: the container goes on
    else
      (void)child.Signal(signalled->signal);
  }

  // A signal for the monitor is meant for the container: SIGTERM at the end of a session, say.
  static void HandleSignal(int signals, Child& child) {
    signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE)
      (void)child.Signal(static_cast<int>(info.ssi_signo));
  }

  // Exit record, or removal; then the lock is free, so that whoever waits for the CLI finds a container that
  // has ended.
  void End(const Store& store, const ExitRecord& record, int user_namespace) {
    ContainerStore containers(store);
    if (!auto_remove_) {
      (void)containers.WriteExit(id_, record);  // on a full disk the container counts as crashed
      options_.lock.Reset();
      return;
    }
    options_.lock.Reset();
    std::string left_over;
    auto removed = containers.Remove(id_, &left_over);
    if (removed || left_over.empty() || user_namespace < 0) return;  // Sweep finishes what is left
    if (RemoveTreeInNamespace(user_namespace, store.root_path() + "/" + left_over))
      (void)containers.Remove(id_);
  }

  Context& context_;
  MonitorOptions options_;
  std::string id_;
  bool auto_remove_ = false;
  Child guard_;
};

}  // namespace

int RunMonitor(Context& context, MonitorOptions options) {
  mallopt(M_ARENA_MAX, 1);  // an arena a thread would be most of the memory of an idle container
  mallopt(M_TRIM_THRESHOLD, 64 << 10);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);  // they are read from a signalfd; threads inherit this
  umask(0);                               // the modes of a container's files are its own
  if (chdir("/") < 0) return 1;           // or the directory that we were started in could not be unmounted
  return Monitor(context, std::move(options)).Run();
}

}  // namespace wolffia
