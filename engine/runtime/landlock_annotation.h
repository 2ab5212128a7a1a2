// A container's Landlock policy in its runtime specification: as an annotation, for the OCI has no member for
// it and other runtimes are to read our specifications. JSON, with members named like the keys of
// wolffia-landlock(5).
#pragma once

#include <optional>

#include "engine/landlock/policy.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {

inline constexpr const char* kLandlockAnnotation = "org.wolffia.landlock";

void PutLandlock(const LandlockPolicy& policy, RuntimeSpec& spec);

// nullopt: there is none. kInvalid for an annotation that is no policy.
Result<std::optional<LandlockPolicy>> LandlockOf(const RuntimeSpec& spec);

// What the running kernel is to hold of it; empty where there is none.
Result<LandlockRuleset> CompiledLandlockOf(const RuntimeSpec& spec);

}  // namespace wolffia
