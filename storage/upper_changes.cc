#include "storage/upper_changes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <vector>

#include "engine/base/file.h"
#include "storage/overlay/layer_path.h"
#include "storage/overlay/upper_object.h"

namespace wolffia {
namespace {

// One directory that is being compared. Those above it wait, without descriptors: a container's tree may be
// deeper than this process may open.
struct Level {
  std::string path;         // "" for the root, else "/a/b"
  uint32_t node = kNoNode;  // in the lower; kNoNode: it has no such directory
  bool in_upper = false;    // the upper's directory says what to look at
  std::vector<std::string> names;
  size_t next = 0;
  // Of the directory itself, which is reported after what is in it.
  bool added = false, changed = false, only_time = false;
  bool has_changes = false, has_made = false;
};

class Comparison {
 public:
  Comparison(const ChangesOf& of, const std::function<Result<>(ChangeKind, const std::string&)>& found)
      : of_(of), found_(found) {}

  Result<> Run() {
    TRY(Enter({.path = "", .node = 0, .in_upper = of_.upper >= 0}));
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next < level.names.size()) {
        const std::string name = std::move(level.names[level.next++]);
        TRY(Compare(level, name));
      } else {
        TRY(Leave());
      }
    }
    return {};
  }

 private:
  Result<> Enter(Level level);
  Result<> Leave();
  Result<> Compare(Level& level, const std::string& name);
  Result<> Report(Level& level, ChangeKind kind, const std::string& path);
  bool SameAttributes(const struct stat& st, const IndexNode& node, bool* only_time) const;
  Result<Fd> Open(int top, const std::string& path) const {
    return OpenWithoutLinks(top, path.empty() ? "." : path.substr(1), O_RDONLY | O_DIRECTORY);
  }

  const ChangesOf& of_;
  const std::function<Result<>(ChangeKind, const std::string&)>& found_;
  std::vector<Level> levels_;
  std::string open_path_;  // of the two descriptors
  Fd merged_, upper_;
};

// True if only what the upper's directory holds can differ from the lower's of the same path.
bool ShinesThrough(int upper) {
  for (const char* name : {kOpaqueXattr, kRedirectXattr})
    if (fgetxattr(upper, name, nullptr, 0) >= 0) return false;
  return true;
}

bool IsGone(const Error& error) {
  return error.os_errno == ENOENT || error.os_errno == ENOTDIR || error.os_errno == ELOOP;
}

bool SameType(const struct stat& st, const IndexNode& node) {
  return (st.st_mode & S_IFMT) == (node.mode & S_IFMT);
}

// What has to be looked at: the names of the upper where it shines through, else those of both trees.
Result<> Comparison::Enter(Level level) {
  auto merged = Open(of_.root, level.path);
  if (!merged && IsGone(merged.error())) return {};
  merged_ = TRY(std::move(merged));
  open_path_ = level.path;
  upper_.Reset();
  if (level.in_upper) {
    auto upper = Open(of_.upper, level.path);
    if (!upper && !IsGone(upper.error())) return std::unexpected(std::move(upper.error()));
    if (upper) upper_ = std::move(*upper);
    level.in_upper = upper.has_value() && ShinesThrough(upper_.get());
  }
  std::set<std::string> names;
  for (std::string& name : TRY(ListDirectory(level.in_upper ? upper_.get() : merged_.get(), ".")))
    names.insert(std::move(name));
  if (!level.in_upper && level.node != kNoNode)
    for (const IndexDirent& dirent : of_.lower.Dirents(of_.lower.node(level.node)))
      names.emplace(of_.lower.Name(dirent));
  level.names.assign(names.begin(), names.end());
  levels_.push_back(std::move(level));
  return {};
}

// The directory itself, now that it is known what is in it.
Result<> Comparison::Leave() {
  Level level = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty()) return {};  // the root is never listed
  Level& above = levels_.back();
  const bool only_made = level.has_made && !level.has_changes;
  if (only_made && (level.added || level.only_time)) {
    above.has_made = true;
    return {};
  }
  if (level.added) return Report(above, ChangeKind::kAdded, level.path);
  if (level.changed) return Report(above, ChangeKind::kChanged, level.path);
  return {};
}

Result<> Comparison::Report(Level& level, ChangeKind kind, const std::string& path) {
  level.has_changes = true;
  if (kind != ChangeKind::kChanged) level.changed = true;  // it got or lost a name, whatever its times say
  return found_(kind, path);
}

bool Comparison::SameAttributes(const struct stat& st, const IndexNode& node, bool* only_time) const {
  const bool same = (st.st_mode & 07777) == (node.mode & 07777) && st.st_uid == of_.ids.Uid(node.uid) &&
                    st.st_gid == of_.ids.Gid(node.gid);
  const bool same_time =
      st.st_mtim.tv_sec == node.mtime_sec && st.st_mtim.tv_nsec == static_cast<long>(node.mtime_nsec);
  *only_time = same && !same_time;
  return same && same_time;
}

Result<> Comparison::Compare(Level& level, const std::string& name) {
  const std::string path = level.path + "/" + name;
  if (open_path_ != level.path) {  // we were in a directory below
    auto merged = Open(of_.root, level.path);
    if (!merged && IsGone(merged.error())) return {};
    merged_ = TRY(std::move(merged));
    open_path_ = level.path;
  }
  uint32_t lower = level.node == kNoNode ? kNoNode : of_.lower.Lookup(level.node, name);
  struct stat st;
  if (fstatat(merged_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return FailErrno("stat " + Printable(path));
    return lower == kNoNode ? Result<>() : Report(level, ChangeKind::kDeleted, path);
  }
  const IndexNode* node = lower == kNoNode ? nullptr : &of_.lower.node(lower);
  if (node == nullptr && of_.made_for.contains(path)) {
    level.has_made = true;
    return {};
  }
  bool only_time = false;
  const bool same_type = node != nullptr && SameType(st, *node);
  const bool same = same_type && SameAttributes(st, *node, &only_time);
  if (S_ISDIR(st.st_mode))
    return Enter({.path = path,
                  .node = same_type ? lower : kNoNode,
                  .in_upper = level.in_upper,
                  .added = node == nullptr,
                  .changed = !same,
                  .only_time = only_time});
  if (node == nullptr) return Report(level, ChangeKind::kAdded, path);
  // A file in the upper was written, if only by the same bytes; elsewhere its attributes have to tell.
  const bool same_size = !S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) == node->size;
  if (!level.in_upper && same && same_size) return {};
  return Report(level, ChangeKind::kChanged, path);
}

}  // namespace

Result<> FindChanges(const ChangesOf& of,
                     const std::function<Result<>(ChangeKind, const std::string& path)>& found) {
  return Comparison(of, found).Run();
}

}  // namespace wolffia
