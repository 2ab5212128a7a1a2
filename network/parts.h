// What a container's network is made of, as data: parsed from flags, kept in its record (storage/), carried
// out by ContainerNetwork (container_network.h) in its monitor. Plain values, so that storage can keep them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wolffia {

enum class Protocol { kTcp, kUdp, kSctp };

// `count` ports of the host from host_port on, to as many of the container.
struct PortMapping {
  std::string host_ip;  // numeric; empty: every address, IPv4 and IPv6
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  uint16_t count = 1;
  Protocol protocol = Protocol::kTcp;
  bool operator==(const PortMapping&) const = default;
};

// Options of slirp4netns and pasta, by podman's names.
struct UserModeOptions {
  int mtu = 65520;
  bool allow_host_loopback = false, ipv6 = false;
  bool bypass = false;                        // the fast path
  std::string cidr;                           // of slirp4netns, "10.0.2.0/24"; empty: that one
  std::string outbound_addr, outbound_addr6;  // addresses or interfaces of the host
  bool slirp_ports = false;                   // port_handler=slirp4netns: published ports by its API socket
  std::vector<std::string> pasta_args;        // further words for pasta, as podman takes them
  bool operator==(const UserModeOptions&) const = default;
};

// One user-defined network of a container.
struct NetworkUse {
  std::string network;  // its name
  std::vector<std::string> aliases;
  std::string ip, ip6, mac, interface;  // asked for; empty: chosen at each start (the interface: ethN)
  bool operator==(const NetworkUse&) const = default;
};

struct NetworkConfig {
  // "none" "host" "slirp4netns" "pasta" "bridge" (user-defined networks) "container:<id>" "ns:<path>"
  std::string mode = "none";
  UserModeOptions options;
  std::vector<NetworkUse> networks;  // of "bridge"
  std::vector<PortMapping> ports;    // host ports are chosen when the container is made
  bool publish_all = false;
  std::vector<std::string> dns, dns_search, dns_options;
  std::vector<std::string> add_hosts;          // "NAME:ADDRESS", also "NAME:host-gateway"
  bool resolv_conf = true;                     // false: the image's own stays
  uint64_t ingress_rate = 0, egress_rate = 0;  // bits a second; 0: no limit
  bool operator==(const NetworkConfig&) const = default;
};

// What a running container has, by network.
struct InterfaceState {
  std::string network;    // of a user-defined one; else the mode
  std::string interface;  // inside: "tap0", "eth0"
  std::string ip, gateway, ip6, gateway6, mac;
  int prefix = 0, prefix6 = 0;
  std::vector<std::string> aliases;
  bool operator==(const InterfaceState&) const = default;
};

// network.json of a container's directory, by its monitor; counts only while it runs.
struct NetworkState {
  std::vector<InterfaceState> interfaces;
  std::map<std::string, int> helpers;  // program -> process id
  bool operator==(const NetworkState&) const = default;
};

constexpr std::string_view ProtocolName(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp" : protocol == Protocol::kUdp ? "udp" : "sctp";
}

// PATH of ns:PATH; empty for every other mode.
inline std::string_view NamespacePath(const NetworkConfig& config) {
  constexpr std::string_view kMode = "ns:";
  return config.mode.starts_with(kMode) ? std::string_view(config.mode).substr(kMode.size()) : "";
}

// True if the container gets a network namespace of its own with a way out of it.
inline bool HasDriver(const NetworkConfig& config) {
  return config.mode == "slirp4netns" || config.mode == "pasta" || config.mode == "bridge";
}

}  // namespace wolffia
