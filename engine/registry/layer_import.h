// One layer from its source into the store. Three threads: the source (download, compressed digest), the
// decoder, and the caller (diff-id, index, writing), joined by two bounded queues: a layer arrives at the
// speed of the slowest of the three, in memory that does not depend on its size.
#pragma once

#include <functional>

#include "engine/oci/manifest.h"
#include "engine/registry/decompressor.h"
#include "engine/registry/http_client.h"
#include "storage/layer_writer.h"

namespace wolffia {

struct LayerImport {
  const Store& store;
  const Staging& staging;
  LayerLimits limits;
  WindowBudget& windows;
  Cancel& cancel;         // set when this layer fails, so that what waits does not
  Descriptor descriptor;  // of what is fetched; an empty digest is not verified, a size of -1 neither
  Digest diff_id;
  std::function<Result<>(const ByteSink&)> fetch;
  std::function<void(int64_t)> on_progress;  // fetched bytes so far; from another thread
};

// Afterwards the store has the layer under its diff-id, or nothing has changed.
Result<> ImportLayer(const LayerImport& layer);

}  // namespace wolffia
