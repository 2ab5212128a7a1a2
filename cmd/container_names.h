// The containers that a verb is asked for, and the loop that every such verb has.
#pragma once

#include <functional>
#include <vector>

#include "cmd/session.h"
#include "storage/container_store.h"

namespace wolffia {

struct ChosenOne {
  std::string typed;  // the name or id as typed; the id, where the container was not named
  ContainerStatus status;
};

struct SelectOptions {
  bool ignore = false;  // one that is typed and does not exist is no error
  bool any = false;     // without names and flags it is no error either: there are none
};

// Names and ids as typed, or --all, --latest, --filter, --cidfile, as far as the verb has them.
Result<std::vector<ChosenOne>> SelectContainers(const Command& command, const Store& store,
                                                const SelectOptions& options = {});

// Calls `act` for each and prints what was typed, or the error; the worst exit code (125 for an error).
int ForEachContainer(const std::vector<ChosenOne>& containers,
                     const std::function<Result<>(const ChosenOne&)>& act);

}  // namespace wolffia
