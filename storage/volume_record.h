// meta.json of a volume as bytes.
#pragma once

#include <string>
#include <string_view>

#include "storage/volume_store.h"

namespace wolffia {

std::string SerializeVolume(const VolumeRecord& record);
Result<VolumeRecord> ParseVolume(std::string_view json, std::string_view where);

}  // namespace wolffia
