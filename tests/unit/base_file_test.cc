#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

TEST(File, ReplaceIsWholeAndLeavesNothingElse) {
  TempDir dir;
  for (Durability durability : {Durability::kSafe, Durability::kVolatile}) {
    ASSERT_TRUE(ReplaceFileAt(dir.fd(), "cell", "one", 0600, durability));
    ASSERT_TRUE(ReplaceFileAt(dir.fd(), "cell", "another", 0640, durability));
    EXPECT_EQ(*ReadFileAt(dir.fd(), "cell", 100), "another");
    EXPECT_EQ(ListDirectory(dir.fd(), ".")->size(), 1u);
  }
  struct stat st;
  ASSERT_EQ(fstatat(dir.fd(), "cell", &st, 0), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
}

TEST(File, ReplaceInAMissingDirectoryIsNotFound) {
  TempDir dir;
  auto replaced = ReplaceFileAt(dir.fd(), "no/cell", "x", 0600, Durability::kVolatile);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::kNotFound);
}

TEST(File, ReadKeepsItsLimit) {
  TempDir dir;
  ASSERT_TRUE(CreateFileAt(dir.fd(), "f", std::string(1000, 'x'), 0600));
  EXPECT_EQ(ReadFileAt(dir.fd(), "f", 1000)->size(), 1000u);
  auto longer = ReadFileAt(dir.fd(), "f", 999);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, Code::kInvalid);
  EXPECT_FALSE(ReadFile("/dev/zero", 1 << 20)) << "an endless file ends at the limit";
}

TEST(File, CreateDoesNotReplace) {
  TempDir dir;
  ASSERT_TRUE(CreateFileAt(dir.fd(), "f", "1", 0600));
  EXPECT_EQ(CreateFileAt(dir.fd(), "f", "2", 0600).error().code, Code::kExists);
}

TEST(File, MakeDirectoriesMakesWhatIsMissing) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir / "a/b/c"));
  ASSERT_TRUE(MakeDirectories(dir / "a/b/c"));
  ASSERT_TRUE(CreateFileAt(dir.fd(), "f", "", 0600));
  EXPECT_FALSE(MakeDirectories(dir / "f"));
  EXPECT_FALSE(MakeDirectories(dir / "f/g"));
}

TEST(File, RemoveTreeTakesAllAndFollowsNothing) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir / "outside"));
  ASSERT_TRUE(CreateFileAt(dir.fd(), "outside/kept", "", 0600));
  ASSERT_TRUE(MakeDirectories(dir / "tree/a/b"));
  ASSERT_EQ(symlink("../outside", (dir / "tree/link").c_str()), 0);
  ASSERT_EQ(symlink("/", (dir / "tree/a/b/root").c_str()), 0);
  ASSERT_TRUE(CreateFileAt(dir.fd(), "tree/a/b/f", "", 0000));
  ASSERT_EQ(chmod((dir / "tree/a/b").c_str(), 0000), 0) << "unsearchable directories go too";
  ASSERT_TRUE(RemoveTreeAt(dir.fd(), "tree"));
  EXPECT_FALSE(ExistsAt(dir.fd(), "tree"));
  EXPECT_TRUE(ExistsAt(dir.fd(), "outside/kept"));
  EXPECT_TRUE(RemoveTreeAt(dir.fd(), "tree")) << "what is gone is no error";
}

TEST(File, RemoveTreeIsNotBoundedByDescriptorsOrStack) {
  TempDir dir;
  Fd here = *OpenDirectory(AT_FDCWD, dir.path());
  ASSERT_EQ(mkdirat(here.get(), "deep", 0700), 0);
  here = *OpenDirectory(here.get(), "deep");
  for (int i = 0; i < 3000; i++) {
    ASSERT_EQ(mkdirat(here.get(), "d", 0700), 0);
    here = *OpenDirectory(here.get(), "d");
  }
  ASSERT_TRUE(RemoveTreeAt(dir.fd(), "deep"));
  EXPECT_FALSE(ExistsAt(dir.fd(), "deep"));
}

TEST(File, OpenInRootStaysBeneath) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir / "root/etc"));
  ASSERT_TRUE(CreateFileAt(dir.fd(), "root/etc/passwd", "inside", 0600));
  ASSERT_EQ(symlink("/etc/passwd", (dir / "root/absolute").c_str()), 0);
  ASSERT_EQ(symlink("../../../../etc/passwd", (dir / "root/up").c_str()), 0);
  Fd root = *OpenDirectory(dir.fd(), "root");
  for (const char* path : {"absolute", "up", "/etc/passwd", "../../etc/passwd"}) {
    auto fd = OpenInRoot(root.get(), path, O_RDONLY);
    ASSERT_TRUE(fd) << path;
    EXPECT_EQ(*ReadFd(fd->get(), 100, path), "inside") << path;
  }
}

TEST(Random, HexHasItsLengthAndDiffers) {
  EXPECT_EQ(RandomHex(32).size(), 64u);
  EXPECT_NE(RandomHex(32), RandomHex(32));
}

}  // namespace
}  // namespace wolffia
