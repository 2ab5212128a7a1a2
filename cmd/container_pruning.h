// Removing all containers that do not run: for `container prune` and `system prune`.
#pragma once

#include <string>
#include <vector>

#include "cmd/container_filter.h"
#include "cmd/session.h"

namespace wolffia {

// --filter of a prune verb: until= and label= only.
Result<ContainerFilter> PruneFilter(const Command& command, const Store& store);

struct PruneReport {
  std::vector<std::string> removed;  // ids or names
  int64_t bytes = 0;                 // that they took
  std::vector<Error> errors;
};
// One that is started meanwhile stays.
Result<PruneReport> PruneContainers(const Context& context, const Store& store,
                                    const ContainerFilter& filter);

}  // namespace wolffia
