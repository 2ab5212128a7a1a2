// LandlockPolicy: what processes may do to files, TCP ports and their neighbours, in the words of
// wolffia-landlock(5), and its compilation to what the running kernel can hold. Landlock is the security
// module that needs no administrator: whoever enters a ruleset can never leave it, nor can its children.
//
// A list that is missing restricts nothing; one that is there denies all that it does not name. `write`
// allows reading as well, `exec` too: a program that cannot be read cannot be executed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/landlock/ruleset.h"

namespace wolffia {

struct LandlockPolicy {
  std::string name;  // for people: a file, or "default"
  // Absolute paths: directories with all below them, or files. A "-" in front: skipped where it is missing.
  std::optional<std::vector<std::string>> read, write, exec;
  std::optional<std::vector<uint16_t>> bind_tcp, connect_tcp;  // bind: 0 is "any free port"
  bool scope_abstract_sockets = false, scope_signals = false;
  bool best_effort = false;
  bool operator==(const LandlockPolicy&) const = default;

  bool RestrictsFiles() const { return read || write || exec; }
  bool RestrictsAnything() const {
    return RestrictsFiles() || bind_tcp || connect_tcp || scope_abstract_sockets || scope_signals;
  }
};

struct CompiledLandlock {
  LandlockRuleset ruleset;
  std::vector<std::string> lost;  // what a best-effort policy asks for and this kernel cannot hold
};

// For a kernel of this version (LandlockVersion). kUnsupported for what it cannot hold, unless the policy
// says best-effort. Pure.
Result<CompiledLandlock> CompileLandlock(const LandlockPolicy& policy, int version);

}  // namespace wolffia
