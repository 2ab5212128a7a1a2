// ImageConfig: the configuration document of an image (OCI image spec, config.md; Docker's image JSON).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oci/manifest.h"

namespace wolffia {

struct HealthcheckConfig {
  std::vector<std::string> test;
  int64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0;
  int retries = 0;
  bool operator==(const HealthcheckConfig&) const = default;
};

struct ImageHistory {
  std::string created, created_by, author, comment;
  bool empty_layer = false;
};

struct ImageConfig {
  std::string created, author;
  Platform platform;
  // The "config" object.
  std::string user, working_dir, stop_signal;
  std::vector<std::string> env, entrypoint, cmd, shell, on_build;
  std::set<std::string> exposed_ports, volumes;
  std::map<std::string, std::string> labels;
  std::optional<HealthcheckConfig> healthcheck;
  // rootfs and history
  std::vector<Digest> diff_ids;  // lowest first
  std::vector<ImageHistory> history;

  static Result<ImageConfig> Parse(std::string_view json);
};

// As JSON: what is empty is left out, but for rootfs. The same for equal configurations.
std::string SerializeImageConfig(const ImageConfig& config);

// The layer list of the manifest must have as many entries as the configuration has diff-ids.
Result<> CheckLayersFit(const Manifest& manifest, const ImageConfig& config);

}  // namespace wolffia
