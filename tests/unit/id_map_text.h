// A map of ids in one line: "0:100000:65536 65536:1000:1", inside:host:how many.
#pragma once

#include <string>
#include <vector>

#include "engine/oci/runtime_spec.h"

namespace wolffia {

inline std::string Text(const std::vector<SpecIdMapping>& map) {
  std::string text;
  for (const SpecIdMapping& m : map)
    text += (text.empty() ? "" : " ") + std::to_string(m.container_id) + ":" + std::to_string(m.host_id) +
            ":" + std::to_string(m.size);
  return text;
}

}  // namespace wolffia
