// LayerStack: the directories on the host that DirectoryLower merges. Opens them and reads their names; knows
// which directories of which layers make one merged directory. Thread-safe.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/descriptor_cache.h"
#include "storage/overlay/errno_result.h"
#include "storage/overlay/xattr_store.h"

namespace wolffia {

// A directory of one layer. The first ones are the layers' roots.
using PartId = uint32_t;

// The names of a merged directory, sorted.
struct MergedNames {
  struct Name {
    const char* name;    // terminated, in `text`
    uint32_t part;       // index in the parts that were read
    uint8_t size;        // of the name
    unsigned char type;  // DT_*, never DT_UNKNOWN; what it is on the host
  };
  std::vector<Name> names;
  uint32_t subdirectories = 0;
  std::vector<char> text;
};

class LayerStack {
 public:
  LayerStack(std::vector<Fd> layers, bool override_ids, size_t descriptors);

  // The directories that make the merged root.
  Sys<std::vector<PartId>> RootParts();
  // Those that make the directory `name` of the merged directory that `parts` make, the first of which has
  // it.
  Sys<std::vector<PartId>> ChildParts(const std::vector<PartId>& parts, size_t first, const char* name);
  // Every name that can be seen.
  Sys<MergedNames> ReadNames(const std::vector<PartId>& parts);

  Sys<SharedFd> Open(PartId part);
  XattrStore& xattrs() { return *xattrs_; }

 private:
  struct Part {
    size_t layer;
    PartId parent;     // of a root: itself
    const char* name;  // a key of children_
  };
  struct RawName;
  struct Steering {  // what the attributes of a directory say about what is below it
    bool opaque = false;
    std::string redirect;
  };

  Part Get(PartId part);
  PartId Child(PartId parent, const char* name);
  Sys<SharedFd> OpenChild(PartId parent, const char* name, PartId* child);
  Sys<Steering> SteeringOf(int fd);
  Sys<std::vector<PartId>> Roots(size_t first_layer);
  Sys<std::vector<PartId>> Merge(const std::vector<PartId>& parents, size_t first, std::string name,
                                 int depth);
  Sys<std::vector<PartId>> Resolve(std::string_view path, size_t first_layer, int depth);
  Sys<> ReadPart(PartId part, uint32_t index, std::vector<char>* text, std::vector<RawName>* names);
  bool IsWhiteout(int dirfd, const char* name, unsigned char* type);

  const std::vector<Fd> layers_;
  const bool override_ids_;
  const std::unique_ptr<XattrStore> xattrs_;
  DescriptorCache open_;
  std::mutex lock_;  // of the two below; a leaf
  std::deque<Part> parts_;
  std::map<std::pair<PartId, std::string>, PartId> children_;
};

}  // namespace wolffia
