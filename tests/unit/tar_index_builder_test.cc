// The rules of index_builder.cc, one table: entries in, tree out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/tar_tree_text.h"

namespace wolffia {
namespace {

struct Case {
  const char* what;
  std::string entries;
  std::string tree;  // "error" stands for kInvalid
};

class Layer : public testing::TestWithParam<Case> {};

TEST_P(Layer, Tree) {
  auto bytes = LayerOfText(GetParam().entries);
  if (GetParam().tree.starts_with("error")) {
    ASSERT_FALSE(bytes) << DescribeBytes(std::move(bytes));
    EXPECT_EQ(bytes.error().code, Code::kInvalid);
    EXPECT_THAT(bytes.error().what,
                testing::HasSubstr(GetParam().tree.substr(std::min<size_t>(7, GetParam().tree.size()))));
    return;
  }
  EXPECT_EQ(DescribeBytes(std::move(bytes)), GetParam().tree) << GetParam().what;
}

std::string Root(int nlink) {
  return "d . 0755 " + std::to_string(nlink) + " implied\n";
}

const Case kCases[] = {
    {"no entries", "", Root(2)},
    {"the root's own entry", "d ./ 700", "d . 0700 2\n"},
    {"the root as slash", "d / 711", "d . 0711 2\n"},
    {"parents implied", "f a/b/c", Root(3) + "d a 0755 3 implied\nd a/b 0755 2 implied\nf a/b/c 0644 1 0\n"},
    {"an implied parent named later", "f a/b 600 3; d a 750", Root(3) + "d a 0750 2\nf a/b 0600 1 3\n"},
    {"cleaned names", "f ./a//b/./c; f /x; f q/../y",
     Root(3) + "d a 0755 3 implied\nf x 0644 1 0\nf y 0644 1 0\nd a/b 0755 2 implied\nf a/b/c 0644 1 0\n"},
    {"sorted by bytes", "f b; f a.b; f a; f ab; f B",
     Root(2) + "f B 0644 1 0\nf a 0644 1 0\nf a.b 0644 1 0\nf ab 0644 1 0\nf b 0644 1 0\n"},
    {"above the root", "f ../a", "error: leads out"},
    {"above the root from below", "f a/../../b", "error: leads out"},
    {"above the root, absolute", "f /../a", "error: leads out"},
    {"a file as root", "f .", "error: is the root"},
    {"later file wins", "f a 644 1; f a 600 2", Root(2) + "f a 0600 1 2\n"},
    {"directory twice keeps children", "d a 755; f a/b; d a 700", Root(3) + "d a 0700 2\nf a/b 0644 1 0\n"},
    {"file over directory", "d a; f a/b/c; f a", Root(2) + "f a 0644 1 0\n"},
    {"directory over file", "f a; d a; f a/b", Root(3) + "d a 0755 2\nf a/b 0644 1 0\n"},
    {"symlink over directory", "f a/b; l a x", Root(2) + "l a 0777 1 -> x\n"},
    {"below a file", "f a; f a/b", "error: is not a directory"},
    {"below a symlink of the layer", "d usr/lib; l lib usr/lib; f lib/x",
     Root(3) + "l lib 0777 1 -> usr/lib\nd usr 0755 3 implied\nd usr/lib 0755 2\nf usr/lib/x 0644 1 0\n"},
    {"symlink upwards stays inside", "d a; l a/up ../../../..; f a/up/x",
     Root(3) + "d a 0755 2\nf x 0644 1 0\nl a/up 0777 1 -> ../../../..\n"},
    {"absolute symlink stays inside", "d etc; l a/b /etc; f a/b/x",
     Root(4) + "d a 0755 2 implied\nd etc 0755 2\nl a/b 0777 1 -> /etc\nf etc/x 0644 1 0\n"},
    {"below a dangling symlink", "l a nowhere; f a/b", "error: symbolic link"},
    {"a loop of symlinks", "l a b; l b a; f a/x", "error: one symbolic link too many"},
    {"symlinks out are data", "l a ../../etc/passwd; l b /proc/self",
     Root(2) + "l a 0777 1 -> ../../etc/passwd\nl b 0777 1 -> /proc/self\n"},
    {"a replaced symlink is not followed", "d x; l a x; f a/1; d a; f a/2",
     Root(4) + "d a 0755 2\nd x 0755 2\nf a/2 0644 1 0\nf x/1 0644 1 0\n"},
    {"whiteouts", "f .wh.a; f b/.wh.c", Root(3) + "w a\nd b 0755 2 implied\nw b/c\n"},
    {"whiteout and file of one name", "f .wh.a; f a; f b; f .wh.b", Root(2) + "f a 0644 1 0\nf b 0644 1 0\n"},
    {"whiteout and directory of one name", "d a; f a/x; f .wh.a",
     Root(3) + "d a 0755 2 opaque\nf a/x 0644 1 0\n"},
    {"whiteout and whiteouts below it", "f .wh.a; f a/.wh.b", Root(2) + "w a\n"},
    {"whiteouts below and a file", "f a/.wh.b; f a/c/d; f .wh.a",
     Root(3) + "d a 0755 3 opaque implied\nw a/b\nd a/c 0755 2 implied\nf a/c/d 0644 1 0\n"},
    {"opaque after its files", "f a/b; f a/.wh..wh..opq",
     Root(3) + "d a 0755 2 opaque implied\nf a/b 0644 1 0\n"},
    {"opaque before its directory", "f a/.wh..wh..opq; d a 700", Root(3) + "d a 0700 2 opaque\n"},
    {"opaque root", "f .wh..wh..opq", "d . 0755 2 opaque implied\n"},
    {"aufs metadata", "d .wh..wh.plnk; f .wh..wh.plnk/1.2; f .wh..wh.aufs", Root(2)},
    {"whiteout of nothing", "f .wh.", "error: whiteout of no name"},
    {"whiteout of the directory", "f a/.wh..", "error: whiteout of no name"},
    {"whiteout of the parent", "f a/.wh...", "error: whiteout of no name"},
    {"a directory named as a whiteout", "d .wh.a", "error: name of a whiteout"},
    {"below a whiteout", "f .wh.a/b", "error: below the name of a whiteout"},
    {"device 0:0", "c a 600 0; c b 600 259", Root(2) + "w a\nc b 0600 1 259\n"},
    {"hard links", "f a 644 7; h b a; h c/d ./b",
     Root(3) + "f a 0644 3 7\nf b 0644 3 7\nd c 0755 2 implied\nf c/d 0644 3 7\n"},
    {"one name of two replaced", "f a 644 7; h b a; f a 600 1", Root(2) + "f a 0600 1 1\nf b 0644 1 7\n"},
    {"hard link to itself", "f a 644 7; h a a", Root(2) + "f a 0644 1 7\n"},
    {"hard link to what it replaces", "f a/b 644 7; h a a/b", Root(2) + "f a 0644 1 7\n"},
    {"hard link to a symlink", "l a x; h b a", Root(2) + "l a 0777 2 -> x\nl b 0777 2 -> x\n"},
    {"hard link to a directory", "d a; h b a", "error: to a directory"},
    {"hard link to the root", "h b /", "error: root directory"},
    {"hard link out", "h b ../../etc/passwd", "error: leads out"},
    {"hard link into lower layers", "h b /x/./y; h c b", Root(2) + "h b -> x/y\nh c -> x/y\n"},
    {"hard link through a symlink", "f usr/lib/a 644 5; l lib usr/lib; h x lib/a",
     Root(3) + "l lib 0777 1 -> usr/lib\nd usr 0755 3 implied\nf x 0644 2 5\nd usr/lib 0755 2 implied\n"
               "f usr/lib/a 0644 2 5\n"},
    {"bytes that are not UTF-8", "f \xff\xfe/\x80",
     Root(3) + "d \xff\xfe 0755 2 implied\nf \xff\xfe/\x80 0644 1 0\n"},
    {"255 bytes", "f " + std::string(255, 'n'), Root(2) + "f " + std::string(255, 'n') + " 0644 1 0\n"},
    {"256 bytes", "f " + std::string(256, 'n'), "error: longer than 255"},
    {"256 bytes after a sibling", "f x; f " + std::string(256, 'n'), "error: longer than 255"},
};

INSTANTIATE_TEST_SUITE_P(Rules, Layer, testing::ValuesIn(kCases));

TEST(IndexBuilder, RefusesImpossibleFields) {
  auto add = [](auto change) {
    LayerEntry e = EntryOfLine("f a");
    change(e);
    return IndexBuilder().Add(std::move(e));
  };
  EXPECT_TRUE(add([](LayerEntry&) {}));
  EXPECT_FALSE(add([](LayerEntry& e) { e.path = std::string("a\0b", 3); }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.path = std::string(4097, '/'); }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.uid = 0xffffffff; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.gid = 0xffffffff; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.size = uint64_t{1} << 63; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.mode = S_IFSOCK; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.mode = 0644; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.mode = S_IFLNK; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.mode = S_IFLNK, e.link_target.assign(4096, 'x'); }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.xattrs = {{"user." + std::string(251, 'x'), ""}}; }));
  EXPECT_FALSE(add([](LayerEntry& e) { e.xattrs = {{"user.x", std::string(65537, 'x')}}; }));
  EXPECT_FALSE(add([](LayerEntry& e) {
    for (int i = 0; i < 300; ++i)
      e.xattrs.emplace_back("user." + std::string(240, 'x') + std::to_string(i), "");
  }));
}

TEST(IndexBuilder, KeepsWhatAContainerMayHaveOfXattrs) {
  IndexBuilder builder;
  LayerEntry e = EntryOfLine("f a");
  e.xattrs = {{"user.z", "1"},
              {"user.a", ""},
              {"trusted.overlay.opaque", "y"},
              {"user.overlay.opaque", "y"},
              {"security.selinux", "s"},
              {"security.capability", "cap"},
              {"user.z", "2"},
              {"trusted.x", "x"},
              {"system.posix_acl_access", "x"}};
  ASSERT_TRUE(builder.Add(std::move(e)));
  EXPECT_EQ(DescribeBytes(builder.Finish()),
            Root(2) + "f a 0644 1 0 security.capability=cap user.a= user.z=2\n");
}

TEST(IndexBuilder, TakesDepthAndBreadth) {
  std::string deep = "f a";
  for (int i = 0; i < 2000; ++i) deep += "/a";
  std::string text = DescribeBytes(LayerOfText(deep));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2002);
  EXPECT_EQ(DescribeBytes(LayerOfText(deep + "; f a")), Root(2) + "f a 0644 1 0\n");

  IndexBuilder builder;
  for (int i = 0; i < 100'000; ++i)
    ASSERT_TRUE(builder.Add(
        EntryOfLine("f usr/share/doc/package" + std::to_string(i % 1000) + "/file" + std::to_string(i))));
  auto index = LowerIndex::FromBytes(builder.Finish().value());
  ASSERT_TRUE(index);
  EXPECT_EQ(index->node_count(), 101'004u);
}

}  // namespace
}  // namespace wolffia
