// TarTree: a file or a directory tree of a file system into a tar stream. Names come sorted, files before
// directories, so equal trees give equal streams. What changes meanwhile is no error: what has gone is left
// out, and a file has the length that it had when it was opened. Sockets are left out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "engine/base/fd.h"
#include "storage/tar_writer.h"

namespace wolffia {

struct TreeOptions {
  bool sparse = false;           // holes are kept, as only GNU tar, bsdtar, Go and we read them
  bool skip_unreadable = false;  // else an entry that may not be read is an error
  bool skip_kernel = true;       // what proc, sysfs and their like show is left out, their mount point is not
  std::function<void(LayerEntry& entry)> adjust;  // owners, for instance
};

class TarTree {
 public:
  TarTree(TarWriter& writer, TreeOptions options) : writer_(writer), options_(std::move(options)) {}

  // The object `name` of the directory, never followed, as `as`; a directory with everything below it.
  Result<> Add(int dirfd, const std::string& name, const std::string& as);
  // Everything below an open directory, under `as` (empty: at the archive's top), without an entry for
  // itself.
  Result<> AddContents(Fd directory, const std::string& as);

 private:
  struct Pending {
    std::string below;  // the path from the top, never through a link
    std::string as;
  };
  Result<> AddTree(Fd top, const std::string& as, bool with_entry);
  Result<> AddDirectory(int top, const Pending& directory, bool with_entry, std::vector<Pending>& pending);
  Result<> AddObject(int dirfd, const std::string& name, const std::string& as, bool* is_directory);
  Result<> AddFile(int dirfd, const std::string& name, LayerEntry entry);
  bool KnownLink(const struct stat& st, LayerEntry& entry);
  bool MayPass(const Error& error) const;

  TarWriter& writer_;
  TreeOptions options_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // objects with several names: the first one's path
};

}  // namespace wolffia
