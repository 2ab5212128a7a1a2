// IndexLower: a LowerSource over an index and the tars of its layers. An entry's number is its node's.
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <new>

#include "storage/overlay/byte_copy.h"
#include "storage/overlay/lower_source.h"
#include "storage/overlay/lower_tree.h"
#include "storage/overlay/lower_xattr.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<off_t>::max();
constexpr uint64_t kPiece = 1 << 20;  // of a copy that goes through memory

// Where each node has (one of) its names: found in one pass over all directories, when the first copy-up
// asks.
class NamePlaces {
 public:
  struct Place {
    uint32_t directory = kNoNode;
    uint32_t dirent = 0;  // in its directory
  };
  Place Of(const LowerIndex& index, uint32_t node) {
    std::call_once(built_, [&] { Build(index); });
    return places_[node];
  }

 private:
  void Build(const LowerIndex& index) {
    places_.resize(index.node_count());
    for (uint32_t directory = 0; directory < index.node_count(); ++directory) {
      auto dirents = index.Dirents(index.node(directory));
      for (uint32_t i = 0; i < dirents.size(); ++i) {
        uint32_t node = dirents[i].node;
        if (node != 0 && node < places_.size() && places_[node].directory == kNoNode &&
            ValidName(index.Name(dirents[i])))
          places_[node] = {.directory = directory, .dirent = i};
      }
    }
  }
  std::once_flag built_;
  std::vector<Place> places_;
};

class IndexLower : public LowerSource {
 public:
  IndexLower(std::shared_ptr<const Lower> lower, IdView ids)
      : lower_(lower), tree_(std::move(lower), std::move(ids)) {}

  LowerId IdLimit() const override { return index().node_count(); }

  LowerId Lookup(LowerId directory, std::string_view name) override {
    return ValidName(name) ? index().Lookup(directory, name) : kNoLower;
  }

  Sys<struct stat> Stat(LowerId id) override {
    if (!Known(id)) return SysFail(ESTALE);
    struct stat st;
    tree_.Stat(id, &st);
    return st;
  }

  mode_t Type(LowerId id) override { return Known(id) ? index().node(id).mode & S_IFMT : 0; }

  // In the order of names, which is that of most tars.
  bool EntryAt(LowerId directory, uint64_t position, LowerEntry* entry) override {
    if (!Known(directory)) return false;
    auto dirents = index().Dirents(index().node(directory));
    for (; position < dirents.size(); ++position) {
      const IndexDirent& dirent = dirents[position];
      std::string_view name = index().Name(dirent);
      if (!ValidName(name) || !Known(dirent.node)) continue;
      *entry = {.name = name, .id = dirent.node, .position = position};
      return true;
    }
    return false;
  }

  LowerId Parent(LowerId directory) override {
    if (!Known(directory)) return kLowerRoot;
    LowerId parent = index().node(directory).parent;
    return Known(parent) ? parent : kLowerRoot;
  }

  Sys<std::string> ReadLink(LowerId id) override {
    if (Type(id) != S_IFLNK) return SysFail(EINVAL);
    std::string_view target = index().Target(index().node(id));
    if (target.empty() || target.size() > 4095) return SysFail(EIO);  // PATH_MAX less the terminator
    return std::string(target);
  }

  Sys<size_t> Read(LowerId file, void* buffer, size_t size, uint64_t offset) override {
    if (Type(file) != S_IFREG) return SysFail(EINVAL);
    auto done = lower_->Read(index().node(file), buffer, size, offset);
    if (!done) return SysFail(EIO);
    return *done;
  }

  Sys<> CopyTo(LowerId file, int fd) override {
    if (Type(file) != S_IFREG) return SysFail(EINVAL);
    const IndexNode& node = index().node(file);
    int tar = lower_->tar(node.layer);
    if (node.size > 0 && tar < 0) return SysFail(EIO);
    const bool verify = lower_->verifies_reads();
    if ((node.flags & kNodeSparse) == 0)
      return verify ? CopyVerified(node, fd, 0, node.size) : CopyBytes(tar, node.data, fd, 0, node.size);
    if (node.size > kMaxOffset) return SysFail(EIO);
    if (ftruncate(fd, static_cast<off_t>(node.size)) != 0) return SysFail();
    for (const IndexExtent& e : index().Extents(node)) {
      if (e.file_offset >= node.size) continue;
      const uint64_t size = std::min(e.size, node.size - e.file_offset);
      TRY(verify ? CopyVerified(node, fd, e.file_offset, size)
                 : CopyBytes(tar, e.tar_offset, fd, e.file_offset, size));
    }
    return {};
  }

  Sys<int64_t> Seek(LowerId file, int64_t offset, int whence) override {
    if (Type(file) != S_IFREG || (whence != SEEK_DATA && whence != SEEK_HOLE)) return SysFail(EINVAL);
    int64_t at = tree_.SeekHole(index().node(file), offset, whence);
    if (at < 0) return SysFail(static_cast<int>(-at));
    return at;
  }

  bool has_holes() const override { return index().header().extent_count != 0; }

  bool shows_xattrs() const override { return tree_.shows_xattrs(); }

  Sys<std::string> Xattr(LowerId id, std::string_view name) override {
    if (!Known(id)) return SysFail(ESTALE);
    auto value = IsOverlayXattr(name) ? std::nullopt : tree_.Xattr(index().node(id), name);
    if (!value) return SysFail(ENODATA);
    return std::string(*value);
  }

  std::vector<std::string> XattrNames(LowerId id) override {
    std::vector<std::string> names;
    if (!Known(id)) return names;
    std::string list = tree_.XattrNames(index().node(id));
    for (size_t at = 0; at < list.size(); at += strlen(&list[at]) + 1)
      if (!IsOverlayXattr(&list[at])) names.emplace_back(&list[at]);
    return names;
  }

  Spot Locate(LowerId id) override {
    if (!Known(id) || id == kLowerRoot) return {};
    auto place = places_.Of(index(), id);
    if (place.directory == kNoNode) return {};
    auto dirents = index().Dirents(index().node(place.directory));
    return {.directory = place.directory, .name = std::string(index().Name(dirents[place.dirent]))};
  }

  // Numbers up to node_count are the lower's. A sum past the end would start among them again.
  uint64_t UpperIno(dev_t, uint64_t host_ino) override {
    uint64_t shown = host_ino + index().node_count() + 1;
    return shown > host_ino ? shown : host_ino;
  }

 private:
  const LowerIndex& index() const { return tree_.index(); }
  // What the kernel copies by itself nobody has looked at.
  Sys<> CopyVerified(const IndexNode& file, int fd, uint64_t offset, uint64_t size) {
    std::unique_ptr<char[]> buffer(new (std::nothrow) char[std::min(size, kPiece)]);
    if (buffer == nullptr) return SysFail(ENOMEM);
    for (const uint64_t end = offset + size; offset < end;) {
      auto read = lower_->Read(file, buffer.get(), std::min(end - offset, kPiece), offset);
      if (!read || *read == 0) return SysFail(EIO);
      TRY(WriteBytes(fd, buffer.get(), *read, offset));
      offset += *read;
    }
    return {};
  }
  bool Known(LowerId id) const { return id < index().node_count(); }

  std::shared_ptr<const Lower> lower_;
  LowerTree tree_;
  NamePlaces places_;
};

}  // namespace

std::unique_ptr<LowerSource> MakeIndexLower(std::shared_ptr<const Lower> lower, IdView ids) {
  return std::make_unique<IndexLower>(std::move(lower), std::move(ids));
}

}  // namespace wolffia
