#include "engine/runtime/restart_policy.h"

#include <algorithm>
#include <charconv>

namespace wolffia {
namespace {
constexpr int64_t kFirst = 100'000'000, kLongest = 60'000'000'000, kLongRun = 10'000'000'000;
}

bool RestartPolicy::Wants(int exit_code, int restarts) const {
  if (name == "always" || name == "unless-stopped") return true;
  return name == "on-failure" && exit_code != 0 && (retries == 0 || restarts < retries);
}

Result<RestartPolicy> ParseRestartPolicy(std::string_view text) {
  RestartPolicy policy;
  const size_t colon = text.find(':');
  policy.name = text.substr(0, colon);
  static constexpr std::string_view kNames[] = {"", "no", "always", "on-failure", "unless-stopped"};
  if (std::ranges::find(kNames, policy.name) == std::end(kNames))
    return Fail(Code::kInvalid, "\"" + policy.name + "\" is not a valid restart policy: invalid argument");
  if (colon == std::string_view::npos) return policy;
  if (policy.name != "on-failure")
    return Fail(Code::kInvalid,
                "restart policy retries can only be specified with on-failure restart policy");
  const std::string_view count = text.substr(colon + 1);
  const auto [rest, error] = std::from_chars(count.data(), count.data() + count.size(), policy.retries);
  if (error != std::errc() || rest != count.data() + count.size())
    return Fail(Code::kInvalid,
                "parsing restart policy retry count: \"" + std::string(count) + "\" is not a number");
  if (policy.retries < 0)
    return Fail(Code::kInvalid, "must specify restart policy retry count as a number greater than 0");
  return policy;
}

int64_t RestartBackoff::Next(int64_t ran_ns) {
  next_ns_ = next_ns_ == 0 || ran_ns > kLongRun ? kFirst : std::min(next_ns_ * 2, kLongest);
  return next_ns_;
}

}  // namespace wolffia
