// Copying a run of bytes between two files, inside the kernel where it can. Memory for what goes through us
// comes from the heap: server threads have small stacks.
#pragma once

#include <cstdint>

#include "storage/overlay/errno_result.h"

namespace wolffia {

// Exactly `size` bytes; EIO where `from` has fewer.
Sys<> CopyBytes(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size);
// All of `size` bytes of memory.
Sys<> WriteBytes(int to, const char* data, uint64_t size, uint64_t offset);
// All of `from` into the empty file `to`: what is a hole stays one, also at the end.
Sys<> CopySparse(int from, int to, uint64_t size);

}  // namespace wolffia
