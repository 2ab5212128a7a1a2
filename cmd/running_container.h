// The one container that `exec` and `attach` work with.
#pragma once

#include "cmd/session.h"
#include "storage/container_store.h"

namespace wolffia {

// By name, id or prefix; with --latest the newest, and then no argument is its name.
struct ChosenContainer {
  ContainerStatus status;
  std::vector<std::string> rest;  // arguments behind the name
};
Result<ChosenContainer> ChooseContainer(const Command& command, const Store& store);

// True if its processes run now: not paused, not between two starts.
bool TakesProcesses(const ContainerStatus& status);

// podman's warning where -i and -t come without a terminal.
void WarnWithoutTerminal(bool tty, bool interactive);

}  // namespace wolffia
