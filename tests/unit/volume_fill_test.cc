// What an image has at a volume's place, in the volume: as the plain user where all of it is the user's, in a
// user namespace where it is not. The second half needs subordinate ids and is skipped without.
#include "engine/runtime/volume_fill.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "engine/runtime/remove_tree.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

template <typename T>
T Must(ResultOf<T> result) {
  if (!result) ADD_FAILURE() << result.error().what, abort();
  return TakeValue(std::move(result));
}

std::shared_ptr<const Lower> LowerOf(IndexBytes& bytes) {
  Fd tar(memfd_create("tar", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(tar.get(), bytes.tar));
  std::vector<Fd> tars;
  tars.push_back(std::move(tar));
  return std::make_shared<const Lower>(Must(LowerIndex::FromBytes(bytes.Seal().Build())), std::move(tars));
}

IndexBytes Tree() {
  IndexBytes t;
  t.nodes[t.Directory("data", 01777)].mtime_sec = 1500000000;
  uint32_t file = t.File("data/file", "content", 0604);
  t.Directory("data/sub", 0500);
  t.File("data/sub/tool", "#!", 04755);
  t.HardLink("data/sub/again", file);
  t.Symlink("data/link", "/etc/passwd");
  t.Symlink("place", "data");
  t.Sparse("data/sparse", 1 << 20, {{4096, "x"}});
  t.Device("data/fifo", S_IFIFO | 0640, 0);
  t.Directory("empty", 0711);
  t.File("plain", "not a directory");
  return t;
}

class VolumeFillTest : public ::testing::Test {
 protected:
  // uid:gid mode size mtime of `name` below data/.
  std::string Look(const std::string& name) {
    struct stat st;
    if (fstatat(dir_.fd(), ("data/" + name).c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return "missing";
    char text[128];
    snprintf(text, sizeof text, "%u:%u %o %ld %ld", st.st_uid, st.st_gid, st.st_mode,
             S_ISDIR(st.st_mode) ? 0L : st.st_size, st.st_mtim.tv_sec);
    return text;
  }
  Result<> Fill(const VolumeFill& fill, const IdMaps& maps) {
    (void)Remove();
    mkdirat(dir_.fd(), "data", 0755);
    Fd data = Must(OpenDirectory(dir_.fd(), "data"));
    return FillVolume(fill, data.get(), maps, host_, Durability::kSafe);
  }
  Result<> Remove() {
    if (RemoveTreeAt(dir_.fd(), "data")) return {};
    return RemoveTreeAsRoot(host_, dir_ / "data");
  }
  void TearDown() override { EXPECT_TRUE(Remove()); }
  std::string Own(const std::string& rest) {
    return std::to_string(getuid()) + ":" + std::to_string(getgid()) + " " + rest;
  }

  TempDir dir_;
  Context context_ = Context::OfProcess();
  HostFacts host_ = Must(HostFacts::Gather(context_));
  IdMaps own_{{{0, getuid(), 1}}, {{0, getgid(), 1}}, true};
};

TEST_F(VolumeFillTest, OfTheUserAlone) {
  IndexBytes tree = Tree();
  VolumeFill fill{.lower = LowerOf(tree), .path = "/place"};
  EXPECT_TRUE(HasContent(fill));
  auto done = Fill(fill, own_);
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(Look("."), Own("41777 0 1500000000"));
  EXPECT_EQ(Look("file"), Own("100604 7 1700000002"));
  EXPECT_EQ(Look("sub"), Own("40500 0 1700000003"));
  EXPECT_EQ(Look("sub/tool"), Own("104755 2 1700000004"));
  EXPECT_EQ(Look("link"), Own("120777 11 1700000005"));
  EXPECT_EQ(Look("fifo"), Own("10640 0 1700000008"));
  EXPECT_EQ(Must(ReadFileAt(dir_.fd(), "data/file", 100)), "content");
  std::string sparse(1 << 20, '\0');
  sparse[4096] = 'x';
  EXPECT_EQ(Must(ReadFileAt(dir_.fd(), "data/sparse", 2 << 20)), sparse);
  struct stat one, two;
  ASSERT_EQ(fstatat(dir_.fd(), "data/file", &one, 0), 0);
  ASSERT_EQ(fstatat(dir_.fd(), "data/sub/again", &two, 0), 0);
  EXPECT_EQ(one.st_ino, two.st_ino) << "hard links stay together";
}

TEST_F(VolumeFillTest, PlacesWithNothingToCopy) {
  IndexBytes tree = Tree();
  auto lower = LowerOf(tree);
  struct {
    const char* path;
    bool copy;
    const char* mode;
  } cases[] = {{"/missing", true, "40755"},
               {"/plain", true, "40755"},
               {"/empty", true, "40711"},
               {"/data", false, "41777"}};
  for (auto& c : cases) {
    VolumeFill fill{.lower = lower, .path = c.path, .copy = c.copy};
    EXPECT_EQ(HasContent(fill), !c.copy) << c.path;
    ASSERT_TRUE(Fill(fill, own_)) << c.path;
    EXPECT_EQ(Look(".").find(Own(c.mode)), 0U) << c.path << ": " << Look(".");
    EXPECT_TRUE(Must(ListDirectory(dir_.fd(), "data")).empty());
  }
  EXPECT_TRUE(Fill({.lower = nullptr, .path = "/x"}, own_)) << "--rootfs";
}

TEST_F(VolumeFillTest, DevicesAndEndlessTreesAreRefused) {
  IndexBytes tree = Tree();
  tree.Device("data/null", S_IFCHR | 0666, makedev(1, 3));
  auto refused = Fill({.lower = LowerOf(tree), .path = "/data"}, own_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_NE(refused.error().what.find("/null is a device"), std::string::npos) << refused.error().what;

  IndexBytes deep;
  std::string path = "d";
  deep.Directory(path);
  for (int i = 0; i < 600; i++) deep.Directory(path += "/d");
  EXPECT_EQ(Fill({.lower = LowerOf(deep), .path = "/d"}, own_).error().code, Code::kUnsupported);
}

class MappedFillTest : public VolumeFillTest {
 protected:
  void SetUp() override {
    if (host_.subordinate.uids.empty() || host_.newuidmap.empty())
      GTEST_SKIP() << "this user has no subordinate ids";
    sub_ = host_.subordinate.uids[0].first;
    maps_ = Must(BuildIdMaps({}, host_.subordinate, host_.uid, host_.gid)).maps;
  }
  uint32_t sub_ = 0;
  IdMaps maps_;
};

TEST_F(MappedFillTest, OwnersAreThoseOfTheContainer) {
  IndexBytes tree = Tree();
  auto own = [&](const std::string& name, uint32_t id) {  // by its time, which counts the nodes
    for (IndexNode& node : tree.nodes)
      if (node.mtime_sec == 1700000000 + std::stoll(name)) node.uid = node.gid = id;
  };
  own("3", 33);             // data/sub
  own("4", 33);             // data/sub/tool
  own("5", 33);             // data/link
  own("2", 4'000'000'000);  // data/file, which nobody maps
  tree.Xattr(2, "user.note", "n");
  auto done = Fill({.lower = LowerOf(tree), .path = "/data"}, maps_);
  ASSERT_TRUE(done) << done.error().what;
  const std::string www = std::to_string(sub_ + 32) + ":";
  const std::string nobody = std::to_string(sub_ + 65533) + ":";
  EXPECT_EQ(Look("sub").find(www), 0U) << Look("sub");
  EXPECT_EQ(Look("link").find(www), 0U) << Look("link");
  EXPECT_EQ(Look("file").find(nobody), 0U) << Look("file");
  EXPECT_EQ(Look("."), Own("41777 0 1500000000"));
  char value[8];
  EXPECT_EQ(getxattr((dir_ / "data/file").c_str(), "user.note", value, sizeof value), 1) << strerror(errno);
}

TEST_F(MappedFillTest, ANewPlaceBelongsToTheContainersUser) {
  ASSERT_TRUE(Fill({.lower = nullptr, .path = "/x", .uid = 33, .gid = 33}, maps_));
  EXPECT_EQ(Look(".").find(std::to_string(sub_ + 32) + ":"), 0U) << Look(".");
}

TEST_F(MappedFillTest, ChownFollowsNoLink) {
  IndexBytes tree = Tree();
  ASSERT_TRUE(Fill({.lower = LowerOf(tree), .path = "/data"}, maps_));
  ASSERT_TRUE(CreateFileAt(dir_.fd(), "outside", "x", 0644));
  ASSERT_EQ(symlinkat((dir_ / "outside").c_str(), dir_.fd(), "data/out"), 0);
  auto done = ChownTree(dir_ / "data", 7, 8, maps_, host_);
  ASSERT_TRUE(done) << done.error().what;
  const std::string owner =
      std::to_string(sub_ + 6) + ":" + std::to_string(host_.subordinate.gids[0].first + 7) + " ";
  for (const char* name : {".", "file", "link", "out", "sub"})
    EXPECT_EQ(Look(name).find(owner), 0U) << name << Look(name);
  EXPECT_EQ(Look("../outside").find(Own("")), 0U);
  ASSERT_TRUE(ChownTree(dir_ / "data", 0, 0, maps_, host_));
  EXPECT_EQ(Look("sub/tool").find(Own("")), 0U);
  auto denied = ChownTree("/etc/hostname", 7, 7, maps_, host_);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::kDenied) << denied.error().what;
}

}  // namespace
}  // namespace wolffia
