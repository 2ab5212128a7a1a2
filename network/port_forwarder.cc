#include "network/port_forwarder.h"

#include <arpa/inet.h>
#include <poll.h>

#include <algorithm>

#include "network/forward_protocol.h"

namespace wolffia {
namespace {

constexpr int kControl = 3;  // of wolffia-net
constexpr int kDeadlineMs = 10'000;

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Of several networks the first one that has an address is where clients come from.
ForwardTarget TargetOf(const std::vector<InterfaceState>& interfaces) {
  ForwardTarget target;
  auto take = [](const std::string& text, int family, void* bytes) {
    return !text.empty() && inet_pton(family, text.c_str(), bytes) == 1;
  };
  for (const InterfaceState& one : interfaces) {
    if (target.ip.s_addr == 0 && take(one.ip, AF_INET, &target.ip))
      take(one.gateway, AF_INET, &target.gateway);
    if (IN6_IS_ADDR_UNSPECIFIED(&target.ip6) && take(one.ip6, AF_INET6, &target.ip6))
      take(one.gateway6, AF_INET6, &target.gateway6);
  }
  return target;
}

}  // namespace

Result<std::unique_ptr<PortForwarder>> PortForwarder::Reserve(const std::vector<PortMapping>& ports,
                                                              bool shared, std::string program) {
  auto forwarder = std::make_unique<PortForwarder>();
  forwarder->program_ = std::move(program);
  forwarder->reservation_ = TRY(PortReservation::Make(ports, shared));
  return forwarder;
}

Result<> PortForwarder::Begin(const NetworkTarget& target) {
  SocketPair pair = TRY(MakeSocketPair());
  SpawnRequest request{.program = program_, .argv = {"wolffia-net", "ports"}};
  request.donations = {{pair.theirs.get(), kControl}};
  helper_ = TRY(StartHelper(std::move(request), "wolffia"));
  control_ = std::move(pair.ours);
  TRY(SendForward(control_.get(), ForwardMessage::kNamespaces, "",
                  {target.user_namespace, target.net_namespace}));
  return SendPorts();
}

// A packet that is not full ends them, so there may be an empty one.
Result<> PortForwarder::SendPorts() {
  const auto& ports = reservation_.ports();
  for (size_t at = 0; at <= ports.size(); at += kForwardPortsAtOnce) {
    std::string body;
    std::vector<int> sockets;
    for (size_t i = at; i < std::min(at + kForwardPortsAtOnce, ports.size()); i++) {
      const ReservedPort& port = ports[i];
      body += BytesOf(ForwardPort{port.udp, port.ipv6, port.container_port});
      sockets.push_back(port.socket.get());
    }
    TRY(SendForward(control_.get(), ForwardMessage::kPorts, body, sockets));
  }
  return {};
}

Result<> PortForwarder::Finish(const std::vector<InterfaceState>& interfaces) {
  TRY(AwaitReady());
  TRY(reservation_.Listen());
  return Move(interfaces);
}

Result<> PortForwarder::AwaitReady() {
  while (true) {
    TRY(AwaitHelper(helper_, control_.get(), kDeadlineMs));
    Packet packet = TRY(ReceivePacket(control_.get()));
    if (packet.data.empty())
      return Fail(Code::kIo, std::string(kName) + " ended before it was ready: " + helper_.LastWords());
    const ForwardMessage type = TRY(TakeForwardType(packet));
    switch (type) {
      case ForwardMessage::kReady:
        return {};
      case ForwardMessage::kWarning:
        warnings_.push_back(packet.data);
        break;
      default:
        return Fail(Code::kUnsupported, "forward published ports: " + packet.data);
    }
  }
}

Result<> PortForwarder::Repair(const NetworkTarget& target, const std::vector<InterfaceState>& interfaces) {
  control_.Reset();
  helper_ = {};
  TRY(Begin(target));
  return Finish(interfaces);
}

Result<> PortForwarder::Move(const std::vector<InterfaceState>& interfaces) {
  return SendForward(control_.get(), ForwardMessage::kTarget, BytesOf(TargetOf(interfaces)));
}

std::optional<std::string> PortForwarder::ReadWarning() {
  if (!warnings_.empty()) {
    std::string warning = std::move(warnings_.back());
    warnings_.pop_back();
    return warning;
  }
  pollfd ready{control_.get(), POLLIN, 0};
  if (poll(&ready, 1, 0) <= 0) return {};
  auto packet = ReceivePacket(control_.get());
  if (!packet || TakeForwardType(*packet).value_or(ForwardMessage::kReady) != ForwardMessage::kWarning)
    return {};
  return packet->data;
}

}  // namespace wolffia
