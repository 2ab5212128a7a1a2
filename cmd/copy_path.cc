#include "cmd/copy_path.h"

namespace wolffia {
namespace {

CopyEnd ParseEnd(const std::string& typed) {
  size_t colon = typed.find(':');
  if (typed.starts_with('.') || typed.starts_with('/') || colon == std::string::npos) return {"", typed};
  return {typed.substr(0, colon), typed.substr(colon + 1)};
}

std::unexpected<Error> NotFound(const CopyEnd& end) {
  return Fail(Code::kNotFound,
              "\"" + end.path + "\" could not be found on " + end.Where() + ": no such file or directory");
}

}  // namespace

Result<CopyEnds> ParseCopyEnds(const std::string& source, const std::string& destination) {
  CopyEnds ends{ParseEnd(source), ParseEnd(destination)};
  auto invalid = [&](const char* why) {
    return Fail(Code::kInvalid, "invalid arguments \"" + source + "\", \"" + destination + "\": " + why);
  };
  if (ends.source.path.empty() || ends.destination.path.empty()) return invalid("you must specify paths");
  bool nameless = source.starts_with(':') || destination.starts_with(':');
  if (nameless || (ends.source.container.empty() && ends.destination.container.empty()))
    return invalid("name a container, as CONTAINER:PATH");
  return ends;
}

bool MeansContents(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == "." || path.ends_with("/.");
}

Result<CopyPlan> PlanCopy(const CopyEnd& source, const ResolvedPath& from, const CopyEnd& destination,
                          const ResolvedPath& to) {
  if (from.kind == PathKind::kMissing) return NotFound(source);
  const bool contents =
      from.kind == PathKind::kDirectory && (MeansContents(source.path) || from.name.empty());
  const std::string top = contents ? "" : from.name;
  if (from.kind == PathKind::kStream) {
    if (to.kind == PathKind::kDirectory) return CopyPlan{};
    return Fail(Code::kInvalid, "destination must be a directory when copying from stdin");
  }
  switch (to.kind) {
    case PathKind::kStream:
    case PathKind::kDirectory:
      return CopyPlan{true, top};
    case PathKind::kFile:
      if (from.kind == PathKind::kDirectory)
        return Fail(Code::kInvalid, "destination must be a directory when copying a directory");
      if (destination.path.ends_with('/'))
        return Fail(Code::kInvalid,
                    "\"" + destination.path + "\" on " + destination.Where() + " is not a directory");
      return CopyPlan{false, to.name};
    case PathKind::kMissing:
      break;
  }
  if (to.parent.empty() || to.name.empty() || destination.path.ends_with('/')) return NotFound(destination);
  return CopyPlan{false, to.name};
}

}  // namespace wolffia
