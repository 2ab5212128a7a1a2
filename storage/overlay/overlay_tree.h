// OverlayTree: a complete, writable POSIX tree: a LowerSource with an upper on top. The operations of the
// FUSE server, without FUSE: values in, a value or an errno out. The model fuzz target and the unit tests
// drive the same functions.
//
// Inodes. A node is what the kernel calls one: its number (nodeid) and its inode number stay the same for as
// long as it is known, over copy-up, rename and the loss of its last name. What the lower has and nobody
// changed needs no memory here but a lookup count: its nodeid is LowerId + 1. All else has a Node
// (overlay_node.h). What is kept on the disk, and why it survives kill -9: upper_store.h and FORMAT.md.
//
// Locks, in this order: copy_locks_[nodeid] (one copy-up of a node at a time; held over the copy of its
// bytes), tree_lock_ (shared to look, exclusive to change names, places and attributes; never held over a
// copy of data or a reply), then leaves: the node table's, the listings', the descriptor cache's, the
// quota's. Reads and writes of data hold none of them: they hold the open file.
//
// The kernel is the only user, caches names and attributes for ever, and checks permissions
// (default_permissions); what it asks for twice may be answered twice. It is not trusted to be sane: any
// nodeid, name, size and offset gives an errno.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/overlay/errno_result.h"
#include "storage/overlay/lower_source.h"
#include "storage/overlay/quota.h"
#include "storage/overlay/upper_store.h"

namespace wolffia {

struct OverlayOptions {
  OverlayLimits limits;
  bool acl = true;            // system.posix_acl_* are kept, and defaults inherited; false: EOPNOTSUPP
  bool xattrs = true;         // false: none at all (EOPNOTSUPP)
  size_t descriptors = 256;   // how many the tree may hold open; at least 8
  bool static_nlink = false;  // directories show one link: their subdirectories need not be counted
  bool redirects = true;      // false: renaming a directory of the lower is EXDEV
};

struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
};

struct Entry {
  uint64_t nodeid = 0;
  struct stat st{};  // st_ino is what the user sees
};

struct NewNode {
  mode_t mode = 0;  // with the type; the umask is not applied yet
  dev_t rdev = 0;
  std::string target;  // of a symlink
};

struct SetAttributesRequest {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<uint64_t> size;
  struct timespec atime{0, UTIME_OMIT}, mtime{0, UTIME_OMIT};
  // The caller has no CAP_FSETID, and a change of size or owner takes set-id bits away
  // (FUSE_HANDLE_KILLPRIV_V2).
  bool kill_privileges = false;
};

class OverlayTree {
 public:
  static constexpr uint64_t kRoot = 1;

  // `upper` may be null: then the tree is read-only, and every change is EROFS.
  static Sys<std::unique_ptr<OverlayTree>> Make(std::unique_ptr<LowerSource> lower,
                                                std::unique_ptr<UpperStore> upper, OverlayOptions options);
  ~OverlayTree();

  // --- Names (overlay_lookup.cc, overlay_listing.cc) ---
  // Each Entry that is returned counts as one lookup, until Forget.
  Sys<Entry> Lookup(uint64_t parent, std::string_view name);
  void Forget(uint64_t nodeid, uint64_t lookups);
  Sys<std::string> ReadLink(uint64_t nodeid);
  // Calls `take` for each entry from `offset` (0 or an earlier `next`) until it returns false or the end:
  // name, its Entry (nodeid 0 for "." and "..", or where `attributes` is false: only st_ino and the type are
  // right then), the offset after it. An entry that was not taken has not been counted. Entries that come or
  // go meanwhile disturb no others.
  using TakeEntry = std::function<bool(const char* name, const Entry& entry, uint64_t next)>;
  Sys<> ReadDirectory(uint64_t nodeid, uint64_t offset, bool attributes, const TakeEntry& take);

  // --- Changes of names (overlay_make.cc, overlay_remove.cc, overlay_rename.cc) ---
  Sys<Entry> MakeNode(uint64_t parent, std::string_view name, const NewNode& node, const Caller& caller);
  Sys<Entry> MakeTemporary(uint64_t parent, mode_t mode, const Caller& caller);  // O_TMPFILE
  Sys<Entry> Link(uint64_t nodeid, uint64_t parent, std::string_view name);
  Sys<> Unlink(uint64_t parent, std::string_view name);
  Sys<> RemoveDirectory(uint64_t parent, std::string_view name);
  Sys<> Rename(uint64_t parent, std::string_view name, uint64_t new_parent, std::string_view new_name,
               unsigned flags);

  // --- Attributes (overlay_attributes.cc, overlay_xattr.cc) ---
  Sys<struct stat> GetAttributes(uint64_t nodeid);
  Sys<struct stat> SetAttributes(uint64_t nodeid, const SetAttributesRequest& request);
  Sys<std::string> GetXattr(uint64_t nodeid, const std::string& name);
  Sys<std::string> ListXattrs(uint64_t nodeid);  // names, each with its terminator
  Sys<> SetXattr(uint64_t nodeid, const std::string& name, std::string_view value, int flags, bool kill_sgid);
  Sys<> RemoveXattr(uint64_t nodeid, const std::string& name);
  struct statvfs StatFs();

  // --- Data (overlay_io.cc) ---
  Sys<size_t> Read(uint64_t nodeid, void* buffer, size_t size, uint64_t offset);
  Sys<size_t> Write(uint64_t nodeid, const void* data, size_t size, uint64_t offset, bool kill_privileges);
  Sys<> Allocate(uint64_t nodeid, int mode, uint64_t offset, uint64_t size);  // fallocate(2)
  Sys<int64_t> Seek(uint64_t nodeid, int64_t offset, int whence);             // SEEK_DATA, SEEK_HOLE
  Sys<size_t> CopyRange(uint64_t from, uint64_t from_offset, uint64_t to, uint64_t to_offset, size_t size);
  Sys<> Sync(uint64_t nodeid, bool data_only);
  Sys<> SyncDirectory(uint64_t nodeid);
  Sys<> SyncAll();

  bool writable() const;
  bool shows_xattrs() const;  // false: GetXattr and ListXattrs never have an answer, and never will
  const OverlayOptions& options() const;

 private:
  explicit OverlayTree(std::unique_ptr<struct OverlayState> state);
  std::unique_ptr<struct OverlayState> state_;
};

}  // namespace wolffia
