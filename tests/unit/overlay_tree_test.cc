// LowerTree: what the kernel is told, and what is kept from it.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "storage/overlay/lower_tree.h"
#include "tests/unit/index_bytes.h"

namespace wolffia {
namespace {

LowerTree TreeOf(IndexBytes& bytes, IdView ids = {}) {
  auto index = LowerIndex::FromBytes(bytes.Seal().Build(), IndexCheck::kBounds);
  EXPECT_TRUE(index) << index.error().what;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(tars[0].get(), bytes.tar));
  return LowerTree(std::make_shared<Lower>(std::move(*index), std::move(tars)), std::move(ids));
}

std::string Capability(uint32_t magic, size_t size) {
  std::string value(size, '\0');
  memcpy(value.data(), &magic, sizeof magic);
  return value;
}

TEST(LowerTree, TellsAttributes) {
  IndexBytes t;
  uint32_t file = t.File("f", std::string(1025, 'x'), 04755);
  uint32_t device = t.Device("n", S_IFCHR | 0600, makedev(300, 70000));
  uint32_t sparse = t.Sparse("s", 1 << 20, {{512, std::string(600, 'y')}});
  t.nodes[file].uid = 7;
  t.nodes[file].gid = 70000;
  t.HardLink("g", file);
  LowerTree tree = TreeOf(t, IdView({{0, 1000}}, {{0, 1000}, {65534, 1}}));
  struct stat st;
  tree.Stat(file, &st);
  EXPECT_EQ(st.st_ino, file + 1);
  EXPECT_EQ(st.st_mode, S_IFREG | 04755u);
  EXPECT_EQ(st.st_nlink, 2u);
  EXPECT_EQ(st.st_size, 1025);
  EXPECT_EQ(st.st_blocks, 3);
  EXPECT_EQ(st.st_uid, 7u);
  EXPECT_EQ(st.st_gid, 65534u);
  EXPECT_EQ(st.st_mtim.tv_nsec, 123456789);
  tree.Stat(device, &st);
  EXPECT_EQ(st.st_rdev, makedev(300, 70000));
  EXPECT_EQ(st.st_size, 0);
  tree.Stat(sparse, &st);
  EXPECT_EQ(st.st_size, 1 << 20);
  EXPECT_EQ(st.st_blocks, 2);
  EXPECT_EQ(tree.Node(0), nullptr);
  EXPECT_EQ(tree.Node(t.nodes.size() + 1), nullptr);
  EXPECT_EQ(tree.Node(1ull << 40), nullptr);
  EXPECT_NE(tree.Node(t.nodes.size()), nullptr);
}

TEST(LowerTree, ReadsBytesInsideTheTarOnly) {
  IndexBytes t;
  t.File("pad", std::string(600, 'p'));
  uint32_t n = t.File("f", "0123456789");
  LowerTree tree = TreeOf(t);
  char buffer[16];
  EXPECT_EQ(tree.Read(t.nodes[n], buffer, 7, 3), 0);
  EXPECT_EQ(std::string(buffer, 7), "3456789");
  IndexNode bad = t.nodes[n];
  bad.size = 11;
  EXPECT_EQ(tree.Read(bad, buffer, 8, 3), -EIO);
  bad.data = ~0ull;
  EXPECT_EQ(tree.Read(bad, buffer, 1, 3), -EIO);
  bad.layer = 1;
  EXPECT_EQ(tree.Read(bad, buffer, 1, 0), -EIO);
}

TEST(LowerTree, SeeksDataAndHoles) {
  IndexBytes t;
  uint32_t n = t.Sparse("s", 100, {{10, "aaaaa"}, {15, "bbbbb"}, {50, "cc"}});
  LowerTree tree = TreeOf(t);
  struct Case {
    int64_t from, data, hole;
  };
  for (Case c : {Case{0, 10, 0},
                 {9, 10, 9},
                 {10, 10, 20},
                 {17, 17, 20},
                 {20, 50, 20},
                 {51, 51, 52},
                 {52, -ENXIO, 52},
                 {99, -ENXIO, 99},
                 {100, -ENXIO, -ENXIO},
                 {-1, -ENXIO, -ENXIO}}) {
    EXPECT_EQ(tree.SeekHole(t.nodes[n], c.from, SEEK_DATA), c.data) << c.from;
    EXPECT_EQ(tree.SeekHole(t.nodes[n], c.from, SEEK_HOLE), c.hole) << c.from;
  }
}

TEST(LowerTree, HidesWhatWouldSteerTheKernel) {
  IndexBytes t;
  uint32_t n = t.File("f", "x");
  const std::string good = Capability(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, XATTR_CAPS_SZ_2);
  for (const char* name :
       {"user.overlay.whiteout", "user.overlay.redirect", "trusted.overlay.opaque", "trusted.x",
        "security.selinux", "security.ima", "system.posix_acl_access", "user.", "nonsense", ""})
    t.Xattr(n, name, "y");
  t.Xattr(n, "security.capability", Capability(VFS_CAP_REVISION_3, XATTR_CAPS_SZ_3));
  {
    IndexBytes hidden = t;
    LowerTree tree = TreeOf(hidden);
    EXPECT_FALSE(tree.shows_xattrs());
    EXPECT_EQ(tree.XattrNames(hidden.nodes[n]), "");
    EXPECT_EQ(tree.Xattr(hidden.nodes[n], "user.overlay.redirect"), std::nullopt);
  }
  uint32_t g = t.File("g", "x");
  t.Xattr(g, "security.capability", good);
  t.Xattr(g, "user.overlay.metacopy", "");
  t.Xattr(g, "user.mime", "text");
  LowerTree tree = TreeOf(t);
  EXPECT_TRUE(tree.shows_xattrs());
  EXPECT_EQ(tree.XattrNames(t.nodes[g]), std::string("security.capability\0user.mime\0", 30));
  EXPECT_EQ(tree.Xattr(t.nodes[g], "security.capability"), good);
  EXPECT_EQ(tree.Xattr(t.nodes[g], "user.mime"), "text");
  EXPECT_EQ(tree.Xattr(t.nodes[n], "user.mime"), std::nullopt);
}

}  // namespace
}  // namespace wolffia
