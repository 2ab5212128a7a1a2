#include "tests/fuzz/tree_facts.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <set>
#include <vector>

#include "storage/overlay/directory_lower.h"
#include "tests/fuzz/tree_shell.h"
#include "tests/fuzz/upper_folder.h"
#include "tests/unit/index_bytes.h"

namespace wolffia {
namespace {

constexpr int64_t kRecentFrom = 1735689600;  // 2025-01-01; the small lower is older

std::string Octal(mode_t mode) {
  char text[16];
  snprintf(text, sizeof text, "%o", mode);
  return text;
}

void SetTime(FileFacts* facts, const struct timespec& mtime) {
  facts->mtime_sec = mtime.tv_sec >= kRecentFrom ? kRecent : mtime.tv_sec;
  facts->mtime_nsec = facts->mtime_sec > 0 ? mtime.tv_nsec : 0;
}

struct Walker {
  OverlayTree& tree;
  std::string* wrong;
  TreeFacts facts;
  std::map<uint64_t, std::string> first_path;  // by nodeid
  std::map<uint64_t, uint64_t> nodeid_of_ino;
  std::map<uint64_t, uint64_t> names_found;  // by nodeid
  std::vector<uint64_t> held;                // forgotten at the end: nodeids stay the same for as long

  struct Child {
    std::string name;
    Entry entry;
  };

  void Wrong(const std::string& path, const std::string& what) { *wrong += path + ": " + what + "\n"; }

  std::vector<Child> List(uint64_t nodeid, bool attributes, const std::string& path) {
    std::vector<Child> children;
    std::set<std::string> names;
    uint64_t offset = 0;
    auto listed =
        tree.ReadDirectory(nodeid, 0, attributes, [&](const char* name, const Entry& entry, uint64_t next) {
          if (next == offset) Wrong(path, "readdir does not go on after " + std::string(name));
          offset = next;
          if (!names.insert(name).second) Wrong(path, "readdir gives twice: " + std::string(name));
          if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) children.push_back({name, entry});
          return true;
        });
    if (!listed) Wrong(path, "readdir: " + std::string(strerror(listed.error())));
    if (!names.contains(".") || !names.contains("..")) Wrong(path, "readdir without . or ..");
    return children;
  }

  void Visit(uint64_t nodeid, const struct stat& st, const std::string& path) {
    FileFacts found = ReadFacts(tree, nodeid, st, wrong);
    auto [first, is_first] = first_path.emplace(nodeid, path);
    if (!is_first) found.same_as = first->second;
    auto [same_ino, new_ino] = nodeid_of_ino.emplace(found.ino, nodeid);
    if (!new_ino && same_ino->second != nodeid)
      Wrong(path, "has the inode number of " + first_path[same_ino->second]);
    ++names_found[nodeid];
    facts[path.empty() ? "/" : path] = found;
    if (!S_ISDIR(found.mode)) return;
    if (!is_first) return Wrong(path, "is a directory with two names");
    std::vector<Child> with = List(nodeid, true, path), without = List(nodeid, false, path);
    CompareListings(path, with, without);
    uint64_t subdirectories = 0;
    for (Child& child : with) {
      CheckLookup(nodeid, path, child);
      if (S_ISDIR(child.entry.st.st_mode)) ++subdirectories;
      Visit(child.entry.nodeid, child.entry.st, path + "/" + child.name);
      held.push_back(child.entry.nodeid);
    }
    if (found.nlink != 2 + subdirectories)
      Wrong(path, "has link count " + std::to_string(found.nlink) + " and " + std::to_string(subdirectories) +
                      " directories");
  }

  void CheckLookup(uint64_t directory, const std::string& path, const Child& child) {
    auto again = tree.Lookup(directory, child.name);
    if (!again)
      return Wrong(path + "/" + child.name, "is listed, but lookup: " + std::string(strerror(again.error())));
    if (again->nodeid != child.entry.nodeid)
      Wrong(path + "/" + child.name, "lookup and readdir give other nodes");
    if (again->st.st_ino != child.entry.st.st_ino || again->st.st_mode != child.entry.st.st_mode ||
        again->st.st_nlink != child.entry.st.st_nlink || again->st.st_size != child.entry.st.st_size)
      Wrong(path + "/" + child.name, "lookup and readdir give other attributes");
    auto attributes = tree.GetAttributes(again->nodeid);
    if (!attributes || attributes->st_ino != again->st.st_ino || attributes->st_mode != again->st.st_mode)
      Wrong(path + "/" + child.name, "lookup and getattr differ");
    tree.Forget(again->nodeid, 1);
  }

  void CompareListings(const std::string& path, const std::vector<Child>& with,
                       const std::vector<Child>& without) {
    bool same = with.size() == without.size();
    for (size_t i = 0; same && i < with.size(); ++i)
      same = with[i].name == without[i].name && with[i].entry.st.st_ino == without[i].entry.st.st_ino &&
             (with[i].entry.st.st_mode & S_IFMT) == (without[i].entry.st.st_mode & S_IFMT);
    if (!same) Wrong(path, "readdir with and without attributes differ");
  }

  void CheckLinkCounts() {
    for (auto& [path, found] : facts) {
      uint64_t nodeid = nodeid_of_ino[found.ino];
      if (!S_ISDIR(found.mode) && found.nlink != names_found[nodeid])
        Wrong(path, "has link count " + std::to_string(found.nlink) + " and " +
                        std::to_string(names_found[nodeid]) + " names");
    }
  }
};

}  // namespace

FileFacts ReadFacts(OverlayTree& tree, uint64_t nodeid, const struct stat& st, std::string* wrong) {
  FileFacts facts{.mode = st.st_mode,
                  .uid = st.st_uid,
                  .gid = st.st_gid,
                  .rdev = st.st_rdev,
                  .nlink = st.st_nlink,
                  .ino = st.st_ino};
  SetTime(&facts, st.st_mtim);
  auto fail = [&](const char* what, int error) {
    *wrong += "node " + std::to_string(nodeid) + ": " + what + ": " + strerror(error) + "\n";
  };
  if (S_ISREG(st.st_mode)) {
    facts.data.resize(static_cast<size_t>(st.st_size) + 64);
    auto done = tree.Read(nodeid, facts.data.data(), facts.data.size(), 0);
    if (!done) fail("read", done.error());
    facts.data.resize(done ? *done : 0);
    if (done && *done != static_cast<uint64_t>(st.st_size))
      *wrong += "node " + std::to_string(nodeid) + ": size " + std::to_string(st.st_size) + ", bytes " +
                std::to_string(*done) + "\n";
  } else if (S_ISLNK(st.st_mode)) {
    auto target = tree.ReadLink(nodeid);
    if (!target) fail("readlink", target.error());
    facts.data = target.value_or("");
    if (facts.data.size() != static_cast<uint64_t>(st.st_size)) fail("size of the link", EINVAL);
  }
  auto names = tree.ListXattrs(nodeid);
  if (!names) {
    fail("listxattr", names.error());
    return facts;
  }
  for (size_t at = 0; at < names->size();) {
    std::string name = names->c_str() + at;
    at += name.size() + 1;
    auto value = tree.GetXattr(nodeid, name);
    if (!value) fail(("getxattr " + name).c_str(), value.error());
    facts.xattrs[name] = value.value_or("");
  }
  return facts;
}

TreeFacts ReadTree(OverlayTree& tree, std::string* wrong) {
  Walker walker{.tree = tree,
                .wrong = wrong,
                .facts = {},
                .first_path = {},
                .nodeid_of_ino = {},
                .names_found = {},
                .held = {}};
  auto root = tree.GetAttributes(OverlayTree::kRoot);
  if (!root) {
    *wrong += "root: " + std::string(strerror(root.error())) + "\n";
    return {};
  }
  walker.Visit(OverlayTree::kRoot, *root, "");
  walker.CheckLinkCounts();
  for (uint64_t nodeid : walker.held) tree.Forget(nodeid, 1);
  // The first path in the order of the walk need not be the first in the order of names.
  std::map<uint64_t, std::string> first;
  for (auto& [path, facts] : walker.facts) {
    auto [it, is_first] = first.emplace(facts.ino, path);
    facts.same_as = is_first ? "" : it->second;
  }
  return std::move(walker.facts);
}

namespace {

void AddModel(const ModelInode& inode, const std::string& path, TreeFacts& facts,
              std::map<std::string, const ModelInode*>& by_path) {
  FileFacts f{.mode = inode.mode,
              .uid = inode.uid,
              .gid = inode.gid,
              .rdev = inode.rdev,
              .nlink = inode.nlink(),
              .ino = inode.shown_ino,
              .mtime_sec = inode.mtime.tv_sec,
              .mtime_nsec = inode.mtime.tv_nsec,
              .data = inode.data,
              .same_as = {},
              .xattrs = inode.xattrs};
  if (f.mtime_sec <= 0) f.mtime_nsec = 0;
  facts[path.empty() ? "/" : path] = std::move(f);
  by_path[path.empty() ? "/" : path] = &inode;
  for (auto& [name, child] : inode.children) AddModel(*child, path + "/" + name, facts, by_path);
}

}  // namespace

TreeFacts FactsOf(const PosixModel& model) {
  TreeFacts facts;
  std::map<std::string, const ModelInode*> by_path;
  AddModel(*model.root(), "", facts, by_path);
  std::map<const ModelInode*, std::string> first;
  for (auto& [path, inode] : by_path) {
    auto [it, is_first] = first.emplace(inode, path);
    if (!is_first) facts[path].same_as = it->second;
  }
  return facts;
}

std::string DescribeFacts(const FileFacts& f) {
  std::string text = Octal(f.mode) + " " + std::to_string(f.uid) + ":" + std::to_string(f.gid) + " links " +
                     std::to_string(f.nlink) + " ino " + std::to_string(f.ino) + " mtime " +
                     std::to_string(f.mtime_sec) + "." + std::to_string(f.mtime_nsec);
  if (f.rdev != 0) text += " rdev " + std::to_string(f.rdev);
  if (!f.same_as.empty()) text += " same as " + f.same_as;
  text += " size " + std::to_string(f.data.size()) + " \"" + f.data.substr(0, 24) + "\"";
  for (auto& [name, value] : f.xattrs) text += " " + name + "(" + std::to_string(value.size()) + ")";
  return text;
}

std::string Difference(const TreeFacts& expected, const TreeFacts& actual, Compared how) {
  std::string text;
  auto differ = [&](const FileFacts& e, const FileFacts& a) {
    if (e.mode != a.mode || e.uid != a.uid || e.gid != a.gid || e.rdev != a.rdev) return true;
    if (e.nlink != a.nlink && how.link_counts) return true;
    if (e.data != a.data || e.same_as != a.same_as || e.xattrs != a.xattrs) return true;
    bool ino_told = how.inos ? e.ino != 0 : e.ino < kSmallLowerInos || a.ino < kSmallLowerInos;
    if (ino_told && e.ino != a.ino) return true;
    if (S_ISDIR(e.mode) && !how.directory_times) return false;
    if (e.mtime_sec == kAnyTime || a.mtime_sec == kAnyTime) return false;
    return e.mtime_sec != a.mtime_sec || e.mtime_nsec != a.mtime_nsec;
  };
  for (auto& [path, facts] : expected) {
    auto found = actual.find(path);
    if (found == actual.end())
      text += "missing " + path + ": " + DescribeFacts(facts) + "\n";
    else if (differ(facts, found->second))
      text += path + ":\n  expected " + DescribeFacts(facts) + "\n  found    " +
              DescribeFacts(found->second) + "\n";
  }
  for (auto& [path, facts] : actual)
    if (!expected.contains(path)) text += "unexpected " + path + ": " + DescribeFacts(facts) + "\n";
  return text;
}

namespace {

std::string CapabilityValue() {
  struct vfs_cap_data data{};
  data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  data.data[0].permitted = 1u << 13;
  return {reinterpret_cast<const char*>(&data), XATTR_CAPS_SZ_2};
}

std::string Pattern(size_t size, char first) {
  std::string bytes(size, ' ');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(first + static_cast<int>(i % 23));
  return bytes;
}

IndexBytes SmallTree() {
  IndexBytes t;
  for (const char* directory : {"a", "a/b", "a/b/c", "a/b/c/d", "bin", "empty", "etc", "etc/conf", "var"})
    t.Directory(directory);
  t.nodes[t.Directory("shared", 02775)].gid = 7;
  t.nodes[t.Directory("tmp", 01777)].uid = 3;
  t.nodes[t.Directory("closed", 0)].uid = 9;
  t.File("a/f", "the first file");
  t.File("a/b/f", Pattern(5000, 'a'));
  t.File("a/b/c/d/deep", "deep down");
  t.File("closed/secret", "s", 0);
  t.File("empty.txt", "");
  uint32_t twice = t.File("etc/one", Pattern(700, 'h'));
  t.HardLink("etc/two", twice);
  t.HardLink("a/b/three", twice);
  uint32_t pair = t.File("bin/tool", Pattern(9000, 'A'), 04755);
  t.HardLink("bin/tool2", pair);
  uint32_t capable = t.File("bin/ping", Pattern(300, 'p'), 0755);
  t.Xattr(capable, "security.capability", CapabilityValue());
  uint32_t noted = t.File("etc/noted", "with notes", 0640);
  t.nodes[noted].uid = 5;
  t.nodes[noted].gid = 6;
  t.Xattr(noted, "user.a", "lower value");
  t.Xattr(noted, "user.long", std::string(180, 'x'));
  uint32_t marked = t.Directory("var/marked", 0700);
  t.Xattr(marked, "user.a", "of a directory");
  t.File("var/marked/x", "x");
  t.Symlink("a/link", "../etc/one");
  uint32_t link = t.Symlink("link", "a/b");
  t.nodes[link].uid = 4;
  uint32_t link_name = t.Symlink("etc/l1", std::string(200, 'l'));
  t.HardLink("var/l2", link_name);
  t.Device("var/fifo", S_IFIFO | 0620, 0);
  t.Device("var/null", S_IFCHR | 0666, makedev(1, 3));
  t.Sparse("var/sparse", 70000, {{4096, Pattern(100, 's')}, {65536, Pattern(4464, 't')}});
  t.File(std::string("var/") + std::string(255, 'n'), "a long name");
  t.File("etc/.wh.x", "not a whiteout");
  return t;
}

ModelPtr ModelOfNode(LowerSource& lower, LowerId id, std::map<LowerId, ModelPtr>& made) {
  ModelPtr& inode = made[id];
  if (inode != nullptr) return inode;
  inode = std::make_shared<ModelInode>();
  struct stat st = *lower.Stat(id);
  inode->mode = st.st_mode;
  inode->uid = st.st_uid;
  inode->gid = st.st_gid;
  inode->rdev = st.st_rdev;
  if (st.st_mtim.tv_sec < kRecentFrom) inode->mtime = st.st_mtim;
  inode->shown_ino = st.st_ino;
  if (S_ISLNK(st.st_mode)) inode->data = *lower.ReadLink(id);
  if (S_ISREG(st.st_mode)) {
    inode->data.resize(static_cast<size_t>(st.st_size));
    (void)*lower.Read(id, inode->data.data(), inode->data.size(), 0);
  }
  for (const std::string& name : lower.XattrNames(id)) inode->xattrs[name] = *lower.Xattr(id, name);
  return inode;
}

void FillDirectory(LowerSource& lower, LowerId directory, const ModelPtr& model,
                   std::map<LowerId, ModelPtr>& made) {
  LowerEntry entry;
  for (uint64_t at = 0; lower.EntryAt(directory, at, &entry); at = entry.position + 1) {
    ModelPtr child = ModelOfNode(lower, entry.id, made);
    model->children[std::string(entry.name)] = child;
    ++child->names;
    if (!child->directory()) continue;
    child->parent = model.get();
    FillDirectory(lower, entry.id, child, made);
  }
}

}  // namespace

namespace {

void FillModel(LowerSource& source, PosixModel* model) {
  std::map<LowerId, ModelPtr> made;
  *model->root() = *ModelOfNode(source, kLowerRoot, made);
  model->root()->names = 1;
  model->root()->parent = model->root().get();
  FillDirectory(source, kLowerRoot, model->root(), made);
}

std::unique_ptr<LowerSource> MakeLayers(std::vector<const UpperFolder*> folders) {
  std::vector<Fd> layers;
  struct stat st{};
  for (const UpperFolder* folder : folders) {
    layers.push_back(std::move(*OpenDirectory(AT_FDCWD, folder->upper())));
    (void)fstat(layers.back().get(), &st);
  }
  auto made = MakeDirectoryLower(std::move(layers), {.ids = UpperIds::kOverride, .upper_device = st.st_dev});
  if (!made) {
    fprintf(stderr, "small directory lower: %s\n", made.error().what.c_str());
    abort();
  }
  return std::move(*made);
}

// What the lines make becomes the content of the folder's upper.
void DropLines(const UpperFolder& folder, std::unique_ptr<LowerSource> lower, const char* lines) {
  if (lower == nullptr) {
    auto index = LowerIndex::FromBytes(IndexBytes().Seal().Build());
    lower = MakeIndexLower(std::make_shared<Lower>(std::move(*index), std::vector<Fd>()), IdView());
  }
  auto tree = folder.Open({.durable = false, .step = {}}, {}, std::move(lower));
  std::string wrong = tree ? RunLines(**tree, SplitLines(lines)) : tree.error().what;
  if (wrong.empty()) return;
  fprintf(stderr, "small directory lower: %s\n", wrong.c_str());
  abort();
}

std::shared_ptr<const Lower> OpenSmallTree() {
  IndexBytes bytes = SmallTree().Seal();
  auto index = LowerIndex::FromBytes(bytes.Build());
  if (!index) {
    fprintf(stderr, "small lower: %s\n", index.error().what.c_str());
    abort();
  }
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  (void)WriteFull(tars[0].get(), bytes.tar);
  return std::make_shared<Lower>(std::move(*index), std::move(tars));
}

}  // namespace

std::unique_ptr<LowerSource> MakeSmallLower(PosixModel* model) {
  static const std::shared_ptr<const Lower> lower = OpenSmallTree();
  auto source = MakeIndexLower(lower, IdView());
  if (model != nullptr) FillModel(*source, model);
  return source;
}

std::unique_ptr<LowerSource> MakeSmallDirectoryLower(PosixModel* model) {
  static const UpperFolder below, above;
  static const bool made = [] {
    DropLines(
        below, nullptr,
        "mkdir /a 755; mkdir /a/b 755; mkdir /a/b/c 700; mkdir /bin 755; mkdir /empty 755; mkdir /etc 755;"
        "mkdir /gone 755; create /a/f 644; write /a/f 0 first; create /a/b/f 600; write /a/b/f 0 5000*b;"
        "create /etc/one 640; write /etc/one 0 700*h; ln /etc/one /etc/two; ln /etc/one /a/b/three;"
        "create /bin/tool 4755; write /bin/tool 0 900*t; create /gone/x 644; create /f 600; chown /f 5 6");
    DropLines(
        above, MakeLayers({&below}),
        "rm /gone/x; rmdir /gone; rm /f; mkdir /f 755; create /f/new 644; mkdir /tmp 1777; chown /tmp 3 3;"
        "symlink a/b /link; chown /link 4 4; symlink etc/one /a/link; mknod /fifo 10620; append /a/f more;"
        "set /a/b/f user.a value; set /bin/tool security.capability 20*c; mkdir /a/b/c/d 755; mv /a/b/c /c");
    return true;
  }();
  (void)made;
  auto source = MakeLayers({&above, &below});
  if (model != nullptr) FillModel(*source, model);
  return source;
}

}  // namespace wolffia
