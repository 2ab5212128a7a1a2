#include "network/port_reservation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "engine/base/file.h"
#include "network/forward_address.h"
#include "network/port_mapping.h"

namespace wolffia {
namespace {

constexpr int kBacklog = 4096;  // the kernel takes net.core.somaxconn, if that is less
constexpr int kTriesForRange = 50;
constexpr rlim_t kOtherDescriptors = 200;  // what the monitor needs besides
constexpr int kUsualFirstPort = 1024;
constexpr const char* kFirstPortSysctl = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

Result<> SetOption(int fd, int level, int option, int value) {
  if (setsockopt(fd, level, option, &value, sizeof value) < 0) return FailErrno("setsockopt");
  return {};
}

// The lowest port that every user may bind.
int FirstUnprivilegedPort() {
  int first = kUsualFirstPort;
  if (auto text = ReadFile(kFirstPortSysctl, 64))
    (void)std::from_chars(text->data(), text->data() + text->size(), first);
  return first;
}

struct Place {
  Protocol protocol = Protocol::kTcp;
  std::string ip;
  int port = 0;

  bool ipv6() const { return ip.find(':') != ip.npos; }
  // "listen tcp 0.0.0.0:80: bind"
  std::string str() const {
    return "listen " + std::string(ProtocolName(protocol)) + " " + (ipv6() ? "[" + ip + "]" : ip) + ":" +
           std::to_string(port) + ": bind";
  }
};

std::unexpected<Error> BindError(const Place& place, int os_errno) {
  if (os_errno == EADDRINUSE)
    return Fail(Code::kBusy, "rootlessport " + place.str() + ": address already in use", os_errno);
  if (os_errno == EADDRNOTAVAIL)
    return Fail(Code::kInvalid,
                "rootlessport " + place.str() +
                    ": cannot assign requested address: this host does not have " + place.ip,
                os_errno);
  if (os_errno != EACCES) return FailErrno("rootlessport " + place.str(), os_errno);
  const std::string port = std::to_string(place.port), first = std::to_string(FirstUnprivilegedPort());
  return Fail(Code::kDenied,
              "rootlessport cannot expose privileged port " + port +
                  ", root can add 'net.ipv4.ip_unprivileged_port_start=" + port +
                  "' to /etc/sysctl.conf (currently " + first +
                  ") and run sysctl -p, or choose a larger port number (>= " + first + "): " + place.str() +
                  ": permission denied",
              os_errno);
}

// The address as the kernel takes it; the parser has seen to it that it is one.
ForwardAddress AddressOf(const Place& place) {
  ForwardAddress address;
  address.any.sa_family = place.ipv6() ? AF_INET6 : AF_INET;
  if (place.ipv6()) {
    (void)inet_pton(AF_INET6, place.ip.c_str(), &address.v6.sin6_addr);
    address.v6.sin6_port = htons(static_cast<uint16_t>(place.port));
  } else {
    (void)inet_pton(AF_INET, place.ip.c_str(), &address.v4.sin_addr);
    address.v4.sin_port = htons(static_cast<uint16_t>(place.port));
  }
  return address;
}

// SO_REUSEADDR while it is bound, so that connections of an earlier container that still wait for their last
// packets do not matter; not afterwards, or another program could listen on the port before we do
// (inet_csk_get_port looks at both sockets' flags).
Result<Fd> Bind(const Place& place, bool shared) {
  const bool udp = place.protocol == Protocol::kUdp, ipv6 = place.ipv6();
  Fd fd(
      socket(ipv6 ? AF_INET6 : AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return FailErrno("socket");
  if (ipv6) TRY(SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1));
  if (!udp) TRY(SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1));
  if (!udp && shared) TRY(SetOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1));
  const ForwardAddress address = AddressOf(place);
  if (bind(fd.get(), &address.any, address.size()) < 0) return BindError(place, errno);
  if (!udp) TRY(SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 0));
  return fd;
}

bool NoIpv6(const Error& error) {
  return error.os_errno == EAFNOSUPPORT || error.os_errno == EADDRNOTAVAIL ||
         error.os_errno == EPROTONOSUPPORT;
}

Place PlaceOf(const ReservedPort& port) {
  ForwardAddress address;
  socklen_t size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getsockname(port.socket.get(), &address.any, &size) == 0) {
    const void* ip = port.ipv6 ? static_cast<const void*>(&address.v6.sin6_addr) : &address.v4.sin_addr;
    (void)inet_ntop(address.any.sa_family, ip, text, sizeof text);
  }
  return {port.udp ? Protocol::kUdp : Protocol::kTcp, text, port.host_port};
}

// One port, on all the addresses that it is wanted on.
Result<> Reserve(const PortMapping& mapping, int index, bool shared, std::vector<ReservedPort>& ports) {
  const auto host_port = static_cast<uint16_t>(mapping.host_port + index);
  const auto container_port = static_cast<uint16_t>(mapping.container_port + index);
  Place place{mapping.protocol, mapping.host_ip.empty() ? "0.0.0.0" : mapping.host_ip, host_port};
  auto add = [&](Fd socket) {
    ports.push_back(
        {place.protocol == Protocol::kUdp, place.ipv6(), host_port, container_port, std::move(socket)});
  };
  add(TRY(Bind(place, shared)));
  if (!mapping.host_ip.empty()) return {};
  place.ip = "::";
  auto ipv6 = Bind(place, shared);
  if (!ipv6 && NoIpv6(ipv6.error())) return {};
  add(TRY(std::move(ipv6)));
  return {};
}

// Many ports need many descriptors, of the monitor and on their way to the forwarder.
Result<> CheckDescriptors(const std::vector<PortMapping>& ports) {
  rlim_t wanted = kOtherDescriptors;
  for (const PortMapping& port : ports)
    wanted += static_cast<rlim_t>(port.count) * (port.host_ip.empty() ? 2 : 1);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (wanted <= limit.rlim_cur) return {};
  if (wanted > limit.rlim_max)
    return Fail(Code::kUnsupported, "so many published ports need " + std::to_string(wanted) +
                                        " descriptors, and this user has " + std::to_string(limit.rlim_max) +
                                        ": publish fewer, or ask for a higher limit (nofile)");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return FailErrno("raise the limit of descriptors");
  return {};
}

// A port that the kernel calls free; 0: it has none.
Result<uint16_t> AnyPort(const PortMapping& mapping) {
  Fd fd = TRY(Bind({mapping.protocol, mapping.host_ip.empty() ? "0.0.0.0" : mapping.host_ip, 0}, false));
  ForwardAddress address;
  socklen_t size = sizeof address;
  if (getsockname(fd.get(), &address.any, &size) < 0) return FailErrno("getsockname");
  return address.port();
}

Result<> ChooseHostPort(PortMapping& mapping, const std::vector<PortMapping>& others) {
  for (int i = 0; i < kTriesForRange; i++) {
    PortMapping chosen = mapping;
    chosen.host_port = TRY(AnyPort(mapping));
    if (chosen.host_port + chosen.count > 65536) continue;
    const bool taken = std::ranges::any_of(others, [&](const PortMapping& other) {
      return &other != &mapping && SharesHostPort(chosen, other);
    });
    if (taken || !PortReservation::Make({chosen})) continue;
    mapping = std::move(chosen);
    return {};
  }
  return Fail(Code::kBusy, "failed to find " + std::to_string(mapping.count) +
                               " free port(s) of the host in a row: name them, as in 8080:80");
}

}  // namespace

Result<PortReservation> PortReservation::Make(const std::vector<PortMapping>& ports, bool shared) {
  TRY(CheckDescriptors(ports));
  PortReservation made;
  for (const PortMapping& mapping : ports)
    for (int i = 0; i < mapping.count; i++) TRY(Reserve(mapping, i, shared, made.ports_));
  return made;
}

Result<> PortReservation::Listen() {
  for (const ReservedPort& port : ports_) {
    if (port.udp) continue;
    TRY(SetOption(port.socket.get(), SOL_SOCKET, SO_REUSEADDR, 1));
    // Two that are bound in the same moment both are; only one of them listens.
    if (listen(port.socket.get(), kBacklog) == 0) continue;
    const int error = errno;
    return BindError(PlaceOf(port), error);
  }
  return {};
}

Result<> ChooseHostPorts(std::vector<PortMapping>& ports) {
  for (PortMapping& mapping : ports)
    if (mapping.host_port == 0) TRY(ChooseHostPort(mapping, ports));
  return {};
}

}  // namespace wolffia
