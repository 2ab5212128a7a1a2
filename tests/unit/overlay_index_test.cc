// LowerIndex and Lower on indexes made by hand: paths, contents, and every way in which bytes can be wrong.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <functional>

#include "engine/base/file.h"
#include "storage/overlay/lower_index.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

Fd TarOf(const std::string& bytes) {
  Fd fd(memfd_create("tar", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(fd.get(), bytes));
  return fd;
}

Lower LowerOf(IndexBytes& bytes) {
  auto index = LowerIndex::FromBytes(bytes.Seal().Build());
  EXPECT_TRUE(index) << index.error().what;
  std::vector<Fd> tars;
  tars.push_back(TarOf(bytes.tar));
  return Lower(std::move(*index), std::move(tars));
}

IndexBytes SmallTree() {
  IndexBytes t;
  t.Directory("etc");
  t.File("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
  t.Directory("usr");
  t.Directory("usr/bin");
  uint32_t sh = t.File("usr/bin/dash", "#!", 0755);
  t.HardLink("usr/bin/sh", sh);
  t.Symlink("bin", "usr/bin");
  t.Symlink("abs", "/etc/passwd");
  t.Symlink("up", "../../../etc");
  t.Symlink("usr/rel", "./bin/../bin//sh");
  t.Symlink("loop", "loop");
  t.Symlink("a", "b");
  t.Symlink("b", "/a");
  t.Symlink("dangling", "nowhere/at/all");
  t.Symlink("dirlink", "usr/");
  t.Symlink("filelink", "etc/passwd/");
  return t;
}

TEST(LowerIndex, ResolvesPathsAsTheKernelDoes) {
  IndexBytes t = SmallTree();
  Lower lower = LowerOf(t);
  const LowerIndex& index = lower.index();
  struct Case {
    std::string path, same_as;  // same_as: a path without links, "" for not found, "loop"
    bool follow = true;
  };
  const Case cases[] = {
      {"", "/"},
      {"///", "/"},
      {"/..", "/"},
      {"../../etc", "etc"},
      {"etc/../usr/bin/.", "usr/bin"},
      {"/bin", "usr/bin"},
      {"/bin/sh", "usr/bin/dash"},
      {"bin/../../usr", "usr"},
      {"bin/..", "usr"},
      {"abs", "etc/passwd"},
      {"up/passwd", "etc/passwd"},
      {"usr/rel", "usr/bin/dash"},
      {"dirlink/bin", "usr/bin"},
      {"dirlink", "usr"},
      {"dirlink/", "usr", false},
      {"etc/passwd/", ""},
      {"etc/passwd/.", ""},
      {"etc/passwd/..", ""},
      {"filelink", ""},
      {"dangling", ""},
      {"none", ""},
      {"loop", "loop"},
      {"a", "loop"},
      {"a/x", "loop", false},
      {std::string(256, 'x'), ""},
  };
  for (const Case& c : cases) {
    auto got = index.Resolve(c.path, c.follow);
    if (c.same_as.empty()) {
      EXPECT_TRUE(!got && got.error().code == Code::kNotFound) << c.path;
    } else if (c.same_as == "loop") {
      EXPECT_TRUE(!got && got.error().code == Code::kInvalid) << c.path;
    } else {
      auto want = index.Resolve(c.same_as);
      EXPECT_TRUE(got && want && *got == *want) << c.path;
    }
  }
  auto link = index.Resolve("bin", false);
  ASSERT_TRUE(link);
  EXPECT_EQ(index.Target(index.node(*link)), "usr/bin");
  EXPECT_EQ(index.Lookup(*link, "x"), kNoNode);
  EXPECT_EQ(index.Lookup(0, ""), kNoNode);
  EXPECT_EQ(index.Lookup(kNoNode, "etc"), kNoNode);
}

TEST(LowerIndex, FindsEveryNameOfALargeDirectory) {
  IndexBytes t;
  std::map<std::string, uint32_t> made;
  for (int i = 0; i < 1000; ++i) {
    std::string name = std::to_string(i * 7919 % 1000) + (i % 3 != 0 ? "" : "\xff");
    made[name] = t.Symlink(name, name);
  }
  Lower lower = LowerOf(t);
  for (auto& [name, node] : made) EXPECT_EQ(lower.index().Lookup(0, name), node);
  EXPECT_EQ(lower.index().Lookup(0, "1000"), kNoNode);
}

TEST(LowerIndex, OpensAFileAndRefusesWhatIsNone) {
  TempDir dir;
  IndexBytes t = SmallTree();
  ASSERT_TRUE(CreateFileAt(dir.fd(), "x.idx", t.Seal().Build(), 0600));
  ASSERT_TRUE(CreateFileAt(dir.fd(), "empty", "", 0600));
  for (IndexCheck check : {IndexCheck::kBounds, IndexCheck::kFull}) {
    auto index = LowerIndex::Open(dir.fd(), "x.idx", check);
    ASSERT_TRUE(index) << index.error().what;
    LowerIndex moved = std::move(*index);
    EXPECT_TRUE(moved.Resolve("bin/sh"));
    auto empty = LowerIndex::Open(dir.fd(), "empty", check);
    EXPECT_TRUE(!empty && empty.error().code == Code::kCorrupt);
    auto missing = LowerIndex::Open(dir.fd(), "missing", check);
    EXPECT_TRUE(!missing && missing.error().code == Code::kNotFound);
    EXPECT_FALSE(LowerIndex::Open(dir.fd(), ".", check));
  }
}

TEST(LowerIndex, RefusesEveryKindOfMalformedTable) {
  struct Case {
    const char* name;
    std::function<void(IndexBytes&)> damage;
  };
  // Nodes of SmallTree: 0 root, 1 etc, 2 etc/passwd, 3 usr, 4 usr/bin, 5 dash, 6 -> usr/bin.
  const Case cases[] = {
      {"root is a file", [](auto& t) { t.nodes[0].mode = S_IFREG; }},
      {"root has a parent", [](auto& t) { t.nodes[0].parent = 1; }},
      {"no type", [](auto& t) { t.nodes[2].mode = 0644; }},
      {"mode too large", [](auto& t) { t.nodes[2].mode |= 1 << 20; }},
      {"nanoseconds", [](auto& t) { t.nodes[2].mtime_nsec = 1000000000; }},
      {"whiteout in a chain", [](auto& t) { t.nodes[2].mode = 0, t.nodes[2].flags = kNodeWhiteout; }},
      {"lower link in a chain", [](auto& t) { t.nodes[6].flags = kNodeLowerLink; }},
      {"file layer", [](auto& t) { t.nodes[2].layer = 1; }},
      {"file size", [](auto& t) { t.nodes[2].size = 1ull << 63; }},
      {"file offset", [](auto& t) { t.nodes[2].data = ~0ull; }},
      {"target offset", [](auto& t) { t.nodes[6].data = ~0ull; }},
      {"target size", [](auto& t) { t.nodes[6].size = 1ull << 40; }},
      {"target too long", [](auto& t) { t.strings.resize(9000, 'x'), t.nodes[6].size = 4096; }},
      {"run out of bounds", [](auto& t) { t.nodes[1].data = t.dirents.size(); }},
      {"run overflow", [](auto& t) { t.nodes[1].data = ~0ull; }},
      {"runs overlap", [](auto& t) { t.nodes[1].data = 0, t.nodes[1].count = 2; }},
      {"name is empty", [](auto& t) { t.dirents[0].name_size = 0; }},
      {"name too long", [](auto& t) { t.strings.resize(9000, 'x'), t.dirents[0].name_size = 256; }},
      {"name out of bounds", [](auto& t) { t.dirents[0].name_offset = ~0ull; }},
      {"names unsorted", [](auto& t) { std::swap(t.dirents[0], t.dirents[1]); }},
      {"name twice", [](auto& t) { t.dirents[1] = t.dirents[0]; }},
      {"name with a slash",
       [](auto& t) { t.dirents[0].name_offset = t.String("a/b"), t.dirents[0].name_size = 3; }},
      {"name with a nul",
       [](auto& t) { t.strings.push_back('\0'), t.dirents[0].name_offset = t.strings.size() - 1; }},
      {"dot", [](auto& t) { t.dirents[0].name_offset = t.String("."), t.dirents[0].name_size = 1; }},
      {"dotdot", [](auto& t) { t.dirents[0].name_offset = t.String(".."), t.dirents[0].name_size = 2; }},
      {"node out of bounds", [](auto& t) { t.dirents[0].node = static_cast<uint32_t>(t.nodes.size()); }},
      {"root inside", [](auto& t) { t.dirents[0].node = 0; }},
      {"directory twice", [](auto& t) { t.dirents[0].node = 1; }},
      {"cycle", [](auto& t) { t.dirents[t.nodes[4].data].node = 3, t.nodes[3].parent = 4; }},
      {"wrong parent", [](auto& t) { t.nodes[4].parent = 1; }},
      {"unreachable directory", [](auto& t) { t.nodes.push_back({.mode = S_IFDIR}); }},
      {"xattrs without the flag", [](auto& t) { t.Xattr(2, "user.a", "b"), t.flags = kIndexIsChain; }},
      {"xattrs out of bounds", [](auto& t) { t.Xattr(2, "user.a", "b"), t.nodes[2].first_xattr = 7; }},
      {"xattr value", [](auto& t) { t.Xattr(2, "user.a", "b"), t.xattrs[0].value_size = 70000; }},
      {"xattr name", [](auto& t) { t.Xattr(2, "user.a", "b"), t.xattrs[0].name_offset = ~0ull; }},
      {"xattrs shared", [](auto& t) { t.Xattr(2, "user.a", "b"), t.nodes[1].xattr_count = 1; }},
      {"extents out of bounds", [](auto& t) { t.nodes[2].flags = kNodeSparse, t.nodes[2].count = 1; }},
      {"digests out of bounds", [](auto& t) { t.Digest(), t.nodes[2].count = 7; }},
      {"digests missing", [](auto& t) { t.flags |= kIndexHasDigests; }},
      {"extent past the end",
       [](auto& t) {
         t.nodes[2].flags = kNodeSparse, t.nodes[2].count = 1, t.nodes[2].data = 0,
         t.extents.push_back({0, 0, 4096});
       }},
      {"extents overlap",
       [](auto& t) {
         t.nodes[2].flags = kNodeSparse, t.nodes[2].count = 2, t.nodes[2].data = 0,
         t.extents = {{0, 0, 4}, {2, 0, 4}};
       }},
  };
  for (const Case& c : cases) {
    IndexBytes t = SmallTree();
    t.Seal();
    ASSERT_TRUE(LowerIndex::FromBytes(t.Build()));
    c.damage(t);
    auto full = LowerIndex::FromBytes(t.Build());
    EXPECT_TRUE(!full && full.error().code == Code::kCorrupt) << c.name;
    EXPECT_TRUE(LowerIndex::FromBytes(t.Build(), IndexCheck::kBounds)) << c.name;
  }
}

TEST(LowerIndex, RefusesEveryKindOfMalformedHeader) {
  IndexBytes t = SmallTree();
  const std::string good = t.Seal().Build();
  auto refuses = [&](auto change) {
    std::string bytes = good;
    IndexHeader header;
    memcpy(&header, bytes.data(), sizeof header);
    change(header);
    memcpy(bytes.data(), &header, sizeof header);
    auto got = LowerIndex::FromBytes(bytes, IndexCheck::kBounds);
    return !got && got.error().code == Code::kCorrupt;
  };
  EXPECT_TRUE(refuses([](auto& h) { h.magic[7] = '1'; }));
  EXPECT_TRUE(refuses([](auto& h) { h.node_count = 0; }));
  EXPECT_TRUE(refuses([](auto& h) { h.node_count = kNoNode; }));
  EXPECT_TRUE(refuses([](auto& h) { ++h.dirent_count; }));
  EXPECT_TRUE(refuses([](auto& h) { h.xattr_count = 0xffffffff; }));
  EXPECT_TRUE(refuses([](auto& h) { h.extent_count = 0xffffffff; }));
  EXPECT_TRUE(refuses([](auto& h) { h.digest_count = ~0ull; }));
  EXPECT_TRUE(refuses([](auto& h) { ++h.digest_count; }));
  EXPECT_TRUE(refuses([](auto& h) { h.strings_size = ~0ull; }));
  EXPECT_TRUE(refuses([](auto& h) { ++h.file_size; }));
  EXPECT_TRUE(refuses([](auto& h) { h.layer_count = 0; }));
  EXPECT_TRUE(refuses([](auto& h) { h.layer_count = 1 << 20; }));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(LowerIndex::FromBytes(good.substr(0, size), IndexCheck::kBounds)) << size;
}

TEST(LowerIndex, NoByteOfASealedIndexCanChange) {
  IndexBytes t = SmallTree();
  const std::string good = t.Seal().Digest().Build();
  EXPECT_TRUE(LowerIndex::FromBytes(good, IndexCheck::kSealed));
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    for (IndexCheck check : {IndexCheck::kSealed, IndexCheck::kFull})
      EXPECT_FALSE(LowerIndex::FromBytes(bytes, check)) << at;
  }
}

TEST(LowerIndex, KnowsTheNamesOfItsNodes) {
  IndexBytes t;
  t.Directory("usr");
  t.Directory("usr/lib");
  t.File("a", "");
  t.File("usr/lib/b", "");
  t.Seal();
  auto index = LowerIndex::FromBytes(t.Build());
  ASSERT_TRUE(index);
  for (const char* path : {"usr", "usr/lib", "a", "usr/lib/b"})
    EXPECT_EQ(index->PathOf(index->node(*index->Resolve(path))), path);
  EXPECT_EQ(index->PathOf(index->node(0)), "");
}

// Bytes that are all different, so that none stands in for another.
std::string Counted(size_t size) {
  std::string bytes(size, '\0');
  uint64_t state = size;
  for (char& c : bytes)
    c = static_cast<char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
  return bytes;
}

TEST(Lower, VerifiesWhateverIsRead) {
  constexpr size_t kChunk = kChunkBytes;
  const std::string large = Counted(3 * kChunk + 100);
  IndexBytes t;
  t.File("small", "0123456789");
  t.File("large", large);
  t.File("empty", "");
  t.Sparse("sparse", 10 * kChunk, {{5, "abc"}, {2 * kChunk, large.substr(0, kChunk + 7)}});
  t.Seal().Digest();
  Lower lower = LowerOf(t);
  lower.VerifyReads();
  EXPECT_EQ(*lower.ReadFile("small", 10), "0123456789");
  EXPECT_EQ(*lower.ReadFile("large", 1 << 20), large);
  EXPECT_EQ(*lower.ReadFile("empty", 10), "");
  std::string holes(10 * kChunk, '\0');
  holes.replace(5, 3, "abc").replace(2 * kChunk, kChunk + 7, large.substr(0, kChunk + 7));
  EXPECT_EQ(*lower.ReadFile("sparse", 1 << 20), holes);
  // Any piece, on and beside the bounds of chunks.
  const IndexNode& file = lower.index().node(*lower.index().Resolve("large"));
  for (size_t from : {size_t{0}, size_t{1}, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk, 3 * kChunk + 99})
    for (size_t size : {size_t{1}, size_t{2}, kChunk, kChunk + 2, 4 * kChunk}) {
      std::string got(size, '?');
      got.resize(*lower.Read(file, got.data(), size, from));
      EXPECT_EQ(got, large.substr(from, size)) << from << " " << size;
    }
}

TEST(Lower, RefusesBytesThatHaveChanged) {
  constexpr size_t kChunk = kChunkBytes;
  IndexBytes t;
  uint32_t small = t.File("small", "0123456789"), large = t.File("large", Counted(3 * kChunk + 100));
  uint32_t sparse = t.Sparse("sparse", 10 * kChunk, {{5, "abc"}, {2 * kChunk, Counted(100)}});
  uint32_t sound = t.File("sound", "sound");
  t.Seal().Digest();
  for (uint64_t at : {t.nodes[small].data + 3, t.nodes[large].data + kChunk + 5, t.extents[1].tar_offset})
    t.tar[at] = static_cast<char>(t.tar[at] ^ 1);
  Lower lower = LowerOf(t);
  std::vector<std::string> told;
  lower.WhenDamaged([&](const IndexNode& node, const std::string& what) {
    told.push_back(lower.index().PathOf(node) + ": " + what);
  });
  char buffer[8];
  auto read = [&](uint32_t n, uint64_t offset) {
    auto got = lower.Read(lower.index().node(n), buffer, 2, offset);
    return got ? "read" : got.error().code == Code::kCorrupt ? "corrupt" : got.error().what;
  };
  EXPECT_EQ(read(small, 8), "read") << "as long as nobody asks for more";
  lower.VerifyReads();
  EXPECT_EQ(read(small, 8), "corrupt") << "the chunk counts, not what was asked of it";
  EXPECT_EQ(read(large, kChunk - 2), "read");
  EXPECT_EQ(read(large, kChunk - 1), "corrupt");
  EXPECT_EQ(read(large, 2 * kChunk - 1), "corrupt");
  EXPECT_EQ(read(large, 2 * kChunk), "read") << "one chunk does not take the others with it";
  EXPECT_EQ(read(sparse, 5), "read");
  EXPECT_EQ(read(sparse, 2 * kChunk - 2), "read") << "a hole";
  EXPECT_EQ(read(sparse, 2 * kChunk - 1), "corrupt");
  EXPECT_EQ(read(sound, 0), "read");
  EXPECT_EQ(told, (std::vector<std::string>{"small: its bytes from 0 on are not those that were pulled",
                                            "large: its bytes from 65536 on are not those that were pulled",
                                            "large: its bytes from 65536 on are not those that were pulled",
                                            "sparse: its bytes from 0 on are not those that were pulled"}));
}

TEST(Lower, VerifiesNothingWithoutDigests) {
  IndexBytes t;
  t.File("f", "0123456789");
  Lower lower = LowerOf(t);
  lower.VerifyReads();
  EXPECT_EQ(lower.ReadFile("f", 10).error().code, Code::kCorrupt);
}

TEST(Lower, ReadsFilesAndHoles) {
  IndexBytes t;
  t.Directory("d");
  t.File("d/f", "0123456789");
  t.File("empty", "");
  t.Sparse("s", 20, {{2, "ab"}, {4, "cd"}, {10, "ef"}, {19, "z"}});
  t.Sparse("holes", 1ull << 40, {});
  t.Symlink("l", "/d/f");
  Lower lower = LowerOf(t);
  EXPECT_EQ(*lower.ReadFile("l", 10), "0123456789");
  EXPECT_EQ(lower.ReadFile("l", 9).error().code, Code::kInvalid);
  EXPECT_EQ(lower.ReadFile("d", 9).error().code, Code::kInvalid);
  EXPECT_EQ(lower.ReadFile("x", 9).error().code, Code::kNotFound);
  EXPECT_EQ(*lower.ReadFile("empty", 0), "");
  const std::string want("\0\0abcd\0\0\0\0ef\0\0\0\0\0\0\0z", 20);
  EXPECT_EQ(*lower.ReadFile("s", 100), want);
  const IndexNode& sparse = lower.index().node(*lower.index().Resolve("s"));
  for (size_t from = 0; from <= want.size() + 1; ++from)
    for (size_t size = 0; size <= want.size() + 1; ++size) {
      char buffer[32];
      auto got = lower.Read(sparse, buffer, size, from);
      ASSERT_TRUE(got);
      EXPECT_EQ(std::string(buffer, *got), from < want.size() ? want.substr(from, size) : "")
          << from << " " << size;
    }
  char buffer[16];
  const IndexNode& holes = lower.index().node(*lower.index().Resolve("holes"));
  EXPECT_EQ(*lower.Read(holes, buffer, 16, (1ull << 40) - 4), 4u);
  EXPECT_EQ(*lower.Read(holes, buffer, 16, ~0ull), 0u);
  EXPECT_EQ(lower.tar(1), -1);
}

TEST(Lower, SaysThatATarIsTooShort) {
  IndexBytes t;
  t.File("f", "0123456789");
  t.tar.pop_back();
  Lower lower = LowerOf(t);
  EXPECT_EQ(lower.ReadFile("f", 100).error().code, Code::kCorrupt);
  t.nodes[1].data = static_cast<uint64_t>(INT64_MAX) - 10;
  Lower far = LowerOf(t);
  EXPECT_EQ(far.ReadFile("f", 100).error().code, Code::kCorrupt);
  t.nodes[1].layer = 7;
  auto index = LowerIndex::FromBytes(t.Build(), IndexCheck::kBounds);
  ASSERT_TRUE(index);
  EXPECT_EQ(Lower(std::move(*index), {}).ReadFile("f", 100).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace wolffia
