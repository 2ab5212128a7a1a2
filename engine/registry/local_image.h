// LocalImage: the files of an image on this host, opened for reading: a directory as it is, an archive that
// may be compressed or come through a pipe.
#pragma once

#include <memory>
#include <optional>

#include "engine/registry/backoff.h"
#include "engine/registry/file_tree.h"
#include "storage/staging.h"

namespace wolffia {

struct LocalImage {
  std::optional<Staging> staging;  // holds the spooled archive; declared first: it goes last
  std::unique_ptr<FileTree> files;
};

// `path` "-" is stdin. What is compressed or no regular file is spooled into the store's staging area, at
// most `spool_limit` bytes (kNoSpace).
Result<LocalImage> OpenLocalImage(const Store& store, const std::string& path, uint64_t spool_limit,
                                  const Cancel& cancel);

}  // namespace wolffia
