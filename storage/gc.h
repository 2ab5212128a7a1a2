// Garbage collection and checking of the store. Content is live if an image record, a container or a live
// staging directory's pin names it.
#pragma once

#include <functional>
#include <set>
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
  bool damage = false;    // false: harmless (an orphan)
  bool repaired = false;  // by this check
};

struct StoreRepair {
  // Asked once for all blobs that are damaged or missing: puts back what it can (BlobStore::Adopt). An error
  // ends the check.
  std::function<Result<>(const std::set<Digest>& broken)> refetch;
  // Also removes damaged blobs that did not come back. They then count as missing, so that a pull or load
  // brings them; without, what reads them goes on with what is left of them.
  bool discard = false;
};

// Verifies every digest (reads all), every record, every index against its tar, and lists orphans. Changes
// nothing, unless there is a `repair`: then what is broken is fetched again, damaged indexes are made again,
// and orphans are removed. In library wolffia_layer_writer (hashing).
Result<std::vector<Finding>> CheckStore(const Store& store, const StoreRepair* repair,
                                        const std::function<void(const std::string& path)>& progress);

}  // namespace wolffia
