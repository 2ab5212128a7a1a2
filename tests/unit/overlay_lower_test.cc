// The two lower sources: what OverlayTree is told of an index with its tars, and of plain directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <thread>

#include "engine/base/file.h"
#include "storage/overlay/directory_lower.h"
#include "storage/overlay/lower_source.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

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

// The kernel could copy them without our seeing them.
TEST(IndexLower, CopiesNoBytesThatFailTheirVerification) {
  IndexBytes t;
  std::string big(5 << 19, 'b');
  uint32_t sound = t.File("sound", big), bad = t.File("bad", big);
  uint32_t sparse = t.Sparse("sparse", 1 << 20, {{4096, "data"}}),
           holes = t.Sparse("holes", 1 << 20, {{8192, "data"}});
  t.Seal().Digest();
  t.tar[t.nodes[bad].data + (2 << 20) + 17] = 'c';
  t.tar[t.extents[1].tar_offset] = 'D';
  auto index = LowerIndex::FromBytes(t.Build(), IndexCheck::kBounds);
  ASSERT_TRUE(index) << index.error().what;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
  ASSERT_TRUE(WriteFull(tars[0].get(), t.tar));
  auto lower = std::make_shared<Lower>(std::move(*index), std::move(tars));
  lower->VerifyReads();
  auto source = MakeIndexLower(lower, {});
  EXPECT_EQ(Copied(*source, sound), big.substr(0, 1 << 21));
  EXPECT_EQ(Copied(*source, bad), "errno " + std::to_string(EIO));
  EXPECT_EQ(Copied(*source, sparse), std::string(1 << 20, '\0').replace(4096, 4, "data"));
  EXPECT_EQ(Copied(*source, holes), "errno " + std::to_string(EIO));
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

// Directories below one TempDir, and what they make when they are merged.
class Layers {
 public:
  std::string operator/(const std::string& path) const { return dir_ / path; }
  void Directory(const std::string& path) { EXPECT_TRUE(MakeDirectories(dir_ / path, 0755)); }
  void File(const std::string& path, std::string_view content = "") {
    Directory(SplitPath(path).first);
    EXPECT_TRUE(CreateFileAt(dir_.fd(), path, content, 0644));
  }
  void Whiteout(const std::string& path) {
    Directory(SplitPath(path).first);
    EXPECT_EQ(mknod((dir_ / path).c_str(), S_IFCHR, 0), 0) << strerror(errno);
  }
  void Xattr(const std::string& path, const char* name, std::string_view value) {
    EXPECT_EQ(setxattr((dir_ / path).c_str(), name, value.data(), value.size(), 0), 0) << strerror(errno);
  }
  std::unique_ptr<LowerSource> Merge(const std::vector<std::string>& layers,
                                     DirectoryLowerOptions options = {}) {
    std::vector<Fd> fds;
    for (const std::string& layer : layers) fds.push_back(*OpenDirectory(dir_.fd(), layer));
    return *MakeDirectoryLower(std::move(fds), std::move(options));
  }

 private:
  TempDir dir_;
};

std::vector<std::string> Tree(LowerSource& source, LowerId directory = kLowerRoot,
                              const std::string& prefix = "") {
  std::vector<std::string> paths;
  LowerEntry entry;
  for (uint64_t at = 0; source.EntryAt(directory, at, &entry); at = entry.position + 1) {
    std::string path = prefix + std::string(entry.name);
    bool is_directory = source.Type(entry.id) == S_IFDIR;
    paths.push_back(path + (is_directory ? "/" : "=" + Copied(source, entry.id)));
    EXPECT_EQ(source.Lookup(directory, entry.name), entry.id);
    auto spot = source.Locate(entry.id);
    EXPECT_EQ(source.Lookup(spot.directory, spot.name), entry.id);
    if (!is_directory) continue;
    EXPECT_EQ(source.PathOf(entry.id), path);
    EXPECT_EQ(source.Resolve(path), entry.id);
    EXPECT_EQ(source.Parent(entry.id), directory);
    auto below = Tree(source, entry.id, path + "/");
    paths.insert(paths.end(), below.begin(), below.end());
  }
  return paths;
}

TEST(DirectoryLower, MergesLayers) {
  Layers l;
  l.File("low/both/a", "low");
  l.File("low/both/b", "low");
  l.File("low/file-over-directory/x", "x");
  l.File("low/directory-over-file", "f");
  l.File("low/gone", "1");
  l.File("low/gone-too", "1");
  l.File("low/opaque/old", "1");
  l.File("low/opaque-too/old", "1");
  l.File("low/only", "1");
  l.File("high/both/b", "high");
  l.File("high/both/c", "high");
  l.File("high/file-over-directory", "y");
  l.File("high/directory-over-file/z", "z");
  l.Whiteout("high/gone");
  l.File("high/.wh.gone-too");
  l.File("high/opaque/new", "2");
  l.Xattr("high/opaque", "user.overlay.opaque", "y");
  l.File("high/opaque-too/new", "2");
  l.File("high/opaque-too/.wh..wh..opq");
  l.File("high/.wh..wh.plnk");
  l.File("high/twice", "new");
  l.File("high/.wh.twice");
  l.File("low/twice", "old");
  auto source = l.Merge({"high", "low"});
  EXPECT_THAT(Tree(*source),
              ElementsAre("both/", "both/a=low", "both/b=high", "both/c=high", "directory-over-file/",
                          "directory-over-file/z=z", "file-over-directory=y", "only=1", "opaque/",
                          "opaque/new=2", "opaque-too/", "opaque-too/new=2", "twice=new"));
  EXPECT_EQ(source->Stat(kLowerRoot)->st_nlink, 2u + 4);
  EXPECT_EQ(source->Stat(source->Resolve("both"))->st_nlink, 2u);
  EXPECT_EQ(source->Lookup(kLowerRoot, "gone"), kNoLower);
  EXPECT_THAT(source->XattrNames(source->Resolve("opaque")), ElementsAre());
}

TEST(DirectoryLower, FollowsRedirects) {
  Layers l;
  l.File("low/old/place/a", "a");
  l.File("low/old/place/b", "b");
  l.File("low/here/c", "c");
  l.File("low/loop/d", "d");
  l.Whiteout("middle/old/place/b");
  l.Directory("middle/moved");
  l.Xattr("middle/moved", "user.overlay.redirect", "here");
  l.Whiteout("middle/here");
  l.Directory("high/new");
  l.Xattr("high/new", "user.overlay.redirect", "/old/place");
  l.Directory("high/again");
  l.Xattr("high/again", "user.overlay.redirect", "/moved");
  l.Whiteout("high/old");
  l.Whiteout("high/moved");
  l.Directory("high/bad");
  l.Xattr("high/bad", "user.overlay.redirect", "/../etc");
  l.Directory("high/missing");
  l.Xattr("high/missing", "user.overlay.redirect", "/nowhere");
  auto source = l.Merge({"high", "middle", "low"});
  EXPECT_THAT(Tree(*source),
              ElementsAre("again/", "again/c=c", "bad/", "loop/", "loop/d=d", "missing/", "new/", "new/a=a"));
  EXPECT_EQ(source->Stat(source->Resolve("bad")).error(), EIO);
}

TEST(DirectoryLower, GivesOneNumberToHardLinks) {
  Layers l;
  l.File("low/d/a", "1");
  ASSERT_EQ(link((l / "low/d/a").c_str(), (l / "low/b").c_str()), 0);
  l.Directory("high");
  auto source = l.Merge({"high", "low"});
  LowerId b = source->Lookup(kLowerRoot, "b");
  EXPECT_EQ(source->Lookup(source->Resolve("d"), "a"), b);
  EXPECT_EQ(source->Stat(b)->st_nlink, 2u);
  struct stat st{};
  ASSERT_EQ(lstat((l / "low/b").c_str(), &st), 0);
  EXPECT_EQ(source->Stat(b)->st_ino, st.st_ino);
  EXPECT_EQ(source->UpperIno(st.st_dev, 77), 77u);
  EXPECT_NE(source->UpperIno(st.st_dev + 1, st.st_ino), st.st_ino);
  EXPECT_EQ(source->Locate(b).name, "b");
}

TEST(DirectoryLower, FollowsNoLinkOfTheHost) {
  Layers l;
  l.File("secret/f", "s");
  l.Directory("low");
  l.Directory("high/d");
  ASSERT_EQ(symlink("../secret", (l / "low/d").c_str()), 0);
  ASSERT_EQ(symlink("../secret", (l / "low/e").c_str()), 0);
  auto source = l.Merge({"high", "low"});
  EXPECT_THAT(Tree(*source), ElementsAre("d/", "e=errno " + std::to_string(EINVAL)));
  LowerId link = source->Lookup(kLowerRoot, "e");
  EXPECT_EQ(*source->ReadLink(link), "../secret");
  EXPECT_EQ(source->Lookup(link, "f"), kNoLower);
  EXPECT_EQ(source->Lookup(kLowerRoot, ".."), kNoLower);
}

TEST(DirectoryLower, ReadsOverridesAndMapsOwners) {
  Layers l;
  l.File("low/f", "12345");
  l.Xattr("low/f", "user.containers.override_stat", "7:8:4755:file");
  l.Xattr("low/f", "user.wolffia.x.security.capability", "cap");
  l.Xattr("low/f", "user.mine", "1");
  l.File("low/link", "target");
  l.Xattr("low/link", "user.containers.override_stat", "0:0:0777:symlink");
  l.File("low/null");
  l.Xattr("low/null", "user.containers.override_stat", "0:5:0666:char-1-3");
  l.File("low/hidden");
  l.File("high/hidden");
  l.Xattr("high/hidden", "user.containers.override_stat", "0:0:0000:char-0-0");
  l.File("low/plain");
  auto source =
      l.Merge({"high", "low"},
              {.ids = UpperIds::kOverride,
               .owners = {.users = OwnerMap({{0, 1000, 1}, {7, 2000, 1}}, {}), .groups = OwnerMap({}, 3)}});
  auto stat = [&](const char* name) { return *source->Stat(source->Lookup(kLowerRoot, name)); };
  EXPECT_EQ(stat("f").st_mode, S_IFREG | 04755u);
  EXPECT_EQ(stat("f").st_uid, 2000u);
  EXPECT_EQ(stat("f").st_gid, 3u);
  EXPECT_EQ(stat("plain").st_uid, 1000u);
  EXPECT_EQ(stat("null").st_rdev, makedev(1, 3));
  EXPECT_EQ(source->Type(source->Lookup(kLowerRoot, "null")), mode_t{S_IFCHR});
  EXPECT_EQ(*source->ReadLink(source->Lookup(kLowerRoot, "link")), "target");
  EXPECT_EQ(source->Lookup(kLowerRoot, "hidden"), kNoLower);
  LowerId f = source->Lookup(kLowerRoot, "f");
  EXPECT_THAT(source->XattrNames(f), testing::UnorderedElementsAre("security.capability", "user.mine"));
  EXPECT_EQ(*source->Xattr(f, "security.capability"), "cap");
  EXPECT_EQ(source->Xattr(f, "user.wolffia.x.security.capability").error(), ENODATA);
}

TEST(DirectoryLower, CopiesHoles) {
  Layers l;
  l.File("low/f");
  Fd fd = *Open(l / "low/f", O_RDWR);
  ASSERT_EQ(ftruncate(fd.get(), 8 << 20), 0);
  ASSERT_EQ(pwrite(fd.get(), "data", 4, 4 << 20), 4);
  auto source = l.Merge({"low"});
  LowerId f = source->Lookup(kLowerRoot, "f");
  Fd copy = *Open(l / "copy", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(source->CopyTo(f, copy.get()));
  struct stat st{};
  fstat(copy.get(), &st);
  EXPECT_EQ(st.st_size, 8 << 20);
  EXPECT_LT(st.st_blocks * 512, 1 << 20);
  char buffer[4];
  EXPECT_EQ(source->Read(f, buffer, 4, 4 << 20), 4u);
  EXPECT_EQ(std::string(buffer, 4), "data");
  EXPECT_EQ(source->Seek(f, 0, SEEK_DATA), 4 << 20);
}

// More directories than descriptors.
TEST(DirectoryLower, KeepsFewDescriptors) {
  Layers l;
  std::vector<std::string> expected;
  std::string path = "low";
  for (int i = 0; i < 300; ++i) {
    path += "/d";
    l.File(path + "/f", "1");
  }
  for (int i = 0; i < 100; ++i) l.File("low/side" + std::to_string(i) + "/f", "1");
  auto source = l.Merge({"low"}, {.descriptors = 12});
  EXPECT_EQ(Tree(*source).size(), 800u);
  EXPECT_LT(ListDirectory(AT_FDCWD, "/proc/self/fd")->size(), 40u);
  EXPECT_EQ(source->IdLimit(), 801u);
}

TEST(DirectoryLower, IsReadByThreadsAtOnce) {
  Layers l;
  for (int i = 0; i < 40; ++i) {
    l.File("low/d" + std::to_string(i % 8) + "/e/f" + std::to_string(i), "1");
    l.File("high/d" + std::to_string(i % 8) + "/e/g" + std::to_string(i), "22");
  }
  ASSERT_EQ(link((l / "low/d0/e/f0").c_str(), (l / "low/d1/e/same").c_str()), 0);
  auto source = l.Merge({"high", "low"}, {.descriptors = 12});
  std::vector<std::vector<std::string>> trees(4);
  std::vector<std::thread> threads;
  for (auto& tree : trees) threads.emplace_back([&] { tree = Tree(*source); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(trees[0].size(), 8u * 2 + 81);
  for (auto& tree : trees) EXPECT_EQ(tree, trees[0]);
  EXPECT_EQ(source->IdLimit(), 1 + 8 * 2 + 80u);
}

}  // namespace
}  // namespace wolffia
