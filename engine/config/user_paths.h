// UserPaths: where a user's own files are, from the environment (XDG base directories) and the passwd entry.
#pragma once

#include <string>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

Result<std::string> HomeOf(const Context& context);  // $HOME, else the passwd entry
// `name` below $XDG_CONFIG_HOME, else below ~/.config; empty for a user without a home.
Result<std::string> UserConfigFile(const Context& context, std::string_view name);
Result<std::string> DefaultStorageRoot(const Context& context);
// Without a usable XDG_RUNTIME_DIR below /tmp; whoever opens it checks owner and mode.
Result<std::string> DefaultRunroot(const Context& context);

// A leading "~" and $HOME, $USER, $UID replaced; kInvalid if the result is not absolute or names another
// variable.
Result<std::string> ExpandPath(const Context& context, std::string_view path);

}  // namespace wolffia
