#include "network/bypass.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/socket.h"
#include "network/ip_address.h"
#include "network/namespace_socket.h"

namespace wolffia {
namespace {

constexpr int kControl = 3;  // of wolffia-net

uint32_t HostOrder(const IpAddress& ipv4) {
  uint32_t number;
  memcpy(&number, ipv4.bytes.data(), sizeof number);
  return ntohl(number);
}

}  // namespace

Result<> Bypass::CheckKernel() {
  Fd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (probe && getsockopt(probe.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) return {};
  return Fail(Code::kUnsupported,
              "--network slirp4netns:bypass=on needs Linux 5.14 or later; leave bypass=on out");
}

BypassPolicy Bypass::PolicyOf(const UserModeOptions& options, const std::vector<InterfaceState>& interfaces) {
  BypassPolicy policy;
  policy.allow_host_loopback = options.allow_host_loopback;
  policy.ipv6 = options.ipv6;
  for (const InterfaceState& interface : interfaces) {
    const auto prefix = ParseIpPrefix(interface.ip + "/" + std::to_string(interface.prefix));
    if (!prefix || prefix->address.v6 || policy.inside_count == BypassPolicy::kMaxPrefixes) continue;
    const uint32_t mask = prefix->bits == 0 ? 0 : ~uint32_t{0} << (32 - prefix->bits);
    policy.inside[policy.inside_count++] = {HostOrder(prefix->address), mask};
    if (policy.address == 0) policy.address = HostOrder(*ParseIp(interface.ip));
    const auto gateway = ParseIp(interface.gateway);
    if (policy.gateway == 0 && gateway && !gateway->v6) policy.gateway = HostOrder(*gateway);
  }
  return policy;
}

Result<> Bypass::Start(const NetworkTarget& target, const BypassPolicy& policy,
                       const std::vector<ReservedPort>& ports) {
  for (const ReservedPort& port : ports)
    if (!port.udp && ports.size() <= kMostPorts) ports_.emplace_back(port.container_port, port.socket.get());
  policy_ = policy;
  user_namespace_ = target.user_namespace;
  inside_ = TRY(SocketInside(target, AF_INET, SOCK_STREAM, 0));
  calls_ = Fd(memfd_create("bypass", MFD_CLOEXEC));
  if (!calls_ || ftruncate(calls_.get(), sizeof(BypassCalls)) < 0) return FailErrno("make a table in memory");
  return Spawn();
}

Result<> Bypass::Spawn() {
  SocketPair sockets = TRY(MakeSocketPair());
  SpawnRequest request;
  request.program = TRY(FindSibling("wolffia-net"));
  request.argv = {"wolffia-net", "bypass"};
  request.donations = {{sockets.theirs.get(), kControl}};
  helper_ = TRY(StartHelper(std::move(request), "wolffia"));
  control_ = std::move(sockets.ours);
  TRY(Send(BypassMessage::kSetUp, 0, {inside_.get(), calls_.get(), user_namespace_}));
  for (const auto& [port, socket] : ports_) TRY(Send(BypassMessage::kPort, port, {socket}));
  return {};
}

Result<> Bypass::Send(BypassMessage::Kind kind, uint32_t index, const std::vector<int>& fds) {
  BypassMessage message;
  message.kind = kind;
  message.index = index;
  message.policy = policy_;
  return SendPacket(control_.get(), {reinterpret_cast<const char*>(&message), sizeof message}, fds);
}

// One that cannot be told now is told when the supervisor starts again.
Result<> Bypass::AddListener(Fd listener) {
  uint32_t index = 0;
  while (listeners_.contains(index)) index++;
  if (index < BypassCalls::kListeners) {
    const uint64_t none = 0;
    const off_t at = static_cast<off_t>(offsetof(BypassCalls, last) + index * sizeof none);
    if (pwrite(calls_.get(), &none, sizeof none, at) != sizeof none)
      return FailErrno("write to the table of calls");
  }
  const int fd = listener.get();
  listeners_.emplace(index, std::move(listener));
  (void)Send(BypassMessage::kListener, index, {fd});
  return {};
}

Result<> Bypass::Restart() {
  TRY(Spawn());
  for (const auto& [index, listener] : listeners_)
    TRY(Send(BypassMessage::kListener, index, {listener.get()}));
  return {};
}

bool Bypass::Hear() {
  auto packet = ReceivePacket(control_.get());
  BypassMessage message;
  if (!packet || packet->data.size() != sizeof message) return false;
  memcpy(static_cast<void*>(&message), packet->data.data(), sizeof message);
  if (message.kind == BypassMessage::kGone) listeners_.erase(message.index);
  return true;
}

}  // namespace wolffia
