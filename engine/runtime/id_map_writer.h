// IdMapWriter: gives a process's new user namespace its maps (user_namespaces(7)): with newuidmap and
// newgidmap, started at the same time, or, for a map of one id, by writing the files ourselves (setgroups
// denied first, as the kernel demands). Start and Finish are apart, so that the caller works while the
// helpers run.
#pragma once

#include "engine/base/process.h"
#include "engine/runtime/host_facts.h"

namespace wolffia {

class IdMapWriter {
 public:
  static Result<IdMapWriter> Start(pid_t pid, const IdMaps& maps, const HostFacts& host);
  Result<> Finish();  // kUnsupported with the helper's own words and the remedy

 private:
  struct Helper {
    std::string name;
    Child child;
    Fd words;  // its standard error
  };
  std::vector<Helper> helpers_;
};

// Written by a process in the user namespace of the user's networks, where the user's own ids (uid, gid) are
// 0 and all others are the host's.
Result<> WriteMapsBelow(pid_t pid, const IdMaps& maps, uint32_t uid, uint32_t gid);

}  // namespace wolffia
