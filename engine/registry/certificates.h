// Which certificates belong to a registry: the layout of containers-certs.d(5),
// <dir>/<host[:port]>/{*.crt,*.cert,*.key}, looked for in --cert-dir, $XDG_CONFIG_HOME/containers/certs.d,
// /etc/containers/certs.d and /etc/docker/certs.d (the first directory of that host counts), and a CA file of
// the configuration.
#pragma once

#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

struct HostCertificates {
  std::vector<std::string> ca_files;  // besides the system's
  std::string client_certificate, client_key;
  bool operator==(const HostCertificates&) const = default;
};

// `host` with its port, as the image name has it. `cert_dir` (may be empty) holds the files themselves and
// replaces the search. kInvalid if a client certificate and its key do not come in pairs.
Result<HostCertificates> FindCertificates(const Context& context, const std::string& host,
                                          const std::string& cert_dir);

}  // namespace wolffia
