// MergeLayers, one table: layers in, lowest first, tree out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tar_tree_text.h"

namespace wolffia {
namespace {

struct Case {
  const char* what;
  std::vector<std::string> layers;
  std::string tree;
};

Result<std::string> MergeTexts(const std::vector<std::string>& texts) {
  std::vector<LowerIndex> layers;
  for (const std::string& text : texts) layers.push_back(TRY(LowerIndex::FromBytes(TRY(LayerOfText(text)))));
  std::vector<const LowerIndex*> pointers;
  for (const LowerIndex& layer : layers) pointers.push_back(&layer);
  return MergeLayers(pointers);
}

class Merge : public testing::TestWithParam<Case> {};

TEST_P(Merge, Tree) {
  auto bytes = MergeTexts(GetParam().layers);
  if (GetParam().tree.starts_with("error: ")) {
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, Code::kInvalid);
    EXPECT_THAT(bytes.error().what, testing::HasSubstr(GetParam().tree.substr(7)));
    return;
  }
  EXPECT_EQ(DescribeBytes(std::move(bytes)), GetParam().tree) << GetParam().what;
}

const Case kCases[] = {
    {"one layer loses its whiteouts",
     {"f a; f .wh.b; f d/.wh..wh..opq; f d/.wh.x"},
     "d . 0755 3 L0\nf a 0644 1 L0 0\nd d 0755 2 L0\n"},
    {"union",
     {"f a 644 1; f c 644 3", "f b 644 2"},
     "d . 0755 2 L0\nf a 0644 1 L0 1\nf b 0644 1 L1 2\nf c 0644 1 L0 3\n"},
    {"replacement", {"f a 644 1; f b", "f a 600 2"}, "d . 0755 2 L0\nf a 0600 1 L1 2\nf b 0644 1 L0 0\n"},
    {"the root's attributes",
     {"d . 700", "f a", "d . 711", "f b"},
     "d . 0711 2 L2\nf a 0644 1 L1 0\nf b 0644 1 L3 0\n"},
    {"directories merge, the higher's attributes",
     {"d d 700; f d/a", "d d 711; f d/b"},
     "d . 0755 3 L0\nd d 0711 2 L1\nf d/a 0644 1 L0 0\nf d/b 0644 1 L1 0\n"},
    {"implied directories show the lower's attributes",
     {"d d 700; f d/a", "f d/b", "f d/c"},
     "d . 0755 3 L0\nd d 0700 2 L0\nf d/a 0644 1 L0 0\nf d/b 0644 1 L1 0\nf d/c 0644 1 L2 0\n"},
    {"whiteouts",
     {"f a; f d/x; f d/y", "f .wh.a; f d/.wh.x; f .wh.nothing; f no/.wh.thing"},
     "d . 0755 4 L0\nd d 0755 2 L0\nd no 0755 2 L1\nf d/y 0644 1 L0 0\n"},
    {"whiteout of a tree, then anew",
     {"f d/x/y", "f .wh.d", "d d 700; f d/z"},
     "d . 0755 3 L0\nd d 0700 2 L2\nf d/z 0644 1 L2 0\n"},
    {"whiteout and directory of one layer",
     {"f d/x", "f .wh.d; f d/y"},
     "d . 0755 3 L0\nd d 0755 2 L0\nf d/y 0644 1 L1 0\n"},
    {"opaque",
     {"d d 700; f d/x; f d/s/t", "f d/y; f d/.wh..wh..opq", "f d/z"},
     "d . 0755 3 L0\nd d 0700 2 L0\nf d/y 0644 1 L1 0\nf d/z 0644 1 L2 0\n"},
    {"opaque root", {"f a; f b/c", "f .wh..wh..opq; f d"}, "d . 0755 2 L0\nf d 0644 1 L1 0\n"},
    {"file over directory and back",
     {"f d/x", "f d", "d d 700; f d/y"},
     "d . 0755 3 L0\nd d 0700 2 L2\nf d/y 0644 1 L2 0\n"},
    {"implied directory over a file", {"f d", "f d/x"}, "d . 0755 3 L0\nd d 0755 2 L1\nf d/x 0644 1 L1 0\n"},
    {"directory over a symlink",
     {"d usr/lib; l lib usr/lib", "f lib/x"},
     "d . 0755 4 L0\nd lib 0755 2 L1\nd usr 0755 3 L0\nf lib/x 0644 1 L1 0\nd usr/lib 0755 2 L0\n"},
    {"a hard link loses a name",
     {"f a 644 7; h b a; h c a", "f .wh.b; f c 600 1"},
     "d . 0755 2 L0\nf a 0644 1 L0 7\nf c 0600 1 L1 1\n"},
    {"hard links into lower layers",
     {"f d/a 644 7", "f x", "h b d/a; h c /d/a; h e c; f .wh.d"},
     "d . 0755 2 L0\nf b 0644 3 L0 7\nf c 0644 3 L0 7\nf e 0644 3 L0 7\nf x 0644 1 L1 0\n"},
    {"a hard link to a hard link below",
     {"f a 644 7", "h b a; f .wh.a", "h c b"},
     "d . 0755 2 L0\nf b 0644 2 L0 7\nf c 0644 2 L0 7\n"},
    {"a hard link and the file that it means",
     {"f a 644 7", "h b a"},
     "d . 0755 2 L0\nf a 0644 2 L0 7\nf b 0644 2 L0 7\n"},
    {"a hard link sees the layers below merged",
     {"f a 644 7", "f a 644 8", "h b a; f a 644 9", "f a 644 1"},
     "d . 0755 2 L0\nf a 0644 1 L3 1\nf b 0644 1 L1 8\n"},
    {"a hard link to a whiteout", {"f a", "f .wh.a", "h b a"}, "error: no layer below has"},
    {"a hard link below an opaque directory",
     {"f d/a", "f d/.wh..wh..opq", "h b d/a"},
     "error: no layer below has"},
    {"a hard link to nothing", {"h b a"}, "error: no layer below has"},
    {"a hard link to a higher layer", {"h b a", "f a"}, "error: no layer below has"},
    {"a hard link through a file", {"f a", "h b a/x"}, "error: no layer below has"},
    {"a hard link to a directory below", {"d a", "h b a"}, "error: directory"},
    {"an unused hard link to nothing is not looked at", {"h b a", "f b"}, "d . 0755 2 L0\nf b 0644 1 L1 0\n"},
};

INSTANTIATE_TEST_SUITE_P(Rules, Merge, testing::ValuesIn(kCases));

TEST(MergeLayers, RefusesNoLayersAndChains) {
  EXPECT_EQ(MergeLayers({}).error().code, Code::kInvalid);
  auto chain = LowerIndex::FromBytes(MergeTexts({"f a"}).value());
  ASSERT_TRUE(chain);
  EXPECT_EQ(MergeLayers({&*chain}).error().code, Code::kInvalid);
}

TEST(MergeLayers, CountsContentOnceANode) {
  auto chain = LowerIndex::FromBytes(MergeTexts({"f a 644 100; h b a; f c 644 10", "f c 644 1"}).value());
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->header().content_bytes, 101u);
  EXPECT_EQ(chain->header().layer_count, 2u);
}

TEST(MergeLayers, TakesDeepTreesInManyLayers) {
  std::string deep = "f a";
  for (int i = 0; i < 2000; ++i) deep += "/a";
  std::vector<std::string> layers(50, deep);
  std::string text = DescribeBytes(MergeTexts(layers));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2002);
  EXPECT_THAT(text, testing::HasSubstr("L49"));
}

}  // namespace
}  // namespace wolffia
