// The two lower sources: what OverlayTree is told of an index with its tars, and of plain directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "storage/overlay/lower_source.h"
#include "tests/unit/index_bytes.h"

namespace wolffia {
namespace {

using testing::ElementsAre;

std::unique_ptr<LowerSource> SourceOf(IndexBytes& bytes) {
  auto index = LowerIndex::FromBytes(bytes.Seal().Build(), IndexCheck::kBounds);
  EXPECT_TRUE(index) << index.error().what;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(tars[0].get(), bytes.tar));
  return MakeIndexLower(std::make_shared<Lower>(std::move(*index), std::move(tars)), {});
}

std::vector<std::string> NamesIn(LowerSource& source, LowerId directory) {
  std::vector<std::string> names;
  LowerEntry entry;
  for (uint64_t at = 0; source.EntryAt(directory, at, &entry); at = entry.position + 1)
    names.emplace_back(entry.name);
  return names;
}

std::string Copied(LowerSource& source, LowerId file) {
  Fd fd(memfd_create("copy", MFD_CLOEXEC));
  auto copied = source.CopyTo(file, fd.get());
  if (!copied) return "errno " + std::to_string(copied.error());
  std::string bytes(1 << 21, '\0');
  bytes.resize(*PreadFull(fd.get(), bytes.data(), bytes.size(), 0));
  return bytes;
}

TEST(IndexLower, TellsPlaces) {
  IndexBytes t;
  t.Directory("usr");
  uint32_t share = t.Directory("usr/share");
  uint32_t file = t.File("usr/share/b", "content");
  t.HardLink("usr/z", file);
  uint32_t bad = t.File("usr/..", "");
  auto source = SourceOf(t);
  EXPECT_EQ(source->IdLimit(), t.nodes.size());
  EXPECT_EQ(source->Lookup(share, "b"), file);
  EXPECT_EQ(source->Lookup(share, "c"), kNoLower);
  EXPECT_EQ(source->Lookup(kNoLower, "c"), kNoLower);
  EXPECT_EQ(source->Lookup(source->Resolve("usr"), ".."), kNoLower);
  EXPECT_THAT(NamesIn(*source, source->Resolve("usr")), ElementsAre("share", "z"));
  EXPECT_EQ(source->PathOf(share), "usr/share");
  EXPECT_EQ(source->PathOf(kLowerRoot), "");
  EXPECT_EQ(source->Resolve("usr/share"), share);
  EXPECT_EQ(source->Resolve("/usr//share/"), share);
  EXPECT_EQ(source->Resolve(""), kLowerRoot);
  EXPECT_EQ(source->Resolve("usr/z"), kNoLower);
  EXPECT_EQ(source->Resolve("usr/../usr"), kNoLower);
  EXPECT_EQ(source->Parent(share), source->Resolve("usr"));
  auto spot = source->Locate(file);
  EXPECT_EQ(source->Lookup(spot.directory, spot.name), file);
  EXPECT_EQ(source->Locate(bad).directory, kNoLower);
  EXPECT_EQ(source->Locate(kLowerRoot).directory, kNoLower);
  EXPECT_EQ(source->Stat(file)->st_ino, file + 1u);
  EXPECT_EQ(source->Stat(file)->st_nlink, 2u);
  EXPECT_EQ(source->Stat(static_cast<LowerId>(t.nodes.size())).error(), ESTALE);
  EXPECT_EQ(source->Type(share), mode_t{S_IFDIR});
  EXPECT_EQ(source->Type(12345), 0u);
  for (uint64_t ino : {uint64_t{1}, uint64_t{2}, ~uint64_t{0}})
    EXPECT_GT(source->UpperIno(1, ino), t.nodes.size()) << ino;
}

TEST(IndexLower, ReadsAndCopiesBytes) {
  IndexBytes t;
  std::string big(3 << 19, 'b');
  big[1 << 20] = 'c';
  uint32_t small = t.File("small", "0123456789"), large = t.File("large", big), empty = t.File("empty", "");
  uint32_t sparse = t.Sparse("sparse", 1 << 20, {{4096, "data"}});
  uint32_t past = t.File("past", "xx");
  t.nodes[past].size = 100000;  // the tar has no so many
  uint32_t link = t.Symlink("link", "small");
  auto source = SourceOf(t);
  EXPECT_EQ(Copied(*source, small), "0123456789");
  EXPECT_EQ(Copied(*source, large), big);
  EXPECT_EQ(Copied(*source, empty), "");
  std::string holes(1 << 20, '\0');
  EXPECT_EQ(Copied(*source, sparse), holes.replace(4096, 4, "data"));
  EXPECT_EQ(Copied(*source, past), "errno " + std::to_string(EIO));
  EXPECT_EQ(Copied(*source, kLowerRoot), "errno " + std::to_string(EINVAL));
  char buffer[16];
  EXPECT_EQ(source->Read(small, buffer, 16, 7), 3u);
  EXPECT_EQ(source->Read(small, buffer, 16, 10), 0u);
  EXPECT_EQ(source->Read(past, buffer, 16, 99000).error(), EIO);
  EXPECT_EQ(source->Seek(sparse, 0, SEEK_DATA), 4096);
  EXPECT_EQ(source->Seek(sparse, 8192, SEEK_DATA).error(), ENXIO);
  EXPECT_EQ(*source->ReadLink(link), "small");
  EXPECT_EQ(source->ReadLink(small).error(), EINVAL);
}

TEST(IndexLower, HidesTheOverlaysOwnWords) {
  IndexBytes t;
  uint32_t file = t.File("f", "");
  for (const char* name :
       {"user.overlay.opaque", "user.wolffia.origin", "user.containers.override_stat", "user.mine"})
    t.Xattr(file, name, "1");
  auto source = SourceOf(t);
  EXPECT_THAT(source->XattrNames(file), ElementsAre("user.mine"));
  EXPECT_EQ(*source->Xattr(file, "user.mine"), "1");
  EXPECT_EQ(source->Xattr(file, "user.wolffia.origin").error(), ENODATA);
  EXPECT_EQ(source->Xattr(file, "user.containers.override_stat").error(), ENODATA);
}

}  // namespace
}  // namespace wolffia
