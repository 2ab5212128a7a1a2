// TreeFacts: all that a user can find out about a tree, by path, to compare: an overlay as it is, one that
// was opened again, a model. And the small lower tree that the model, thread and crash tests stand on.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "storage/overlay/overlay_tree.h"
#include "tests/fuzz/posix_model.h"

namespace wolffia {

struct FileFacts {
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t rdev = 0;
  uint64_t nlink = 0;
  uint64_t ino = 0;
  int64_t mtime_sec = kAnyTime;  // kRecent: since 2025
  int64_t mtime_nsec = 0;
  std::string data;     // bytes or target
  std::string same_as;  // the first path of the same inode, in the order of paths; empty: this one
  std::map<std::string, std::string> xattrs;
};

using TreeFacts = std::map<std::string, FileFacts>;  // "/" is the root, others "/a/b"

// Walks the whole tree as the kernel would. What contradicts itself on the way (lookup and readdir, link
// counts, inode numbers) is added to `*wrong`, a line each. Leaves no lookup behind.
TreeFacts ReadTree(OverlayTree& tree, std::string* wrong);
// One object; its data too.
FileFacts ReadFacts(OverlayTree& tree, uint64_t nodeid, const struct stat& st, std::string* wrong);

TreeFacts FactsOf(const PosixModel& model);

struct Compared {
  bool inos = false;  // of everything; otherwise only those that the lower gave
  bool directory_times = true;
  bool link_counts = true;
};
// The differences, a line each; "" where there are none.
std::string Difference(const TreeFacts& expected, const TreeFacts& actual, Compared how = {});
std::string DescribeFacts(const FileFacts& facts);

// The small tree: files, hard links in one and in several directories, symlinks, special files, set-id bits,
// capabilities, other owners, a sparse file, nested and empty directories. `model` may be null.
std::unique_ptr<LowerSource> MakeSmallLower(PosixModel* model);
// The like of it as plain directories with override ids, two layers; made once in a process.
std::unique_ptr<LowerSource> MakeSmallDirectoryLower(PosixModel* model);
// Inode numbers below this are the small tree's.
inline constexpr uint64_t kSmallLowerInos = 1000;

}  // namespace wolffia
