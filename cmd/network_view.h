// A network as `network ls` and `network inspect` show it. Pure.
#pragma once

#include "cmd/template/template.h"
#include "network/network_record.h"

namespace wolffia {

// For templates: podman's names of fields.
Value NetworkFields(const NetworkRecord& record);
// For JSON: the keys that podman writes; what is empty is left out as there.
Value DescribeNetwork(const NetworkRecord& record);

}  // namespace wolffia
