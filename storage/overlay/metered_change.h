// ChangeMetered: a change of a file's bytes that may make the file take more of the host, inside the quota.
// To the block: what fits is done, the first block that does not is not touched, and what needs no room (an
// overwrite, a write to what fallocate set aside) works however full it is.
#pragma once

#include <cstdint>
#include <functional>

#include "storage/overlay/errno_result.h"
#include "storage/overlay/quota.h"

namespace wolffia {

// Does its work on bytes [offset, offset + size); returns how many it did, fewer only if no more can be done.
using Change = std::function<Sys<uint64_t>(uint64_t offset, uint64_t size)>;

// How many bytes were done; an errno only if none were. The file is open for reading and writing. Concurrent
// changes of one file wait for each other where bytes are limited; without a limit it is just change(offset,
// size).
Sys<uint64_t> ChangeMetered(Quota& quota, int fd, uint64_t offset, uint64_t size, const Change& change);

// Changes a file so that it takes no more than before (truncate, punch a hole).
Sys<> ShrinkMetered(Quota& quota, int fd, const std::function<Sys<>()>& change);

}  // namespace wolffia
