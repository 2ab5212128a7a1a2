// CreateCommand: the command line that made a container, taken apart so that a service manager can give it
// again.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct CreateCommand {
  // Words after `run`: the options as "--name=value" in their order, the image, its command. Without what
  // says how a container is started and ended, since that is the unit's part: --attach --cidfile
  // --conmon-pidfile --detach
  // --replace --restart --rm.
  std::vector<std::string> run;
  bool has_name = false;
  std::vector<std::string> inherited_env;  // names of variables that it takes from its environment
};

// `argv` as recorded, with the program's name. kInvalid if this version doesn't understand it, or if it is
// none of `run` and `create`.
Result<CreateCommand> ReadCreateCommand(const std::vector<std::string>& argv);

}  // namespace wolffia
