// A volume as `inspect` describes it.
#include <nlohmann/json.hpp>

#include "cmd/inspect.h"
#include "engine/base/context.h"

namespace wolffia {

Value DescribeVolume(const Store& store, const VolumeRecord& record, size_t users) {
  Value labels = Value::object(), options = Value::object();
  for (const auto& [key, value] : record.labels) labels[key] = value;
  for (const auto& [key, value] : record.options) options[key] = value;
  Value volume = {{"Name", record.name},
                  {"Driver", record.driver},
                  {"Mountpoint", VolumeStore(store).DataPath(record.name)},
                  {"CreatedAt", FormatTime(record.created_ns)},
                  {"Labels", labels},
                  {"Scope", "local"},
                  {"Options", options}};
  if (record.anonymous) volume["Anonymous"] = true;
  volume["MountCount"] = users;
  volume["NeedsCopyUp"] = !record.filled;
  return volume;
}

}  // namespace wolffia
