// ImageCommit: an image of this host's own making: configuration, manifest, indexes, and the name last, over
// layers that the store has already (layer_writer.h). Killed at any moment it leaves no name, and gc removes
// the rest.
#pragma once

#include <string>

#include "engine/oci/image_config.h"
#include "storage/image_store.h"
#include "storage/staging.h"

namespace wolffia {

// `config.diff_ids`: lowest first, pinned by `staging`. `name` in full; empty: a nameless image. `verdict`:
// of what came from elsewhere.
Result<ImageRecord> CommitImage(const Store& store, const Staging& staging, const ImageConfig& config,
                                const std::string& name, int64_t now_ns, const ImageVerdict& verdict = {});

}  // namespace wolffia
