// Store::Open, staging and sweeping.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using StoreOpenTest = StoreFixture;

TEST_F(StoreOpenTest, MakesItsLayoutOnceAndKeepsOthersOut) {
  EXPECT_THAT(Names("."), ElementsAre("blobs", "containers", "format", "images", "index", "names", "secrets",
                                      "tmp", "volumes"));
  struct stat st;
  ASSERT_EQ(stat((dir_ / "root").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  ASSERT_EQ(stat((dir_ / "run").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  EXPECT_TRUE(Reopen());
}

TEST_F(StoreOpenTest, FinishesAnInterruptedFirstUse) {
  ASSERT_TRUE(MakeDirectories(dir_ / "half/blobs"));
  ASSERT_TRUE(CreateFileAt(dir_.fd(), "half/.format.0011223344556677.tmp", "wolff", 0600));
  auto store = Store::Open({.root = dir_ / "half", .runroot = dir_ / "run"});
  ASSERT_TRUE(store) << store.error().what;
  EXPECT_TRUE(ExistsAt(store->root(), "blobs/sha256"));
}

TEST_F(StoreOpenTest, RefusesWhatIsNotItsOwn) {
  struct Row {
    const char* why;
    std::function<void(const std::string& root)> prepare;
    Code code;
    const char* says;
  };
  auto file = [](const std::string& path, const char* text) {
    Must(ReplaceFileAt(AT_FDCWD, path, text, 0600, Durability::kVolatile));
  };
  const std::vector<Row> rows = {
      {"holds something else", [&](auto& r) { Must(MakeDirectories(r)), file(r + "/thesis.tex", "x"); },
       Code::kInvalid, "it is not empty (it holds 'thesis.tex')"},
      {"of a later version",
       [&](auto& r) { Must(MakeDirectories(r)), file(r + "/format", "wolffia store 2\n"); },
       Code::kUnsupported, "does not know"},
      {"a file", [&](auto& r) { file(r, "x"); }, Code::kNotFound, "Not a directory"},
      {"others may write", [&](auto& r) { Must(MakeDirectories(r)), chmod(r.c_str(), 0777); }, Code::kDenied,
       "chmod go-w"},
      {"closed", [&](auto& r) { Must(MakeDirectories(r)), chmod(r.c_str(), 0); }, Code::kDenied,
       "Permission denied"},
      {"cannot be made", [&](auto& r) { Must(MakeDirectories(r)), chmod(r.c_str(), 0500); }, Code::kDenied,
       "Permission denied; choose another directory with --root"},
      {"below a closed one",
       [&](auto& r) { Must(MakeDirectories(SplitPath(r).first)), chmod(SplitPath(r).first.c_str(), 0500); },
       Code::kDenied, "make directory"},
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(rows[i].why);
    std::string root = dir_ / ("home" + std::to_string(i) + "/root");
    ASSERT_TRUE(MakeDirectories(SplitPath(root).first));
    rows[i].prepare(root);
    auto store = Store::Open({.root = root, .runroot = dir_ / "run"});
    if (geteuid() == 0 && rows[i].says == std::string_view("Permission denied")) continue;
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, rows[i].code) << store.error().what;
    EXPECT_THAT(store.error().what, HasSubstr(rows[i].says));
    EXPECT_THAT(store.error().what, HasSubstr(SplitPath(root).first));
  }
  EXPECT_THAT(Store::Open({.root = ""}).error().what, HasSubstr("HOME"));
  auto foreign = Store::Open({.root = "/", .runroot = dir_ / "run"});
  if (geteuid() != 0) {
    EXPECT_THAT(foreign.error().what, HasSubstr("belongs to user 0"));
  }
}

TEST_F(StoreOpenTest, NeverFollowsALinkToTheRuntimeDirectory) {
  ASSERT_EQ(symlink("run", (dir_ / "link").c_str()), 0);
  auto store = Store::Open({.root = dir_ / "root", .runroot = dir_ / "link"});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().what, HasSubstr("link is not a directory"));
}

TEST_F(StoreOpenTest, ReadsAStoreThatItMayNotWrite) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  ImageRecord image = Must(ImportImage(store_, "docker.io/library/a:1", {{{"f", "x"}}}));
  for (const char* directory : {"tmp", "images", "."})
    ASSERT_EQ(fchmodat(store_.root(), directory, 0500, 0), 0);
  auto store = Reopen();
  ASSERT_TRUE(store) << store.error().what;
  EXPECT_EQ(Must(ImageStore(*store).List()).size(), 1u);
  EXPECT_TRUE(ImageStore(*store).OpenLower(image.chain, image.diff_ids));
  EXPECT_TRUE(Staging::Sweep(*store));
  auto staging = Staging::Begin(*store);
  ASSERT_FALSE(staging);
  EXPECT_EQ(staging.error().code, Code::kDenied);
  EXPECT_THAT(staging.error().what, HasSubstr("the store " + dir_ / "root" + " cannot be written"));
}

TEST_F(StoreOpenTest, StagingIsGoneWithItsObject) {
  {
    Staging staging = Must(Staging::Begin(store_));
    ASSERT_TRUE(CreateFileAt(staging.dirfd(), "half", "done", 0600));
    ASSERT_EQ(mkdirat(staging.dirfd(), "directory", 0), 0);
    Staging moved = std::move(staging);
    EXPECT_TRUE(Staging::Sweep(store_));
    EXPECT_TRUE(ExistsAt(store_.root(), moved.path() + "/half")) << "a live staging directory is not swept";
    EXPECT_EQ(Staging::Begin(store_, moved.path().substr(4)).error().code, Code::kBusy);
  }
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

// A sweep holds the lock for a moment of what it takes for dead work, and removes it.
TEST_F(StoreOpenTest, StagingWaitsForASweep) {
  const std::string id(16, 'a'), lock = "tmp/" + id + ".lock";
  auto held = Must(FileLock::TryAcquire(store_.root(), lock));
  std::thread sweep([&] {
    poll(nullptr, 0, 50);
    unlinkat(store_.root(), lock.c_str(), 0);
    held->Release();
  });
  auto staging = Staging::Begin(store_, id);
  sweep.join();
  EXPECT_TRUE(staging);
}

TEST_F(StoreOpenTest, SweepRemovesWhatDeadWorkLeft) {
  for (const char* directory :
       {"tmp/0123456789abcdef/deep/deeper", "tmp/1111111111111111", "tmp/2222222222222222.old/x"})
    ASSERT_TRUE(MakeDirectories(dir_ / "root/" + directory));
  ASSERT_TRUE(CreateFileAt(store_.root(), "tmp/0123456789abcdef.lock", "", 0600));
  ASSERT_TRUE(CreateFileAt(store_.root(), "tmp/3333333333333333.old", "", 0600));
  ASSERT_TRUE(CreateFileAt(store_.root(), "tmp/mine", "", 0600));
  EXPECT_THAT(Findings(store_), HasSubstr("tmp/1111111111111111: left over"));
  EXPECT_TRUE(Staging::Sweep(store_));
  EXPECT_THAT(Names("tmp"), ElementsAre("mine")) << "what it does not know it leaves alone";
}

TEST_F(StoreOpenTest, DiscardIsIdempotent) {
  ASSERT_TRUE(MakeDirectories(dir_ / "root/volumes/v/data"));
  EXPECT_TRUE(Staging::Discard(store_, "volumes/v"));
  EXPECT_TRUE(Staging::Discard(store_, "volumes/v"));
  EXPECT_THAT(Names("volumes"), IsEmpty());
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

}  // namespace
}  // namespace wolffia
