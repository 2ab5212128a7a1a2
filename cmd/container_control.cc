#include "cmd/container_control.h"

#include <poll.h>

#include <cerrno>

#include "engine/runtime/stop_signal.h"

namespace wolffia {
namespace {

constexpr int kPatienceMs = 10'000, kPollMs = 5;

// A connection that broke, or could not be made: the monitor has gone, and the container goes with it.
Result<> AfterTheEnd(const Store& store, const ContainerStatus& status, Error error) {
  const bool ended = error.code == Code::kNotFound || error.os_errno == ECONNRESET ||
                     error.os_errno == EPIPE || error.os_errno == ECONNREFUSED;
  if (!ended) return std::unexpected(std::move(error));
  return AwaitEnd(store, status);
}

void WarnOfForce(const Command& command, const ContainerStatus& status, int64_t timeout_ms) {
  const ContainerRecord& record = status.record;
  const int signal = ParseSignal(record.stop_signal).value_or(15);
  const int64_t seconds = timeout_ms < 0 ? record.stop_timeout : timeout_ms / 1000;
  if (seconds == 0) return;  // it was asked for
  command.context.Warn("StopSignal " + SignalName(signal) + " failed to stop container " + record.name +
                       " in " + std::to_string(seconds) + " seconds, resorting to SIGKILL");
}

}  // namespace

std::unexpected<Error> ImproperState(const ContainerStatus&, const std::string& sentence) {
  return Fail(Code::kBusy, sentence + ": container state improper");
}

bool HasMonitor(const ContainerStatus& status) {
  return status.state == ContainerState::kRunning;
}

Result<> AwaitEnd(const Store& store, const ContainerStatus& status) {
  const int monitor = status.started ? status.started->monitor_pid : 0;
  for (int waited = 0; waited < kPatienceMs; waited += kPollMs) {
    auto now = ContainerStore(store).Get(status.record.id);
    if (!now && now.error().code == Code::kNotFound) return {};
    if (!now) return std::unexpected(std::move(now.error()));
    if (now->phase == Phase::kNone) return {};
    if (monitor != 0 && now->started && now->started->monitor_pid != monitor) return {};
    poll(nullptr, 0, kPollMs);
  }
  return Fail(Code::kBusy, "container " + status.record.id.substr(0, 12) + " has not ended after 10 seconds");
}

Result<std::optional<ControlMessage>> AskMonitor(const Store& store, const ContainerStatus& status,
                                                 const ControlMessage& request) {
  auto client = ControlClient::Connect(store, status);
  auto received = client ? client->Ask(request) : std::unexpected(client.error());
  if (received) return std::optional<ControlMessage>(std::move(received->message));
  TRY(AfterTheEnd(store, status, std::move(received.error())));
  return std::optional<ControlMessage>();
}

std::vector<Result<bool>> AskAll(const Command& command, const Store& store,
                                 const std::vector<ChosenOne>& containers,
                                 const std::function<ControlMessage(const ContainerStatus&)>& request) {
  std::vector<std::optional<ControlClient>> clients(containers.size());
  std::vector<Result<bool>> results(containers.size(), false);
  for (size_t i = 0; i < containers.size(); i++) {
    const ContainerStatus& status = containers[i].status;
    if (!HasMonitor(status)) continue;
    auto client = ControlClient::Connect(store, status);
    Result<> sent = client ? client->Send(request(status)) : std::unexpected(client.error());
    if (sent)
      clients[i] = std::move(*client);
    else if (auto after = AfterTheEnd(store, status, std::move(sent.error())); !after)
      results[i] = std::unexpected(std::move(after.error()));
  }
  for (size_t i = 0; i < containers.size(); i++) {
    if (!clients[i]) continue;
    const ContainerStatus& status = containers[i].status;
    auto answer = clients[i]->Answer();
    if (!answer) {
      auto after = AfterTheEnd(store, status, std::move(answer.error()));
      if (!after) results[i] = std::unexpected(std::move(after.error()));
      continue;
    }
    results[i] = true;
    const auto* done = std::get_if<Done>(&answer->message);
    const ControlMessage asked = request(status);
    const auto* stop = std::get_if<StopRequest>(&asked);
    if (done != nullptr && done->forced && stop != nullptr) WarnOfForce(command, status, stop->timeout_ms);
  }
  return results;
}

int64_t TimeOption(const Command& command) {
  if (!command.options().Has("time")) return -1;
  const int64_t seconds = command.options().Int("time", 0);
  return seconds < 0 || seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
}

}  // namespace wolffia
