#include "storage/overlay/index_check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>
#include <vector>

namespace wolffia {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();  // off_t
constexpr size_t kMaxName = 255;                                      // NAME_MAX
constexpr uint64_t kMaxTarget = 4095;                                 // PATH_MAX less the terminator
constexpr uint64_t kMaxXattrValue = 65536;                            // XATTR_SIZE_MAX

std::unexpected<Error> Corrupt(uint32_t node, const char* what) {
  return Fail(Code::kCorrupt, "node " + std::to_string(node) + ": " + what);
}

bool ValidName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

class Checker {
 public:
  explicit Checker(const LowerIndex& index) : index_(index), seen_(index.node_count()) {}

  Result<> Run() {
    for (uint32_t n = 0; n < index_.node_count(); ++n) TRY(CheckNode(n));
    if (!S_ISDIR(index_.node(0).mode) || index_.node(0).parent != 0)
      return Corrupt(0, "is not a root directory");
    return CheckTree();
  }

 private:
  Result<> CheckNode(uint32_t n) {
    const IndexNode& node = index_.node(n);
    if (node.mode > 0177777) return Corrupt(n, "has an impossible mode");
    if (node.mtime_nsec >= 1000000000) return Corrupt(n, "has impossible nanoseconds");
    if ((node.flags & kNodeWhiteout) != 0) {
      if (node.mode != 0 || index_.is_chain()) return Corrupt(n, "is a misplaced whiteout");
      return {};
    }
    TRY(CheckXattrs(n, node));
    switch (node.mode & S_IFMT) {
      case S_IFDIR:
        if (index_.Dirents(node).size() != node.count) return Corrupt(n, "has names out of bounds");
        dirents_used_ += node.count;
        ++directories_;
        // Without this, runs that overlap would make the walk quadratic.
        if (dirents_used_ > index_.header().dirent_count)
          return Corrupt(n, "shares its names with another directory");
        return {};
      case S_IFLNK:
        if ((node.flags & kNodeLowerLink) != 0 && index_.is_chain())
          return Corrupt(n, "is an unresolved hard link");
        if (node.size > kMaxTarget || index_.Target(node).size() != node.size)
          return Corrupt(n, "has a bad link target");
        return {};
      case S_IFREG:
        return CheckRegular(n, node);
      case S_IFCHR:
      case S_IFBLK:
      case S_IFIFO:
      case S_IFSOCK:
        return {};
      default:
        return Corrupt(n, "has no known type");
    }
  }

  Result<> CheckRegular(uint32_t n, const IndexNode& node) {
    if (node.layer >= index_.header().layer_count) return Corrupt(n, "is in a layer that does not exist");
    if (node.size > kMaxOffset) return Corrupt(n, "is too large");
    if ((node.flags & kNodeSparse) == 0) {
      if (node.data > kMaxOffset - node.size) return Corrupt(n, "has its bytes at an impossible offset");
      return CheckDigests(n, index_.Digests(node), node.size);
    }
    auto extents = index_.Extents(node);
    if (extents.size() != node.count) return Corrupt(n, "has extents out of bounds");
    extents_used_ += node.count;
    if (extents_used_ > index_.header().extent_count)
      return Corrupt(n, "shares its extents with another file");
    uint64_t end = 0;
    for (const IndexExtent& e : extents) {
      if (e.file_offset < end || e.file_offset > node.size || e.size > node.size - e.file_offset)
        return Corrupt(n, "has extents that overlap or pass its end");
      if (e.tar_offset > kMaxOffset - e.size) return Corrupt(n, "has its bytes at an impossible offset");
      TRY(CheckDigests(n, index_.Digests(e), e.size));
      end = e.file_offset + e.size;
    }
    return {};
  }

  Result<> CheckDigests(uint32_t n, std::span<const uint64_t> digests, uint64_t size) {
    if (!index_.has_digests() || digests.size() == ChunksOf(size)) return {};
    return Corrupt(n, "has digests out of bounds");
  }

  Result<> CheckXattrs(uint32_t n, const IndexNode& node) {
    if (node.xattr_count == 0) return {};
    auto xattrs = index_.Xattrs(node);
    if (!index_.has_xattrs() || xattrs.size() != node.xattr_count)
      return Corrupt(n, "has xattrs out of bounds");
    xattrs_used_ += node.xattr_count;
    if (xattrs_used_ > index_.header().xattr_count) return Corrupt(n, "shares its xattrs with another node");
    for (const IndexXattr& x : xattrs) {
      std::string_view name = index_.XattrName(x);
      if (name.empty() || name.size() > kMaxName || name.find('\0') != name.npos ||
          name.size() != x.name_size)
        return Corrupt(n, "has a bad xattr name");
      if (x.value_size > kMaxXattrValue || index_.XattrValue(x).size() != x.value_size)
        return Corrupt(n, "has a bad xattr value");
    }
    return {};
  }

  // Breadth first: every directory is entered once, from its own parent.
  Result<> CheckTree() {
    std::vector<uint32_t> queue = {0};
    seen_[0] = true;
    for (size_t at = 0; at < queue.size(); ++at) TRY(CheckNames(queue[at], queue));
    if (queue.size() != directories_) return Corrupt(0, "does not reach every directory");
    return {};
  }

  Result<> CheckNames(uint32_t n, std::vector<uint32_t>& queue) {
    std::string_view previous;
    for (const IndexDirent& d : index_.Dirents(index_.node(n))) {
      std::string_view name = index_.Name(d);
      if (!ValidName(name)) return Corrupt(n, "has a name that is not valid");
      if (name <= previous) return Corrupt(n, "has names that are not sorted");
      previous = name;
      if (d.node >= index_.node_count()) return Corrupt(n, "has a name without a node");
      const IndexNode& child = index_.node(d.node);
      if (!S_ISDIR(child.mode)) continue;
      if (child.parent != n || seen_[d.node]) return Corrupt(d.node, "is a directory with two parents");
      seen_[d.node] = true;
      queue.push_back(d.node);
    }
    return {};
  }

  const LowerIndex& index_;
  std::vector<bool> seen_;
  uint64_t dirents_used_ = 0, extents_used_ = 0, xattrs_used_ = 0;
  size_t directories_ = 0;
};

}  // namespace

Result<> CheckIndex(const LowerIndex& index) {
  return Checker(index).Run();
}

}  // namespace wolffia
