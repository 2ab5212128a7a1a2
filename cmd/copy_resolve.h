// CopyResolve: what a path of `cp` leads to, on the host or in a container's root: links are followed to the
// end, so that the name is the target's, as podman has it.
#pragma once

#include <functional>
#include <string>

#include "cmd/copy_path.h"
#include "engine/base/fd.h"

namespace wolffia {

// How a path is opened: of the host, or beneath a container's root.
using PathOpener = std::function<Result<Fd>(const std::string& path, int flags)>;

Result<ResolvedPath> ResolvePath(const PathOpener& open, std::string path);

// The resolved thing's own path.
std::string PathOf(const ResolvedPath& resolved);

// True if `directory` is `top`, or below it.
Result<bool> IsBelow(const PathOpener& open, const std::string& directory, const std::string& top);

// From one process to another.
std::string EncodeResolved(const ResolvedPath& resolved);
Result<ResolvedPath> DecodeResolved(const std::string& text);

}  // namespace wolffia
