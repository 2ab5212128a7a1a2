// The published ports of a container, as inspect and ps show them.
#pragma once

#include "cmd/template/template.h"
#include "storage/container_store.h"

namespace wolffia {

// {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}. `exposed`: null for those that are exposed and not
// published.
Value PortBindings(const ContainerRecord& record, bool exposed);
// "0.0.0.0:8080->80/tcp, ..."
std::string PortsText(const ContainerRecord& record);
// As ps --format json; null if there are none.
Value PortsJson(const ContainerRecord& record);

}  // namespace wolffia
