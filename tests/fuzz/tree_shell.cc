#include "tests/fuzz/tree_shell.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <sstream>

namespace wolffia {
namespace {

// A path that has been looked up, as the kernel holds one while it works on it.
class Path {
 public:
  Path(OverlayTree& tree, const std::string& path) : tree_(tree) {
    held_.push_back(OverlayTree::kRoot);
    std::istringstream parts(path);
    for (std::string part; error_ == 0 && std::getline(parts, part, '/');) {
      if (part.empty()) continue;
      if (!name_.empty()) Enter();
      name_ = part;
    }
  }
  ~Path() {
    for (size_t i = 1; i < held_.size(); ++i) tree_.Forget(held_[i], 1);
  }
  Path(const Path&) = delete;
  int error() const { return error_; }
  uint64_t parent() const { return held_.back(); }
  const std::string& name() const { return name_; }
  // The node itself; 0 if there is none.
  uint64_t Node() {
    if (!name_.empty() && error_ == 0) Enter();
    name_.clear();
    return error_ == 0 ? held_.back() : 0;
  }
  void Keep() { held_.resize(1); }

 private:
  void Enter() {
    auto entry = tree_.Lookup(held_.back(), name_);
    if (entry)
      held_.push_back(entry->nodeid);
    else
      error_ = entry.error();
  }
  OverlayTree& tree_;
  std::vector<uint64_t> held_;
  std::string name_;
  int error_ = 0;
};

std::string Text(const std::string& word) {  // "300*x" or itself
  size_t star = word.find('*');
  if (star == word.npos) return word;
  return std::string(std::stoul(word), word[star + 1]);
}

template <typename T>
int ErrnoOf(const Sys<T>& result) {
  return result ? 0 : result.error();
}

int ForgetMade(OverlayTree& tree, const Sys<Entry>& made) {
  if (!made) return made.error();
  tree.Forget(made->nodeid, 1);
  return 0;
}

mode_t Octal(const std::string& word) {
  return static_cast<mode_t>(std::stoul(word, nullptr, 8));
}

int WriteText(OverlayTree& tree, uint64_t node, const std::string& text, uint64_t offset) {
  auto written = tree.Write(node, text.data(), text.size(), offset, false);
  return !written ? written.error() : *written == text.size() ? 0 : EIO;
}

int Temporary(OverlayTree& tree, Path& directory, Path& target, const std::string& text) {
  auto made = tree.MakeTemporary(directory.Node(), S_IFREG | 0600, {});
  if (!made) return made.error();
  int error = WriteText(tree, made->nodeid, text, 0);
  if (error == 0) error = ForgetMade(tree, tree.Link(made->nodeid, target.parent(), target.name()));
  tree.Forget(made->nodeid, 1);
  return error;
}

int Make(OverlayTree& tree, Path& at, mode_t mode, const std::string& target = "") {
  dev_t device = S_ISCHR(mode) ? makedev(1, 7) : 0;
  return ForgetMade(
      tree, tree.MakeNode(at.parent(), at.name(), {.mode = mode, .rdev = device, .target = target}, {}));
}

struct Words {
  std::string verb, first, second, third;
};

int OnNames(OverlayTree& tree, const Words& w) {
  Path at(tree, w.first), to(tree, w.second);
  if (at.error() != 0) return at.error();
  if (w.verb == "create") return Make(tree, at, S_IFREG | Octal(w.second));
  if (w.verb == "mkdir") return Make(tree, at, S_IFDIR | Octal(w.second));
  if (w.verb == "mknod") return Make(tree, at, Octal(w.second));
  if (w.verb == "rm") return ErrnoOf(tree.Unlink(at.parent(), at.name()));
  if (w.verb == "rmdir") return ErrnoOf(tree.RemoveDirectory(at.parent(), at.name()));
  if (to.error() != 0) return to.error();
  if (w.verb == "symlink") return Make(tree, to, S_IFLNK | 0777, w.first);
  if (w.verb == "tmpfile") return Temporary(tree, at, to, Text(w.third));
  if (w.verb == "ln") return ForgetMade(tree, tree.Link(at.Node(), to.parent(), to.name()));
  unsigned flags = w.verb == "swap" ? RENAME_EXCHANGE : w.verb == "mvnew" ? RENAME_NOREPLACE : 0;
  if (flags == 0 && w.verb != "mv") return EINVAL;
  return ErrnoOf(tree.Rename(at.parent(), at.name(), to.parent(), to.name(), flags));
}

int OnAttributes(OverlayTree& tree, const Words& w, uint64_t node) {
  SetAttributesRequest request;
  if (w.verb == "chmod") request.mode = Octal(w.second);
  if (w.verb == "chown") {
    request.uid = static_cast<uid_t>(std::stoul(w.second));
    request.gid = static_cast<gid_t>(std::stoul(w.third));
  }
  if (w.verb == "touch") request.mtime = {std::stol(w.second), 12345};
  if (w.verb == "truncate") request.size = std::stoul(w.second);
  return ErrnoOf(tree.SetAttributes(node, request));
}

int OnNode(OverlayTree& tree, const Words& w) {
  Path at(tree, w.first);
  uint64_t node = at.Node();
  if (node == 0) return at.error();
  if (w.verb == "open") return at.Keep(), 0;
  if (w.verb == "write") return WriteText(tree, node, Text(w.third), std::stoul(w.second));
  if (w.verb == "append") {
    auto st = tree.GetAttributes(node);
    return st ? WriteText(tree, node, Text(w.second), static_cast<uint64_t>(st->st_size)) : st.error();
  }
  if (w.verb == "punch")
    return ErrnoOf(tree.Allocate(node, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, std::stoul(w.second),
                                 std::stoul(w.third)));
  if (w.verb == "set") return ErrnoOf(tree.SetXattr(node, w.second, Text(w.third), 0, false));
  if (w.verb == "unset") return ErrnoOf(tree.RemoveXattr(node, w.second));
  if (w.verb == "sync") return ErrnoOf(tree.Sync(node, false));
  if (w.verb == "syncdir") return ErrnoOf(tree.SyncDirectory(node));
  return OnAttributes(tree, w, node);
}

}  // namespace

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line, ';');) {
    size_t start = line.find_first_not_of(' ');
    if (start != line.npos) lines.push_back(line.substr(start));
  }
  return lines;
}

int RunLine(OverlayTree& tree, const std::string& line) {
  Words w;
  std::istringstream in(line);
  in >> w.verb >> w.first >> w.second >> w.third;
  if (w.verb == "syncall") return ErrnoOf(tree.SyncAll());
  for (const char* verb :
       {"create", "mkdir", "mknod", "symlink", "tmpfile", "ln", "rm", "rmdir", "mv", "mvnew", "swap"})
    if (w.verb == verb) return OnNames(tree, w);
  for (const char* verb : {"write", "append", "truncate", "punch", "chmod", "chown", "touch", "set", "unset",
                           "sync", "syncdir", "open"})
    if (w.verb == verb) return OnNode(tree, w);
  fprintf(stderr, "no such operation: %s\n", line.c_str());
  abort();
}

std::string RunLines(OverlayTree& tree, const std::vector<std::string>& lines) {
  std::string wrong;
  for (const std::string& line : lines)
    if (int error = RunLine(tree, line); error != 0) wrong += line + ": " + strerror(error) + "\n";
  return wrong;
}

}  // namespace wolffia
