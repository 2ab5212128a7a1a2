// PosixModel: a file system in memory that does what a local one does, as a mirror to hold up to the overlay.
// Operations answer 0 or an errno, and change nothing when they fail. Simple on purpose: inodes, names,
// bytes.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace wolffia {

// Times that can't be told exactly.
inline constexpr int64_t kRecent = 0;  // since the test began
inline constexpr int64_t kAnyTime = -1;

struct ModelInode;
using ModelPtr = std::shared_ptr<ModelInode>;

struct ModelInode {
  mode_t mode = 0;  // with the type
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t rdev = 0;
  std::string data;  // bytes, or the target of a symlink
  std::map<std::string, std::string> xattrs;
  std::map<std::string, ModelPtr> children;
  ModelInode* parent = nullptr;  // of a directory that has a name; the root's is the root
  uint32_t names = 0;
  struct timespec mtime{kRecent, 0};
  uint64_t shown_ino = 0;  // as the overlay showed it first
  bool loses_ino = false;  // once nobody knows it
  bool temporary = false;  // made without a name, and never had one

  bool directory() const { return S_ISDIR(mode); }
  bool dead() const { return names == 0; }
  void Touch() { mtime = {kRecent, 0}; }
  uint32_t nlink() const {
    if (!directory() || dead()) return names;
    return 2 + static_cast<uint32_t>(
                   std::ranges::count_if(children, [](auto& child) { return child.second->directory(); }));
  }
};

class PosixModel {
 public:
  PosixModel() {
    root_->mode = S_IFDIR | 0755;
    root_->names = 1;
    root_->parent = root_.get();
  }
  const ModelPtr& root() const { return root_; }

  static int CheckName(std::string_view name) {
    if (name.size() > 255) return ENAMETOOLONG;
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\0", 2)) != name.npos)
      return EINVAL;
    return 0;
  }

  // 0 where `name` may be made in `directory`.
  static int MayMake(const ModelInode& directory, std::string_view name) {
    if (!directory.directory()) return ENOTDIR;
    if (int error = CheckName(name)) return error;
    if (directory.dead()) return ENOENT;
    return directory.children.contains(std::string(name)) ? EEXIST : 0;
  }

  // Owner and mode as a new inode in `directory` gets them.
  static ModelPtr NewInode(const ModelInode& directory, mode_t mode, uid_t uid, gid_t gid, mode_t umask) {
    auto made = std::make_shared<ModelInode>();
    made->mode = S_ISLNK(mode) ? S_IFLNK | 0777 : mode & ~(umask & 0777);
    made->uid = uid;
    made->gid = (directory.mode & S_ISGID) != 0 ? directory.gid : gid;
    if (S_ISDIR(mode) && (directory.mode & S_ISGID) != 0) made->mode |= S_ISGID;
    return made;
  }

  static void Attach(ModelInode& directory, const std::string& name, const ModelPtr& inode) {
    directory.children[name] = inode;
    ++inode->names;
    inode->temporary = false;
    if (inode->directory()) inode->parent = &directory;
    directory.Touch();
  }

  static void Detach(ModelInode& directory, const std::string& name) {
    auto found = directory.children.find(name);
    if (--found->second->names == 0) found->second->parent = nullptr;
    directory.children.erase(found);
    directory.Touch();
  }

  static int Link(const ModelPtr& inode, ModelInode& directory, const std::string& name) {
    if (inode->directory()) return EPERM;
    if (int error = MayMake(directory, name)) return error;
    if (inode->dead() && !inode->temporary) return ENOENT;
    Attach(directory, name, inode);
    return 0;
  }

  static int Remove(ModelInode& directory, const std::string& name, bool want_directory) {
    if (!directory.directory()) return ENOTDIR;
    if (int error = CheckName(name)) return error;
    auto found = directory.children.find(name);
    if (found == directory.children.end()) return ENOENT;
    if (want_directory && !found->second->directory()) return ENOTDIR;
    if (!want_directory && found->second->directory()) return EISDIR;
    if (!found->second->children.empty()) return ENOTEMPTY;
    Detach(directory, name);
    return 0;
  }

  static int Rename(ModelInode& from, const std::string& name, ModelInode& to, const std::string& new_name,
                    unsigned flags) {
    if (int error = MayRename(from, name, to, new_name, flags)) return error;
    ModelPtr moved = from.children.at(name);
    auto found = to.children.find(new_name);
    ModelPtr replaced = found == to.children.end() ? nullptr : found->second;
    if (moved == replaced) return 0;  // the same name, or two names of one file
    if ((flags & RENAME_EXCHANGE) != 0) {
      Detach(from, name);
      Detach(to, new_name);
      Attach(from, name, replaced);
      Attach(to, new_name, moved);
      return 0;
    }
    if (replaced != nullptr) Detach(to, new_name);
    Detach(from, name);
    Attach(to, new_name, moved);
    return 0;
  }

  static bool IsBelow(const ModelInode* inode, const ModelInode* ancestor) {
    for (; inode != nullptr; inode = inode->parent) {
      if (inode == ancestor) return true;
      if (inode->parent == inode) break;
    }
    return false;
  }

  // --- Attributes and data ---
  static void KillPrivileges(ModelInode& inode, bool ids) {
    if (inode.directory()) return;
    inode.xattrs.erase("security.capability");
    if (!ids) return;
    if ((inode.mode & S_IXGRP) != 0) inode.mode &= ~static_cast<mode_t>(S_ISGID);
    inode.mode &= ~static_cast<mode_t>(S_ISUID);
  }

  static void Write(ModelInode& file, std::string_view bytes, uint64_t offset) {
    if (file.data.size() < offset + bytes.size()) file.data.resize(offset + bytes.size());
    file.data.replace(offset, bytes.size(), bytes);
    file.Touch();
  }

 private:
  static int MayRename(ModelInode& from, const std::string& name, ModelInode& to, const std::string& new_name,
                       unsigned flags) {
    constexpr unsigned kKnown = RENAME_NOREPLACE | RENAME_EXCHANGE;
    if ((flags & ~kKnown) != 0 || flags == kKnown) return EINVAL;
    if (!from.directory() || !to.directory()) return ENOTDIR;
    if (int error = CheckName(name)) return error;
    if (int error = CheckName(new_name)) return error;
    auto source = from.children.find(name);
    if (source == from.children.end() || to.dead()) return ENOENT;
    auto target = to.children.find(new_name);
    const ModelInode* moved = source->second.get();
    const ModelInode* there = target == to.children.end() ? nullptr : target->second.get();
    if (there != nullptr && (flags & RENAME_NOREPLACE) != 0) return EEXIST;
    if (there == nullptr && (flags & RENAME_EXCHANGE) != 0) return ENOENT;
    if (moved->directory() && IsBelow(&to, moved)) return EINVAL;
    if ((flags & RENAME_EXCHANGE) != 0) return there->directory() && IsBelow(&from, there) ? EINVAL : 0;
    if (there == nullptr || there == moved) return 0;
    if (there->directory() && IsBelow(&from, there)) return ENOTEMPTY;
    if (moved->directory() && !there->directory()) return ENOTDIR;
    if (!moved->directory() && there->directory()) return EISDIR;
    return there->children.empty() ? 0 : ENOTEMPTY;
  }

  ModelPtr root_ = std::make_shared<ModelInode>();
};

}  // namespace wolffia
