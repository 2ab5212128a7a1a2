// Parts of a container's record that belong to one area each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/oci/digest.h"

namespace wolffia {

struct LogConfig {
  std::string driver = "k8s-file", path, tag;
  uint64_t max_size = 0;
  int max_file = 1;
  bool operator==(const LogConfig&) const = default;
};

struct HealthConfig {
  std::vector<std::string> command;
  bool shell = false;  // CMD-SHELL: one string for /bin/sh -c
  int64_t interval_ns = 30'000'000'000, timeout_ns = 30'000'000'000, start_period_ns = 0;
  int retries = 3;
  std::string on_failure = "none";  // none kill restart stop
  // Runs until it has succeeded; then the health check proper begins. Empty: none.
  std::vector<std::string> startup_command;
  bool startup_shell = false;
  int64_t startup_interval_ns = 30'000'000'000, startup_timeout_ns = 30'000'000'000;
  int startup_retries = 0, startup_success = 0;
  bool operator==(const HealthConfig&) const = default;
};

struct HealthResult {
  int64_t start_ns = 0, end_ns = 0;
  int exit_code = 0;
  std::string output;
  bool operator==(const HealthResult&) const = default;
};

struct HealthState {
  std::string status;             // starting healthy unhealthy
  int failing = 0;                // in a row
  std::vector<HealthResult> log;  // the last five
  bool operator==(const HealthState&) const = default;
};

struct VolumeUse {
  std::string name, destination;
  bool anonymous = false;
  std::vector<std::string> options;
  bool operator==(const VolumeUse&) const = default;
};

// --mount type=image: the layers are the ones that the name meant when the container was made.
struct ImageUse {
  std::string name, destination;
  Digest image_id, chain;
  std::vector<Digest> diff_ids;
  bool operator==(const ImageUse&) const = default;
};

struct SecretUse {
  std::string name, id;
  bool as_env = false;
  std::string target;  // a path, or the name of a variable
  uint32_t uid = 0, gid = 0, mode = 0444;
  bool operator==(const SecretUse&) const = default;
};

}  // namespace wolffia
