// TarExtract: a tar stream in, files below one directory out. For hostile streams and for trees that change
// meanwhile: every entry's directory is opened beneath the root anew (openat2(2)), the entry itself is never
// followed, what is in its way is removed first (as tar and the peers do), and names with ".." are refused.
//
// In a container's tree (`container`) symlinks on the way to an entry lead where they lead inside the root;
// on the host no symlink on the way is followed at all, sockets and devices are not made, and set-id bits are
// dropped. Devices that the kernel refuses (in every user namespace) are counted, not made.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "storage/tar_reader.h"

namespace wolffia {

struct TarOwner {
  uint32_t uid = 0, gid = 0;
};

struct ExtractOptions {
  int root = -1;           // nothing outside of it is touched
  std::string directory;   // of the root, existing: entries go below it
  bool container = false;  // else the host's
  bool keep_owners = false;
  std::optional<TarOwner> owner;  // of everything; nor this nor the tar's: whoever extracts
  bool overwrite = false;         // a directory makes way for a file, and a file for a directory
};

class TarExtract {
 public:
  explicit TarExtract(ExtractOptions options);
  ~TarExtract();
  // Any chunking. What was being written when it fails is removed.
  Result<> Push(std::string_view bytes);
  Result<> Finish();  // directories get their modes and times

  uint64_t skipped_devices() const { return skipped_devices_; }

 private:
  struct Directory {
    std::string path;
    mode_t mode;
    timespec mtime;
  };
  // The file whose bytes come next.
  struct Open {
    Fd fd, parent;
    std::string name, path;
    LayerEntry entry;
    size_t extent = 0;
  };

  Result<> Begin(LayerEntry entry);
  Result<> Make(LayerEntry entry, int parent, const std::string& name);
  Result<> MakeDirectory(const LayerEntry& entry, int parent, const std::string& name);
  Result<> MakeFile(LayerEntry entry, int parent, const std::string& name);
  Result<> MakeHardLink(const LayerEntry& entry, int parent, const std::string& name);
  Result<> MakeNode(const LayerEntry& entry, int parent, const std::string& name);
  Result<> ClearWay(const LayerEntry& entry, int parent, const std::string& name);
  Result<> MakeAnew(const LayerEntry& entry, int parent, const std::string& name,
                    const std::function<int()>& make);
  Result<> TakeData(std::string_view chunk);
  Result<> CloseFile();
  void DropFile();
  Result<Fd> OpenBelow(const std::string& path, int flags) const;
  Result<int> ParentOf(const std::string& path);
  Result<Fd> MakeParents(const std::string& path);
  Result<> GiveOwner(const LayerEntry& entry, int fd, const char* name, const std::string& path) const;
  void SetXattrs(const LayerEntry& entry, int fd) const;
  mode_t ModeOf(const LayerEntry& entry) const;

  const ExtractOptions options_;
  TarReader reader_;
  uint64_t base_ = 0;       // where in the stream `chunk_` begins
  std::string_view chunk_;  // that is being read
  std::optional<Open> open_;
  std::optional<Error> failed_;  // of an entry
  std::optional<std::string> parent_path_;
  Fd parent_;
  std::vector<Directory> directories_;
  uint64_t skipped_devices_ = 0;
};

}  // namespace wolffia
