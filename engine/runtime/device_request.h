// DeviceRequest: --device. An ordinary user cannot make devices: one of the host that the user may open is
// bound into the container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct DeviceRequest {
  std::string source, destination;  // absolute
  bool block = false;               // found out by FindDevices
  bool operator==(const DeviceRequest&) const = default;
};

// HOST[:CONTAINER][:PERMISSIONS]. kUnsupported for permissions that are not rwm: withholding one takes the
// device cgroup, which an ordinary user does not have. Pure.
Result<DeviceRequest> ParseDeviceFlag(std::string_view text);

// The device itself, or, of a directory, all devices below it. kNotFound, kInvalid for what is no device,
// kDenied (with mode and owner) for a device that was named and that the user can neither read nor write.
Result<std::vector<DeviceRequest>> FindDevices(const DeviceRequest& request);

}  // namespace wolffia
