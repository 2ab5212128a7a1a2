// The version as a value: `wolffia version` and `wolffia info` show it.
#pragma once

#include "cmd/template/template.h"
#include "engine/oci/manifest.h"

namespace wolffia {

Value VersionValue();

}  // namespace wolffia
