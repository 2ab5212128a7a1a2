// Network: what wolffia-network(7) says of each kind of it, for this host.
#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/fd.h"
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"
#include "network/bypass.h"
#include "network/host_support.h"

namespace wolffia {
namespace {

// "slirp4netns" of "slirp4netns:mtu=1500".
std::string DefaultMode(const Settings& settings) {
  return settings.network.substr(0, settings.network.find(':'));
}

Finding Outbound(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return *refused;
  const std::string mode = DefaultMode(host.settings()) == "pasta" ? "pasta" : "slirp4netns";
  Finding finding;
  if (auto supported = CheckNetworkSupport(mode); !supported)
    finding = FindingOf(supported.error().what);
  else if (mode == "slirp4netns" && !host.InWorld().network_problem.empty())
    finding = Lost(host.InWorld().network_problem);
  else if (auto tap = Settled(host, Trial::kTun); tap)
    finding = *tap;
  else
    finding = Lost("the kernel makes no tap device: " + Words(host.InWorld().inside[Trial::kTun]));
  // Only where a container would have this network without being asked, and there is no other way.
  finding.stops_run = finding.verdict != Verdict::kHolds && DefaultMode(host.settings()) == mode &&
                      host.settings().network_fallback != "host";
  return finding;
}

Finding ClientAddress(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kTransparent)) return *settled;
  return Lost("the kernel gives no socket with somebody else's address (IP_TRANSPARENT): " +
              Words(host.InWorld().inside[Trial::kTransparent]));
}

// The first one below 1024 that is free says it.
Finding LowPorts(HostTrial&) {
  for (uint16_t port = 1023; port > 900; port--) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return Holds();
    if (errno == EADDRINUSE) continue;
    return HoldsIf("ports below 1024 of the host are for root (net.ipv4.ip_unprivileged_port_start)",
                   "open them to all users", Who::kAdministrator,
                   "sysctl -w net.ipv4.ip_unprivileged_port_start=80");
  }
  return Lost("no port between 900 and 1023 is free to try it with");
}

Finding LowPortsInside(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kLowPortInside)) return *settled;
  return Lost("port 80 could not be bound in a new network namespace: " +
              Words(host.InWorld().inside[Trial::kLowPortInside]));
}

Finding Ping(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return *refused;
  if (const int error = host.InWorld().inside[Trial::kPingInside]; error > 0)
    return Lost("a container cannot be allowed to ping: " + Words(error));
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP));
  if (fd) return *Settled(host, Trial::kPingInside);
  return HoldsIf("the host's net.ipv4.ping_group_range does not have a group of yours",
                 "open it to all groups", Who::kAdministrator,
                 "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"");
}

Finding Ipv6(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return *refused;
  if (const int error = host.InWorld().inside[Trial::kIpv6Inside]; error > 0)
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL
               ? NotApplicable("IPv6 is switched off on this host")
               : Lost("IPv6 does not work in a new network namespace: " + Words(error));
  const auto& options = host.settings().network_options;
  if (std::ranges::find(options, "enable_ipv6=true") != options.end())
    return *Settled(host, Trial::kIpv6Inside);
  return HoldsIf("the default network has IPv4 alone",
                 "ask for it: --network slirp4netns:enable_ipv6=true, or network.options in wolffia.toml",
                 Who::kYou);
}

Finding Throughput(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return *refused;
  uint32_t action = SECCOMP_RET_USER_NOTIF;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
    return Lost("the kernel has no user notification of seccomp: " + Words(errno));
  if (auto kernel = Bypass::CheckKernel(); !kernel) return Lost(kernel.error().what);
  const auto& options = host.settings().network_options;
  if (std::ranges::find(options, "bypass=on") != options.end()) return Holds();
  return HoldsIf(
      "the default network is a TCP/IP stack in a process of yours (slirp4netns), which is slower than the "
      "kernel's",
      "ask for the fast path: --network slirp4netns:bypass=on, or network.options in wolffia.toml",
      Who::kYou);
}

// Why a kind of traffic ends at the stack in front of it, and whether it works among those inside.
Finding InsideOnly(HostTrial& host, Trial trial, const char* what) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return Lost(refused->reason);
  const int error = host.InWorld().inside[trial];
  std::string reason = std::string(what) + " does not pass slirp4netns or pasta";
  if (error > 0) reason += "; and inside it does not work here: " + Words(error);
  return Lost(reason);
}
Finding Sctp(HostTrial& host) {
  return InsideOnly(host, Trial::kSctpInside, "SCTP");
}
Finding Raw(HostTrial& host) {
  return InsideOnly(host, Trial::kRawInside, "what a raw socket sends");
}
Finding Multicast(HostTrial& host) {
  return InsideOnly(host, Trial::kMulticastInside, "multicast");
}

Finding ContainerAddress(HostTrial&) {
  return Lost("a container's address is known only in its own network; only root can lead the host there");
}

constexpr Guarantee kRows[] = {
    {.id = "outbound",
     .title = "A container reaches the network, and ports can be published",
     .rootful = "a bridge of the host's, with address translation",
     .mechanism =
         "a TCP/IP stack in a process of the user's: slirp4netns(1) or pasta(1); tried by starting it",
     .needs = "slirp4netns, /dev/net/tun, open to the user, and network namespaces",
     .instead = "--network host, on request or by the setting network.fallback; --network none",
     .attainable = true,
     .probe = Outbound},
    {.id = "client-address",
     .title = "A server in a container sees the addresses of its clients",
     .rootful = "address translation keeps them",
     .mechanism =
         "the forwarder of published ports connects inside from the client's own address (IP_TRANSPARENT)",
     .needs = "network namespaces; not port_handler=slirp4netns",
     .instead = "clients on the host's own loopback are seen as the gateway; wolffia events warns",
     .attainable = true,
     .probe = ClientAddress},
    {.id = "low-ports",
     .title = "Ports of the host below 1024 can be published",
     .rootful = "root may bind them",
     .mechanism = "the forwarder binds them as the user; tried by binding one",
     .needs = "net.ipv4.ip_unprivileged_port_start at or below the port",
     .instead = "an error that names the remedy; a port above 1023 can be published",
     .attainable = true,
     .probe = LowPorts},
    {.id = "low-ports-inside",
     .title = "A server in a container can listen on ports below 1024",
     .rootful = "CAP_NET_BIND_SERVICE",
     .mechanism = "the same, over the container's own network",
     .needs = "network namespaces; with --network host the same as low-ports",
     .instead = "",
     .attainable = true,
     .probe = LowPortsInside},
    {.id = "ping",
     .title = "ping works from a container to the outside",
     .rootful = "CAP_NET_RAW over a bridge",
     .mechanism = "ping sockets, inside and of the user's stack",
     .needs = "net.ipv4.ping_group_range with a group of the user's",
     .instead = "ping works within the container's own network",
     .attainable = true,
     .probe = Ping},
    {.id = "ipv6",
     .title = "A container has IPv6",
     .rootful = "on request, for a network",
     .mechanism = "the user's stack, on request",
     .needs = "enable_ipv6=true, or --ipv6 of a network",
     .instead = "IPv4",
     .attainable = true,
     .probe = Ipv6},
    {.id = "throughput",
     .title = "TCP of a container is as fast as the host's",
     .rootful = "a bridge in the kernel",
     .mechanism = "connections and listening sockets are made on the host and put into the container by "
                  "seccomp user notification (bypass=on)",
     .needs = "Linux 5.14, and bypass=on",
     .instead = "slirp4netns with an MTU of 65,520, or pasta",
     .attainable = true,
     .probe = Throughput},
    {.id = "sctp",
     .title = "SCTP of a container reaches the outside",
     .rootful = "a bridge, and published SCTP ports",
     .mechanism = "",
     .needs = "",
     .instead =
         "--network host has the host's; within a container's network it works where the kernel has SCTP",
     .attainable = false,
     .probe = Sctp},
    {.id = "raw-sockets",
     .title = "Raw sockets of a container reach the outside (traceroute, own protocols)",
     .rootful = "CAP_NET_RAW over a bridge",
     .mechanism = "",
     .needs = "",
     .instead = "raw sockets work within the container's own network",
     .attainable = false,
     .probe = Raw},
    {.id = "multicast",
     .title = "Multicast of a container reaches the outside",
     .rootful = "a macvlan, or routing of multicast on the host",
     .mechanism = "",
     .needs = "",
     .instead = "--network host; multicast works between the containers of a network",
     .attainable = false,
     .probe = Multicast},
    {.id = "container-address",
     .title = "The host reaches a container by its address",
     .rootful = "the bridge is an interface of the host",
     .mechanism = "",
     .needs = "",
     .instead = "published ports (--publish); containers of one network reach each other by address and name",
     .attainable = false,
     .probe = ContainerAddress},
};

}  // namespace

std::span<const Guarantee> NetworkGuarantees() {
  return kRows;
}

}  // namespace wolffia
