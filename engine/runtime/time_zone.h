// TimeZone: the zone file that --tz puts into a container as /etc/localtime.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// The host's file of a zone ("Europe/Paris"), or its own zone ("local"; UTC where it has none), in
// tzfile(5)'s format. kNotFound: "unknown time zone X". `host_root` stands before /etc and /usr in tests.
Result<std::string> ReadTimeZone(std::string_view name, const std::string& host_root = "");

}  // namespace wolffia
