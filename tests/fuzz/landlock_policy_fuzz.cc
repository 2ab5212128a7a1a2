// Any bytes as a Landlock policy: what is accepted compiles for every kernel, with rules that the kernel
// would take, and survives the container's annotation.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/config/landlock_file.h"
#include "engine/runtime/landlock_annotation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  auto policy = ParseLandlockPolicy({reinterpret_cast<const char*>(data), size}, "policy.toml");
  if (!policy) return 0;
  if (!policy->RestrictsAnything()) abort();
  for (int version = 0; version <= 7; version++) {
    policy->best_effort = true;
    auto compiled = CompileLandlock(*policy, version);
    if (!compiled) abort();
    for (const auto& rule : compiled->ruleset.paths)
      if (!rule.path.starts_with('/') || rule.access == 0 ||
          (rule.access & ~compiled->ruleset.handled_fs) != 0)
        abort();
    policy->best_effort = false;
    if (CompileLandlock(*policy, version).has_value() != compiled->lost.empty()) abort();
  }
  RuntimeSpec spec;
  PutLandlock(*policy, spec);
  auto again = LandlockOf(spec);
  if (!again || !*again || **again != *policy) abort();
  return 0;
}
