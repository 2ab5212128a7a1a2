// RestartPolicy: whether and when a container that has ended is started again. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

struct RestartPolicy {
  std::string name;  // "" "no" "always" "on-failure" "unless-stopped"
  int retries = 0;   // of on-failure; 0: no limit
  bool operator==(const RestartPolicy&) const = default;

  bool Restarts() const { return !name.empty() && name != "no"; }
  // After so many restarts; never for one that the user has stopped.
  bool Wants(int exit_code, int restarts) const;
};

// "on-failure:5"; podman's words for what is malformed.
Result<RestartPolicy> ParseRestartPolicy(std::string_view text);

// docker's: 100 ms, doubled up to a minute, from the beginning after a run of more than ten seconds.
class RestartBackoff {
 public:
  int64_t Next(int64_t ran_ns);

 private:
  int64_t next_ns_ = 0;
};

}  // namespace wolffia
