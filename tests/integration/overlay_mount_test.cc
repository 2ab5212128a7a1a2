// The FUSE server really mounted, by an ordinary user: what the kernel shows is what the index says; the
// kernel's overlayfs works on top; a server that ends leaves errors, not processes that hang.
#include "tests/integration/overlay_mount.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

const IdView kOneId({{0, 1}}, {{0, 1}});

std::string Pattern(size_t size) {
  std::string text;
  text.reserve(size + 8);
  for (uint32_t i = 0; text.size() < size; ++i) text += std::to_string(i * 2654435761u);
  text.resize(size);
  return text;
}

IndexBytes Tree() {
  IndexBytes t;
  t.Directory("etc");
  t.nodes[t.File("etc/passwd", "root:x:0:0::/root:/bin/sh\n")].uid = 1234;
  t.Directory("usr");
  t.Directory("usr/bin");
  uint32_t dash = t.File("usr/bin/dash", Pattern(123457), 04755);
  t.HardLink("usr/bin/sh", dash);
  t.Symlink("bin", "usr/bin");
  t.Symlink("long", std::string(4000, 'x'));
  t.Directory("empty");
  t.Directory("many");
  for (int i = 0; i < 3000; ++i) t.File("many/file-" + std::to_string(i), std::to_string(i));
  t.File("many/" + std::string(255, 'n'), "");
  t.File("many/\xff\xfe odd \n name", "odd");
  t.File("big", Pattern(3 << 20));
  t.Sparse("sparse", 1 << 20, {{100, "abc"}, {500000, Pattern(200000)}});
  t.Device("null", S_IFCHR | 0666, makedev(1, 3));
  t.Device("disk", S_IFBLK | 0660, makedev(300, 70000));
  t.Device("fifo", S_IFIFO | 0600, 0);
  t.Device("socket", S_IFSOCK | 0755, 0);
  t.Directory("private", 0700);
  std::string deep = "d";
  t.Directory(deep);
  for (int i = 0; i < 100; ++i) t.Directory(deep += "/d");
  t.File(deep + "/bottom", "bottom");
  return t;
}

std::shared_ptr<const Lower> Open(IndexBytes& t, IndexCheck check = IndexCheck::kFull) {
  auto index = LowerIndex::FromBytes(t.Seal().Build(), check);
  EXPECT_TRUE(index) << index.error().what;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(tars[0].get(), t.tar));
  return std::make_shared<Lower>(std::move(*index), std::move(tars));
}

// Compares a mounted tree with its index, everything that a process can ask for.
class Comparison {
 public:
  Comparison(const Lower& lower, IdView ids) : lower_(lower), ids_(std::move(ids)) {}

  void Walk(const std::string& path, uint32_t node) {
    struct stat st;
    if (lstat(path.c_str(), &st) != 0) return Say(path, "lstat", errno);
    CompareStat(path, node, st);
    CompareXattrs(path, node);
    if (S_ISDIR(st.st_mode)) CompareNames(path, node);
    if (S_ISREG(st.st_mode)) CompareBytes(path, node);
    if (S_ISLNK(st.st_mode)) {
      char target[5000];
      ssize_t n = readlink(path.c_str(), target, sizeof target);
      if (n < 0 || std::string_view(target, static_cast<size_t>(n)) != index().Target(index().node(node)))
        Say(path, "readlink", errno);
    }
  }
  std::string report;
  int seen = 0;

 private:
  const LowerIndex& index() const { return lower_.index(); }
  void Say(const std::string& path, const char* what, int error = 0) {
    report += path + ": " + what + (error != 0 ? std::string(": ") + strerror(error) : "") + "\n";
  }

  void CompareStat(const std::string& path, uint32_t n, const struct stat& st) {
    const IndexNode& node = index().node(n);
    ++seen;
    if (st.st_mode != node.mode) Say(path, "mode");
    if (st.st_ino != n + 1ull) Say(path, "ino");
    if (st.st_nlink != node.nlink) Say(path, "nlink");
    if (st.st_uid != ids_.Uid(node.uid) || st.st_gid != ids_.Gid(node.gid)) Say(path, "owner");
    if (!S_ISDIR(node.mode) && static_cast<uint64_t>(st.st_size) != node.size) Say(path, "size");
    if (st.st_mtim.tv_sec != node.mtime_sec || st.st_mtim.tv_nsec != node.mtime_nsec) Say(path, "mtime");
    if ((S_ISCHR(node.mode) || S_ISBLK(node.mode)) && st.st_rdev != node.data) Say(path, "rdev");
  }
  void CompareNames(const std::string& path, uint32_t n) {
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) return Say(path, "opendir", errno);
    std::set<std::string> names;
    while (dirent* d = readdir(dir)) {
      std::string name = d->d_name;
      uint32_t child = name == "." ? n : name == ".." ? index().node(n).parent : index().Lookup(n, name);
      if (!names.insert(name).second) Say(path + "/" + name, "name shown twice");
      if (child == kNoNode) Say(path + "/" + name, "name that should not be");
      if (d->d_ino != child + 1ull) Say(path + "/" + name, "d_ino");
      if (d->d_type != IFTODT(index().node(child).mode)) Say(path + "/" + name, "d_type");
    }
    closedir(dir);
    auto dirents = index().Dirents(index().node(n));
    if (names.size() != dirents.size() + 2) Say(path, "number of names");
    for (const IndexDirent& d : dirents) Walk(path + "/" + std::string(index().Name(d)), d.node);
  }
  void CompareBytes(const std::string& path, uint32_t n) {
    const IndexNode& node = index().node(n);
    std::string want(node.size, '\0');
    (void)lower_.Read(node, want.data(), want.size(), 0);
    auto got = ReadFile(path, 64 << 20);
    if (!got || *got != want) return Say(path, "content");
    auto fd = ::wolffia::Open(path, O_RDONLY);
    for (size_t at : {size_t{1}, size_t{4097}, want.size() / 2, want.size() + 5}) {
      char buffer[1000];
      ssize_t size = pread(fd->get(), buffer, sizeof buffer, static_cast<off_t>(at));
      std::string part = at < want.size() ? want.substr(at, sizeof buffer) : "";
      if (size < 0 || std::string_view(buffer, static_cast<size_t>(size)) != part) Say(path, "pread");
    }
  }
  void CompareXattrs(const std::string& path, uint32_t n) {
    char names[1000];
    ssize_t size = llistxattr(path.c_str(), names, sizeof names);
    if (size < 0 && errno == ENOTSUP) size = 0;
    if (size < 0) return Say(path, "listxattr", errno);
    std::string want, got(names, static_cast<size_t>(size));
    for (const IndexXattr& x : index().Xattrs(index().node(n))) {
      std::string name(index().XattrName(x));
      if (!name.starts_with("user.x")) continue;
      want += name + '\0';
      char value[1000];
      ssize_t length = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
      if (length < 0 || std::string_view(value, static_cast<size_t>(length)) != index().XattrValue(x))
        Say(path, "getxattr", errno);
    }
    if (want != got) Say(path, "names of xattrs");
  }

  const Lower& lower_;
  IdView ids_;
};

class Mounted : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(mkdir((dir_ / "mnt").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((dir_ / "upper").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((dir_ / "work").c_str(), 0700), 0);
    ASSERT_EQ(mkdir((dir_ / "root").c_str(), 0700), 0);
  }
  Served Serve(std::shared_ptr<const Lower> lower, const Body& body, const Outside& outside = nullptr) {
    return ServeInNamespace(std::move(lower), kOneId, dir_ / "mnt", body, outside);
  }
  // Empty, or why it cannot be mounted. In the child.
  std::string MountOverlay() {
    std::string options =
        "userxattr,lowerdir=" + dir_ / "mnt" + ",upperdir=" + dir_ / "upper" + ",workdir=" + dir_ / "work";
    if (mount("overlay", (dir_ / "root").c_str(), "overlay", 0, options.c_str()) != 0)
      return std::string("mount overlay: ") + strerror(errno);
    return "";
  }
  TempDir dir_;
};

#define SKIP_IF_UNSUPPORTED(served) \
  if (!(served).unsupported.empty()) GTEST_SKIP() << (served).unsupported

TEST_F(Mounted, ShowsWhatTheIndexSays) {
  IndexBytes t = Tree();
  auto lower = Open(t);
  auto walk = [&](const std::string& mnt, int) {
    Comparison first(*lower, kOneId), again(*lower, kOneId);
    first.Walk(mnt, 0);
    again.Walk(mnt, 0);
    if (first.seen < 3000) first.report += "walked too little\n";
    struct statvfs fs;
    if (statvfs(mnt.c_str(), &fs) != 0 || fs.f_files != t.nodes.size() || fs.f_namemax != 255)
      first.report += "statfs\n";
    if (open((mnt + "/new").c_str(), O_CREAT | O_WRONLY, 0600) >= 0 || errno != EROFS)
      first.report += "create\n";
    if (access((mnt + "/missing").c_str(), F_OK) == 0 || access((mnt + "/missing").c_str(), F_OK) == 0)
      first.report += "missing\n";
    return first.report + again.report;
  };
  Served served = Serve(lower, walk);
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
  // What the kernel was told to remember: one question each, whatever the number of files.
  EXPECT_EQ(served.Count("open"), 1u);
  EXPECT_LE(served.Count("opendir"), 1u);
  EXPECT_LE(served.Count("flush"), 1u);
  EXPECT_EQ(served.Count("getxattr") + served.Count("listxattr"), 1u);
  EXPECT_LE(served.Count("lookup"), 10u);  // names come with the listings; the missing one is asked for once
  EXPECT_LE(served.Count("getattr"), 10u);
  EXPECT_LE(served.Count("readlink"), 2u);
}

TEST_F(Mounted, ShowsXattrsOfImagesThatHaveThem) {
  IndexBytes t = Tree();
  t.Xattr(2, "user.xone", "1");
  t.Xattr(2, "user.overlay.redirect", "/etc/shadow");
  t.Xattr(2, "user.xtwo", "");
  t.Xattr(1, "user.xdir", std::string(500, 'v'));
  auto lower = Open(t);
  Served served = Serve(lower, [&](const std::string& mnt, int) {
    Comparison c(*lower, kOneId);
    c.Walk(mnt, 0);
    return c.report;
  });
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
}

TEST_F(Mounted, CarriesTheKernelsOverlayfs) {
  IndexBytes t = Tree();
  t.Xattr(2, "user.xone", "1");
  t.Xattr(2, "user.overlay.metacopy", "");
  t.Device("wh", S_IFCHR, 0);
  t.File("redirect", "own content");
  auto lower = Open(t);
  std::string skip;
  Served served = Serve(lower, [&](const std::string& mnt, int) -> std::string {
    if (std::string error = MountOverlay(); !error.empty()) return "cannot: " + error;
    std::string root = dir_ / "root";
    std::string report;
    auto check = [&](bool ok, const char* what) {
      if (!ok) report += std::string(what) + ": " + strerror(errno) + "\n";
    };
    auto append = [&](const std::string& path) {
      auto fd = ::wolffia::Open(path, O_WRONLY | O_APPEND);
      return fd && WriteFull(fd->get(), "more\n");
    };
    check(CreateFileAt(AT_FDCWD, root + "/etc/new", "new", 0644).has_value(), "create");
    check(append(root + "/etc/passwd"), "copy up");
    check(*ReadFile(root + "/etc/passwd", 1000) == "root:x:0:0::/root:/bin/sh\nmore\n", "copied content");
    check(getxattr((root + "/etc/passwd").c_str(), "user.xone", nullptr, 0) == 1, "copied xattr");
    check(append(root + "/sparse"), "copy up of a sparse file");
    auto sparse = ReadFile(root + "/sparse", 2 << 20);
    check(sparse && sparse->size() == (1 << 20) + 5 && sparse->substr(500000, 200000) == Pattern(200000),
          "sparse");
    check(append(root + "/big"), "copy up of a big file");
    auto big = ReadFile(root + "/big", 4 << 20);
    check(big && *big == Pattern(3 << 20) + "more\n", "big content");
    check(chmod((root + "/usr/bin/dash").c_str(), 0700) == 0, "chmod");
    check(rename((root + "/etc/passwd").c_str(), (root + "/etc/moved").c_str()) == 0,
          "rename of a copied file");
    check(rename((root + "/many/file-1").c_str(), (root + "/file-1").c_str()) == 0, "rename of a lower file");
    check(access((root + "/many/file-1").c_str(), F_OK) != 0, "old name is gone");
    check(*ReadFile(root + "/file-1", 10) == "1", "renamed content");
    check(symlink("x", (root + "/newlink").c_str()) == 0 && unlink((root + "/newlink").c_str()) == 0,
          "symlink");
    check(mkdir((root + "/a").c_str(), 0755) == 0, "mkdir");
    check(rename((root + "/a").c_str(), (root + "/b").c_str()) == 0, "rename of a directory");
    for (const char* gone : {"many", "d", "usr", "empty"}) {
      check(RemoveTreeAt(AT_FDCWD, root + "/" + gone).has_value(), gone);
      check(access((root + "/" + gone).c_str(), F_OK) != 0, "it is gone");
    }
    check(mkdir((root + "/many").c_str(), 0755) == 0, "made again");
    check(ListDirectory(AT_FDCWD, root + "/many")->empty(), "is empty");
    // A 0:0 device of the image hides its own name, no more; the xattrs that steer overlayfs never arrive.
    check(access((root + "/wh").c_str(), F_OK) != 0, "a device 0:0 is a whiteout");
    check(CreateFileAt(AT_FDCWD, root + "/wh", "x", 0644).has_value(), "its name can be used");
    check(*ReadFile(root + "/redirect", 100) == "own content", "redirect");
    Comparison untouched(*lower, kOneId);
    untouched.Walk(mnt, 0);
    return report + untouched.report;
  });
  SKIP_IF_UNSUPPORTED(served);
  if (served.report.starts_with("report: cannot: ")) GTEST_SKIP() << served.report;
  EXPECT_EQ(served.report, "");
}

TEST_F(Mounted, SurvivesAHostileIndex) {
  IndexBytes t = Tree();
  t.Seal();
  // A directory that holds itself, its parent and the root; names that are none; nodes out of bounds; bad
  // places.
  uint32_t etc = 1;
  size_t run = t.nodes[etc].data;
  t.nodes[etc].data = t.dirents.size();
  auto add = [&](std::string_view name, uint32_t node) {
    t.dirents.push_back(
        {.name_offset = t.String(name), .name_size = static_cast<uint32_t>(name.size()), .node = node});
    ++t.nodes[etc].count;
  };
  (void)run;
  t.nodes[etc].count = 0;
  add("", 2);
  add("..", 0);
  add("a/b", 2);
  add("far", 0x7fffffff);
  add("far", kNoNode);
  add("root", 0);
  add("same", 2);
  add("same", 2);
  add("self", etc);
  add(std::string_view("n\0l", 3), 2);
  add(std::string(300, 'l'), 2);
  t.dirents.push_back({.name_offset = ~0ull, .name_size = 9, .node = 2});
  ++t.nodes[etc].count;
  uint32_t cut = t.File("cut", "0123456789");
  t.nodes[cut].size = 1ull << 40;
  uint32_t wild = t.File("wild", "0123456789");
  t.nodes[wild].data = ~0ull;
  uint32_t layer = t.File("layer", "0123456789");
  t.nodes[layer].layer = 9;
  uint32_t link = t.Symlink("badlink", "x");
  t.nodes[link].size = 1ull << 50;
  uint32_t dir = t.Directory("wilddir");
  t.nodes[dir].count = 0xffffffff;
  uint32_t typeless = t.File("typeless", "");
  t.nodes[typeless].mode = 0777;
  size_t at = t.dirents.size();
  for (auto [name, node] : {std::pair<const char*, uint32_t>{"badlink", link},
                            {"cut", cut},
                            {"layer", layer},
                            {"typeless", typeless},
                            {"wild", wild},
                            {"wilddir", dir}})
    t.dirents.push_back(
        {.name_offset = t.String(name), .name_size = static_cast<uint32_t>(strlen(name)), .node = node});
  uint32_t usr = 3;
  t.nodes[usr].data = at;
  t.nodes[usr].count = 6;
  auto index = LowerIndex::FromBytes(t.Build(), IndexCheck::kBounds);
  ASSERT_TRUE(index);
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  auto lower = std::make_shared<Lower>(std::move(*index), std::move(tars));
  Served served = Serve(lower, [&](const std::string& mnt, int) -> std::string {
    (void)ListDirectory(AT_FDCWD, mnt + "/etc");
    struct stat st;
    for (const char* name : {"self", "root", "far", "same", "self/self/self"})
      lstat((mnt + "/etc/" + name).c_str(), &st);
    (void)ListDirectory(AT_FDCWD, mnt + "/usr");
    (void)ListDirectory(AT_FDCWD, mnt + "/usr/wilddir");
    std::string report;
    for (const char* name : {"cut", "wild", "layer"}) {
      char buffer[100];
      auto fd = ::wolffia::Open(mnt + "/usr/" + name, O_RDONLY);
      if (!fd || read(fd->get(), buffer, sizeof buffer) >= 0)
        report += std::string(name) + " could be read\n";
    }
    char target[100];
    if (readlink((mnt + "/usr/badlink").c_str(), target, sizeof target) >= 0) report += "badlink\n";
    if (stat((mnt + "/many/file-7").c_str(), &st) != 0) report += "the rest is gone\n";
    return report;
  });
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
}

TEST_F(Mounted, FailsInsteadOfHangingWhenTheServerEnds) {
  IndexBytes t = Tree();
  auto lower = Open(t);
  auto body = [&](const std::string& mnt, int socket) -> std::string {
    auto fd = ::wolffia::Open(mnt + "/usr/bin/dash", O_RDONLY);
    char buffer[10];
    if (!fd || read(fd->get(), buffer, sizeof buffer) != 10) return "read before";
    (void)SendPacket(socket, "stop");
    (void)ReceivePacket(socket);
    std::string report;
    struct stat st;
    if (stat((mnt + "/many/file-7").c_str(), &st) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
      report += std::string("stat after: ") + strerror(errno) + "\n";
    auto big = ReadFile(mnt + "/big", 4 << 20);
    if (big) report += "big could be read\n";
    return report;
  };
  std::chrono::steady_clock::duration taken{};
  Served served = Serve(lower, body, [&](LowerServer& server, int socket) {
    (void)ReceivePacket(socket);
    auto start = std::chrono::steady_clock::now();
    server.Stop();
    server.Stop();
    taken = std::chrono::steady_clock::now() - start;
    (void)SendPacket(socket, "stopped");
  });
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
  EXPECT_LT(taken, std::chrono::milliseconds(2900));  // it gives up after three seconds
  EXPECT_GT(served.Count("read"), 0u);
}

// One process asks for one thing after the other: a thread of the server follows it. It must not be missed
// where it does not get to run: every processor has other work while the second half is asked for.
TEST_F(Mounted, FollowsItsClient) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "there is one processor";
  IndexBytes t = Tree();
  auto lower = Open(t);
  constexpr int kNames = 4000;
  auto ask = [](const std::string& mnt, int from, int to) {
    struct stat st;
    for (int i = from; i < to; ++i)
      if (stat((mnt + "/missing-" + std::to_string(i)).c_str(), &st) == 0 || errno != ENOENT) return false;
    return true;
  };
  auto body = [&](const std::string& mnt, int socket) -> std::string {
    if (!ask(mnt, 0, kNames / 2)) return "a missing name is there";
    (void)SendPacket(socket, "half");
    (void)ReceivePacket(socket);
    std::atomic<bool> done = false;
    std::vector<std::thread> hogs;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i)
      hogs.emplace_back([&] {
        while (!done) {
        }
      });
    const bool right = ask(mnt, kNames / 2, kNames);
    done = true;
    for (std::thread& hog : hogs) hog.join();
    return right ? "" : "a missing name is there, later";
  };
  int idle_threads = 0;
  const auto start = std::chrono::steady_clock::now();
  Served served = Serve(lower, body, [&](LowerServer&, int socket) {
    (void)ReceivePacket(socket);
    for (auto& task : std::filesystem::directory_iterator("/proc/self/task"))
      if (sched_getscheduler(std::stoi(task.path().filename())) == SCHED_IDLE) ++idle_threads;
    (void)SendPacket(socket, "go on");
  });
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
  EXPECT_EQ(idle_threads, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

// A request that the kernel waits for while the session ends, on many threads at once.
TEST_F(Mounted, StopsUnderLoad) {
  IndexBytes t = Tree();
  auto lower = Open(t);
  auto body = [&](const std::string& mnt, int socket) -> std::string {
    std::vector<std::thread> threads;
    std::atomic<bool> failed = false;
    for (int n = 0; n < 4; ++n)
      threads.emplace_back([&, n] {
        for (int i = n; !failed; i = (i + 4) % 3000) {
          std::string path = mnt + "/many/file-" + std::to_string(i);
          auto fd = ::wolffia::Open(path, O_RDONLY);
          char buffer[10];
          if (!fd || read(fd->get(), buffer, sizeof buffer) < 0) failed = true;
          if (fd) posix_fadvise(fd->get(), 0, 0, POSIX_FADV_DONTNEED);
        }
      });
    (void)SendPacket(socket, "running");
    for (std::thread& thread : threads) thread.join();
    return "";
  };
  Served served = Serve(lower, body, [&](LowerServer& server, int socket) {
    (void)ReceivePacket(socket);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server.Stop();
  });
  SKIP_IF_UNSUPPORTED(served);
  EXPECT_EQ(served.report, "");
}

TEST_F(Mounted, StopsWithoutAMount) {
  IndexBytes t;
  auto lower = Open(t);
  auto fd = ::wolffia::Open("/dev/fuse", O_RDWR);
  if (!fd) GTEST_SKIP() << fd.error().what;
  auto server = LowerServer::Start(lower, {}, std::move(*fd));  // never mounted: the read fails at once
  ASSERT_TRUE(server);
  (*server)->Stop();
  auto bad = LowerServer::Start(lower, {}, Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  if (bad) (*bad)->Stop();
  EXPECT_FALSE(LowerServer::Start(lower, {}, Fd()));
}

}  // namespace
}  // namespace wolffia
