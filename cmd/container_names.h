// The containers that a verb is asked for, and the loop that every such verb has.
#pragma once

#include <functional>
#include <vector>

#include "cmd/session.h"
#include "storage/container_store.h"

namespace wolffia {

// Names and ids as typed, or --all, --latest, --filter, --cidfile, as far as the verb has them. kNotFound of
// a typed one is an error unless `ignore`.
struct SelectOptions {
  bool all = false, ignore = false;
};
Result<std::vector<ContainerStatus>> SelectContainers(const Command& command, const Store& store,
                                                      const SelectOptions& options);

// Calls `act` for each, prints the name as typed (or the id) or the error; the worst exit code (125 for an
// error).
int ForEachContainer(const std::vector<ContainerStatus>& containers,
                     const std::function<Result<>(const ContainerStatus&)>& act);

}  // namespace wolffia
