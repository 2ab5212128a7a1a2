// The root file system that `run` starts from: an image of the store, pulled first where that is needed, or a
// directory of the host (--rootfs).
#pragma once

#include <memory>
#include <string>

#include "cmd/session.h"
#include "engine/oci/image_config.h"
#include "engine/runtime/spec_builder.h"
#include "storage/image_store.h"

namespace wolffia {

struct RunRoot {
  ImageRecord image;  // empty with --rootfs
  ImageConfig config;
  std::string rootfs;
  std::shared_ptr<const Lower> lower;  // null with --rootfs
  RootFileReader read_file;
};

// `typed`: the image or the directory. Errors that the heavy program has printed already have no sentence.
Result<RunRoot> OpenRunRoot(const Command& command, const Session& session, const std::string& typed);

// The layers of an image, checked: the monitor trusts what was checked here. An index that is missing or
// damaged is made again.
Result<Lower> OpenLayers(const Command& command, const Store& store, const Digest& chain,
                         const std::vector<Digest>& diff_ids);

}  // namespace wolffia
