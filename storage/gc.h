// Garbage collection and checking of the store. Content is live if an image record, a container or a live
// staging directory's pin names it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/store.h"

namespace wolffia {

struct GcReport {
  uint64_t blobs = 0, bytes = 0;
};
// Removes blobs and indexes that nothing names. Works with zero bytes free. Runs beside pulls and runs
// without locks: a blob is renamed away first, then the pins are read again, then it is unlinked or renamed
// back.
Result<GcReport> CollectGarbage(const Store& store);

struct Finding {
  std::string path;  // relative to the store's root
  std::string
      problem;  // "digest mismatch: ..", "orphan", "missing layer of image X", "malformed record", ...
  bool damage = false;  // false: harmless (an orphan)
};
// Verifies every digest (reads all), every record, every index against its tar, and lists orphans. Changes
// nothing, unless `repair`: then damaged indexes are made again, and orphans and damaged blobs are removed.
// In library wolffia_layer_writer (hashing).
Result<std::vector<Finding>> CheckStore(const Store& store, bool repair,
                                        const std::function<void(const std::string& path)>& progress);

}  // namespace wolffia
