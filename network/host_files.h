// HostFiles: the contents of a container's /etc/hosts, /etc/resolv.conf and /etc/hostname, made from the
// host's. Pure but for reading the host's files, which are somebody's configuration and may be anything:
// bounded, copied as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

struct HostFilesRequest {
  std::string hostname;       // of the container
  bool host_network = false;  // shares the host's network: then its names and servers hold inside too
  std::string host_root;      // stands before /etc and /run in tests
};

// The host's names (host network only), then localhost where it is missing, and the container's hostname.
std::string MakeHosts(const HostFilesRequest& request);

// nullopt: the container gets none, because it has no network (podman does the same). With the host's network
// the host's file serves as it is: a resolver on its loopback, such as systemd-resolved's 127.0.0.53, can be
// reached.
std::optional<std::string> MakeResolvConf(const HostFilesRequest& request);

// For containers with a loopback of their own: systemd-resolved's stub (127.0.0.53, 127.0.0.54) is replaced
// by `upstream`, the text of /run/systemd/resolve/resolv.conf; other servers on the loopback are left out.
std::string WithoutLoopbackServers(std::string_view resolv_conf, std::string_view upstream);

std::string MakeHostname(const HostFilesRequest& request);

}  // namespace wolffia
