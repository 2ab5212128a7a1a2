// HostFiles: the contents of a container's /etc/hosts, /etc/resolv.conf and /etc/hostname, made from the
// host's. Pure but for reading the host's files, which are somebody's configuration and may be anything:
// bounded, copied as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "network/parts.h"

namespace wolffia {

struct HostFilesRequest {
  std::string hostname, name;  // of the container
  NetworkConfig network;
  // Known once it has a network: its addresses, the name servers of its driver, and how it reaches the host.
  std::vector<std::string> addresses, name_servers;
  std::string host_address;
  std::string host_root;  // stands before /etc and /run in tests
};

// The host's names (host network only), then localhost where it is missing, the container's own names, and
// those of
// --add-host. Without addresses the container's names are those of its loopback.
std::string MakeHosts(const HostFilesRequest& request);

// nullopt: the container gets none, because it has no network and no server was named (podman does the same).
// With the host's network the host's file serves as it is: a resolver on its loopback, such as
// systemd-resolved's 127.0.0.53, can be reached. Else the driver's servers come first, and then those of the
// host that are not on its loopback.
std::optional<std::string> MakeResolvConf(const HostFilesRequest& request);

// For containers with a loopback of their own: systemd-resolved's stub (127.0.0.53, 127.0.0.54) is replaced
// by `upstream`, the text of /run/systemd/resolve/resolv.conf; other servers on the loopback are left out.
std::string WithoutLoopbackServers(std::string_view resolv_conf, std::string_view upstream);

// `current` with the lines that `before` has and `after` has not taken out, and those that only `after` has
// added at its end: what the container has made of the file stays.
std::string WithChangedLines(std::string_view current, std::string_view before, std::string_view after);

std::string MakeHostname(const HostFilesRequest& request);

// --add-host NAME:ADDRESS; the address may be host-gateway. kInvalid in podman's words.
Result<> CheckAddedHost(const std::string& text);
// --dns: an address.
Result<> CheckNameServer(const std::string& text);

}  // namespace wolffia
