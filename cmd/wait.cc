// wolffia wait.
#include <poll.h>

#include <algorithm>

#include "cmd/container_control.h"
#include "cmd/container_view.h"
#include "cmd/duration.h"
#include "cmd/verbs.h"
#include "storage/container_waiter.h"

namespace wolffia {
namespace {

constexpr std::string_view kConditions[] = {"created", "configured", "initialized", "running",  "paused",
                                            "stopped", "exited",     "stopping",    "removing", "restarting"};

constexpr int kLookAgainMs = 20;

Result<std::vector<std::string>> ReadConditions(const Command& command) {
  std::vector<std::string> wanted = command.options().List("condition");
  for (const std::string& condition : wanted)
    if (std::ranges::find(kConditions, condition) == std::end(kConditions))
      return Fail(Code::kInvalid, "unknown container state: " + condition + ": invalid argument");
  if (wanted.empty()) wanted.push_back("stopped");
  return wanted;
}

bool Holds(const ContainerStatus& status, const std::vector<std::string>& wanted) {
  const std::string_view state = StateName(status);
  return std::ranges::any_of(wanted, [&](const std::string& condition) {
    if (condition == "stopped") return state == "exited";
    if (condition == "configured") return state == "created";
    return condition == state;
  });
}

// The monitor's own word of the end: a container that is removed then leaves no record of it.
class EndListener {
 public:
  // Where there is a monitor; false: it has just ended.
  bool Listen(const Store& store, const ContainerStatus& status) {
    if (client_ || deaf_ || !HasMonitor(status)) return true;
    auto client = ControlClient::Connect(store, status);
    deaf_ = !client;
    if (client) client_ = std::move(*client);
    return !deaf_;
  }
  // Waits until the monitor or the container's directory has news.
  void Await(const Store& store, const ContainerStatus& status, ContainerWaiter& waiter) {
    if (!Listen(store, status)) return;  // look again
    pollfd fds[] = {{waiter.fd(), POLLIN, 0}, {client_ ? client_->fd() : -1, POLLIN, 0}};
    // The close of the lock's file is told a moment before the lock is free: then there may be no other news.
    if (waiter.fd() >= 0 && poll(fds, 2, look_again_ ? kLookAgainMs : -1) < 0) return;
    look_again_ = fds[0].revents != 0;
    if (waiter.fd() < 0 || fds[0].revents != 0) (void)waiter.Next(waiter.fd() < 0 ? -1 : 0);
    if (fds[1].revents != 0) Hear();
  }
  // Of one that is gone: its directory goes before the monitor says so.
  int LastWord() {
    while (client_ && !code_) Hear();
    return code_.value_or(-1);
  }

 private:
  void Hear() {
    auto received = client_->Receive();
    const bool more = received && *received;
    const auto* exited = more ? std::get_if<Exited>(&(*received)->message) : nullptr;
    if (exited != nullptr) code_ = exited->exit_code;
    if (!more) client_.reset();
  }

  std::optional<ControlClient> client_;
  std::optional<int> code_;
  bool deaf_ = false, look_again_ = false;
};

// The exit code; -1 for another state.
Result<int> WaitFor(const Store& store, const std::string& id, const std::vector<std::string>& wanted,
                    EndListener& listener) {
  ContainerWaiter waiter = TRY(ContainerWaiter::Open(store, id));
  for (;;) {
    auto status = ContainerStore(store).Get(id);
    if (!status && status.error().code == Code::kNotFound) return listener.LastWord();
    ContainerStatus now = TRY(std::move(status));
    if (Holds(now, wanted)) return StateName(now) == "exited" ? ExitCodeOf(now) : -1;
    listener.Await(store, now, waiter);
  }
}

}  // namespace

Result<int> WaitVerb(const Command& command) {
  std::vector<std::string> wanted = TRY(ReadConditions(command));
  if (command.options().Has("interval")) {
    const std::string interval = command.options().String("interval");
    const bool digits =
        interval.find_first_not_of("0123456789") == std::string::npos;  // milliseconds, as podman
    if (!digits) TRY_WITH(ParseDuration(interval), "--interval");
  }
  if (command.line.arguments.empty() && !command.options().Bool("latest"))
    return Fail(Code::kInvalid, "\"wolffia wait\" requires a name, id, or the \"--latest\" flag");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::vector<ChosenOne> containers =
      TRY(SelectContainers(command, session.store, {.ignore = command.options().Bool("ignore")}));
  // All of them from the beginning: one may end, and be removed, while another is waited for.
  std::vector<EndListener> listeners(containers.size());
  for (size_t i = 0; i < containers.size(); i++)
    (void)listeners[i].Listen(session.store, containers[i].status);
  for (size_t i = 0; i < containers.size(); i++)
    PrintLine(
        std::to_string(TRY(WaitFor(session.store, containers[i].status.record.id, wanted, listeners[i]))));
  return 0;
}

}  // namespace wolffia
