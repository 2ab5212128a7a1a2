// LowerTree: what the kernel is told about a Lower. Turns node numbers into attributes, names, bytes and
// xattrs; knows neither requests nor threads. Answers are values, a negative errno is failure. Every inode
// number is the node's number + 1 (FUSE's root is 1), so the server has no table of inodes and FORGET means
// nothing to it.
//
// What a hostile image may not do is decided here:
// - xattrs by which the kernel's overlayfs would be steered (user.overlay.*, trusted.overlay.*) are not
// shown, nor any
//   that a container could not copy up (trusted.*, security.* but capabilities, ACLs: their ids are not
//   translated);
// - a character device 0:0, which overlayfs takes for a whiteout, is shown as it is. All that it can hide is
// its own
//   name, as it does in every engine that unpacks layers for overlayfs;
// - names that no directory can hold are left out.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/overlay/id_view.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

class LowerTree {
 public:
  LowerTree(std::shared_ptr<const Lower> lower, IdView ids);

  const LowerIndex& index() const { return lower_->index(); }
  // The node of an inode number; nullptr if the kernel asks for one that was never given out.
  const IndexNode* Node(uint64_t ino) const;
  static uint64_t InoOf(uint32_t node) { return uint64_t{node} + 1; }

  void Stat(uint32_t node, struct stat* st) const;
  struct statvfs StatFs() const;

  // `size` bytes of a regular file, all inside it; -EIO where the tar does not have them.
  int Read(const IndexNode& file, char* buffer, size_t size, uint64_t offset) const;
  // SEEK_DATA and SEEK_HOLE; the new offset or -ENXIO.
  int64_t SeekHole(const IndexNode& file, int64_t offset, int whence) const;

  // False when there is no xattr that Xattr or XattrNames could show for any node.
  bool shows_xattrs() const { return shows_xattrs_; }
  std::optional<std::string_view> Xattr(const IndexNode& node, std::string_view name) const;
  std::string XattrNames(
      const IndexNode& node) const;  // each with its terminator, as listxattr(2) wants them

 private:
  std::optional<std::string_view> Visible(std::string_view name, std::string_view value) const;

  std::shared_ptr<const Lower> lower_;
  IdView ids_;
  bool shows_xattrs_;
};

}  // namespace wolffia
