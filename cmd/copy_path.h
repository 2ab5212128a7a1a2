// The rules of `cp` for its two ends, as podman and docker have them. Pure: what there is comes in as
// PathKind.
//
//   source                destination           becomes
//   file                  missing               file DESTINATION (its directory must exist)
//   file                  file                  file DESTINATION, replaced
//   file                  directory             file DESTINATION/NAME
//   directory, DIR/.      missing               directory DESTINATION with the source's contents
//   directory             directory             DESTINATION/NAME
//   DIR/.                 directory             the source's contents in DESTINATION
//   -  (a tar)            directory             the tar's entries in DESTINATION
//   file, directory       -                     a tar, with NAME at its top; of DIR/. the contents alone
//
// A destination that ends with a slash must exist. Everything else is an error.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

struct CopyEnd {
  std::string container;  // as typed; empty: the host
  std::string path;
  bool stream() const { return container.empty() && path == "-"; }
  // "the host", or "container NAME"
  std::string Where() const { return container.empty() ? "the host" : "container " + container; }
};
struct CopyEnds {
  CopyEnd source, destination;
};
// CONTAINER:PATH, or a path of the host; one that begins with "." or "/" is always the host's.
Result<CopyEnds> ParseCopyEnds(const std::string& source, const std::string& destination);

enum class PathKind { kMissing, kFile, kDirectory, kStream };

// What a path leads to, links followed.
struct ResolvedPath {
  PathKind kind = PathKind::kMissing;
  std::string parent;  // the directory that has it, or would; empty if that is missing, too
  std::string name;    // in the parent; empty: not known ("/", "..")
};

struct CopyPlan {
  bool into_destination = true;  // entries go below the destination; else below its parent
  std::string top;               // the name that the source gets there; empty: its contents, without itself
};
// The errors are podman's.
Result<CopyPlan> PlanCopy(const CopyEnd& source, const ResolvedPath& from, const CopyEnd& destination,
                          const ResolvedPath& to);

// True for "." and what ends with "/.": the contents are meant.
bool MeansContents(std::string_view path);

}  // namespace wolffia
