// UpperChanges: what a container has changed of its image: its root file system, as it is mounted, compared
// with the image's index. The upper directory says only where to look: what it holds is read through the
// mount, so every kind of upper (kernel, FUSE with override ids and redirects, in memory) gives the same
// answer.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "engine/base/fd.h"
#include "storage/overlay/id_view.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

enum class ChangeKind : char { kChanged = 'C', kAdded = 'A', kDeleted = 'D' };

struct ChangesOf {
  int root = -1;   // the root file system without its mounts, readable
  int upper = -1;  // the upper directory; -1: everything is looked at
  const LowerIndex& lower;
  IdView ids;  // that the lower is shown with
  const std::set<std::string>&
      made_for;  // mount points, absolute: those that the image lacks were made for them
};

// Absolute paths, in no order. What vanishes meanwhile is left out. A directory that only got or lost such a
// mount point is not changed by that.
Result<> FindChanges(const ChangesOf& of,
                     const std::function<Result<>(ChangeKind, const std::string& path)>& found);

}  // namespace wolffia
