#include "network/forward_main.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "network/forward_datagrams.h"
#include "network/forward_listener.h"
#include "network/forward_namespace.h"

namespace wolffia {
namespace {

constexpr int kOwnDescriptors = 32;  // standard streams, control, epoll, and what the moment needs
constexpr int kMaxFlowDescriptors = 4096;

class Forwarder : public ForwardLoop::Watcher {
 public:
  Forwarder(ForwardLoop& loop, int control) : control_(control), state_{loop} {
    tick_.forwarder = this;
    state_.tick = &tick_;
    state_.stream_closed = [this] { ResumeListeners(); };
    state_.tell = [this](const std::string& text) {
      (void)SendForward(control_, ForwardMessage::kWarning, text);
    };
  }

  Result<> Begin() { return state_.loop.Watch(control_, EPOLLIN, this); }
  void Ready(uint32_t events) override;

 private:
  Result<> Handle(Packet& packet);
  Result<> Enter(const Packet& packet);
  Result<> AddPorts(Packet& packet);
  Result<> Start(const Packet& packet);
  void CountDescriptors();

  struct Tick : ForwardLoop::Watcher {
    void Ready(uint32_t) override { forwarder->Ticked(); }
    Forwarder* forwarder = nullptr;
  };
  void ResumeListeners() {
    for (auto& listener : listeners_) listener->Resume();
  }
  void Ticked();

  int control_;
  ForwardState state_;
  Tick tick_;
  bool prepared_ = false, started_ = false;
  std::vector<std::unique_ptr<ForwardListener>> listeners_;
  std::vector<std::unique_ptr<ForwardDatagrams>> datagrams_;
};

template <typename T>
Result<T> BodyOf(const Packet& packet) {
  T body;
  if (packet.data.size() != sizeof body) return Fail(Code::kCorrupt, "a packet of another length");
  memcpy(&body, packet.data.data(), sizeof body);
  return body;
}

void Forwarder::Ready(uint32_t) {
  auto packet = ReceivePacket(control_);
  if (!packet || (packet->data.empty() && packet->fds.empty())) return state_.loop.Stop();
  Result<> handled = Handle(*packet);
  if (handled) return;
  (void)SendForward(control_, ForwardMessage::kFailed, handled.error().what);
  state_.loop.Stop();
}

Result<> Forwarder::Handle(Packet& packet) {
  const ForwardMessage type = TRY(TakeForwardType(packet));
  switch (type) {
    case ForwardMessage::kNamespaces:
      return Enter(packet);
    case ForwardMessage::kPorts:
      return AddPorts(packet);
    case ForwardMessage::kTarget:
      return Start(packet);
    default:
      return Fail(Code::kCorrupt, "a packet of an unknown type");
  }
}

Result<> Forwarder::Enter(const Packet& packet) {
  if (packet.fds.size() != 2) return Fail(Code::kCorrupt, "namespaces are missing");
  TRY(EnterForwardNamespaces(packet.fds[0].get(), packet.fds[1].get()));
  if (Result<> prepared = PrepareForwardRoutes(); !prepared) {
    if (prepared.error().code != Code::kUnsupported) return prepared;
    state_.transparent = false;
    state_.Warn(prepared.error().what);
  }
  return {};
}

Result<> Forwarder::AddPorts(Packet& packet) {
  ForwardPort ports[kForwardPortsAtOnce];
  const size_t count = packet.fds.size();
  if (count > kForwardPortsAtOnce || packet.data.size() != count * sizeof(ForwardPort))
    return Fail(Code::kCorrupt, "ports and sockets of a packet do not agree");
  memcpy(ports, packet.data.data(), packet.data.size());
  for (size_t i = 0; i < count; i++) {
    if (ports[i].udp)
      datagrams_.push_back(std::make_unique<ForwardDatagrams>(state_, ports[i], std::move(packet.fds[i])));
    else
      listeners_.push_back(
          std::make_unique<ForwardListener>(state_, std::move(packet.fds[i]), ports[i].container_port));
  }
  if (count == kForwardPortsAtOnce) return {};  // more come; a packet that is not full is the last
  if (!datagrams_.empty())
    if (Result<> marks = PrepareForwardMarks(); !marks) {
      state_.udp_transparent = false;
      state_.Warn(marks.error().what);
    }
  TRY(DropForwardCapabilities());
  CountDescriptors();
  return SendForward(control_, ForwardMessage::kReady, "");
}

void Forwarder::CountDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto all = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
  const int sockets = static_cast<int>(listeners_.size() + datagrams_.size());
  int rest = all - sockets - kOwnDescriptors;
  if (!datagrams_.empty()) rest -= std::min(rest / 4, kMaxFlowDescriptors);
  state_.max_streams = std::max(rest / 2, 1);
}

Result<> Forwarder::Start(const Packet& packet) {
  state_.target = TRY(BodyOf<ForwardTarget>(packet));
  if (started_) return {};
  started_ = true;
  for (auto& listener : listeners_) TRY(listener->Start());
  for (auto& datagrams : datagrams_) TRY(datagrams->Start());
  return {};
}

void Forwarder::Ticked() {
  state_.loop.SetTick(nullptr);  // an idle forwarder costs no wake-up
  for (auto& datagrams : datagrams_) datagrams->Age();
  ResumeListeners();
}

}  // namespace

int RunPortForwarder(int control) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  auto loop = ForwardLoop::Create();
  if (!loop) return 1;
  Forwarder forwarder(*loop, control);
  return forwarder.Begin() && loop->Run() ? 0 : 1;
}

}  // namespace wolffia
