// What wolffia-overlayfs puts in front of an upper: owners shown as others, and modes that shut us out.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "storage/overlay/lending_upper.h"
#include "storage/overlay/mapped_upper.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

class UpperInFront : public testing::Test {
 protected:
  std::unique_ptr<UpperStore> Open(UpperIds ids) {
    EXPECT_TRUE(MakeDirectories(dir_ / "upper"));
    EXPECT_TRUE(MakeDirectories(dir_ / "work"));
    auto store =
        UpperStore::Open(*OpenDirectory(dir_.fd(), "upper"), *OpenDirectory(dir_.fd(), "work"), {.ids = ids});
    EXPECT_TRUE(store) << store.error().what;
    return *std::move(store);
  }
  mode_t HostMode(const std::string& name) {
    struct stat st{};
    EXPECT_EQ(lstat((dir_ / "upper/" + name).c_str(), &st), 0) << name;
    return st.st_mode & 07777;
  }
  TempDir dir_;
};

TEST_F(UpperInFront, ShowsOtherOwners) {
  OwnerMaps owners{.users = OwnerMap({{0, 1000, 10}}, {}), .groups = OwnerMap({}, 5)};
  auto store = MapOwners(Open(UpperIds::kOverride), owners);
  UpperSpot at{store->rootfd(), "f"};
  EXPECT_EQ(store->CreatePlain(at, S_IFREG | 0644).error(), EEXIST);
  ASSERT_TRUE(
      store->Place(*store->Stage({.ownership = {.mode = S_IFREG | 0644, .uid = 1003, .gid = 99}}), at));
  UpperObject object = *store->Look(at.dirfd, at.name);
  EXPECT_EQ(object.st.st_uid, 1003u);
  EXPECT_EQ(object.st.st_gid, 5u);
  ASSERT_TRUE(store->SetAttributes(at, object, {.uid = 1000, .gid = 77}));
  EXPECT_EQ(store->Look(at.dirfd, at.name)->st.st_uid, 1000u);
  EXPECT_EQ(store->SetAttributes(at, object, {.uid = 3}).error(), EINVAL);
  store = Open(UpperIds::kOverride);
  EXPECT_EQ(store->Look(store->rootfd(), "f")->st.st_uid, 0u);
  EXPECT_EQ(store->Look(store->rootfd(), "f")->st.st_gid, 0u);
}

TEST_F(UpperInFront, GivesBackWhatNeedsNothing) {
  auto store = Open(UpperIds::kOverride);
  UpperStore* same = store.get();
  EXPECT_EQ(LendModes(MapOwners(std::move(store), {})).get(), same);
}

TEST_F(UpperInFront, OpensWhatIsShutToItsOwner) {
  if (geteuid() == 0) GTEST_SKIP() << "root is shut out of nothing";
  auto store = LendModes(Open(UpperIds::kNative));
  NewObject file{.ownership = {.mode = S_IFREG | 0400, .uid = geteuid(), .gid = getegid()},
                 .xattrs = {{"user.x", "1"}},
                 .origin = 77};
  NewObject directory{.ownership = {.mode = S_IFDIR, .uid = geteuid(), .gid = getegid()}, .redirect = "a"};
  UpperSpot f{store->rootfd(), "f"}, d{store->rootfd(), "d"};
  ASSERT_TRUE(store->Place(*store->Stage(file), f));
  ASSERT_TRUE(store->Place(*store->Stage(directory), d));
  EXPECT_EQ(HostMode("f"), 0400u);
  EXPECT_EQ(HostMode("d"), 0u);
  ASSERT_EQ(chmod((dir_ / "upper/f").c_str(), 0), 0);
  UpperObject object = *store->Look(f.dirfd, f.name);
  EXPECT_EQ(object.origin, 77u);
  EXPECT_EQ(object.st.st_mode, mode_t{S_IFREG});
  EXPECT_TRUE(store->OpenFile(f.dirfd, f.name));
  EXPECT_EQ(*store->GetXattr(f, object, "user.x"), "1");
  EXPECT_TRUE(store->SetXattr(f, object, "user.y", "2", 0));
  EXPECT_EQ(store->Look(d.dirfd, d.name)->redirect, "a");
  EXPECT_TRUE(store->SetOpaque(d));
  auto fd = store->OpenDirectory(d.dirfd, d.name);
  ASSERT_TRUE(fd);
  EXPECT_TRUE(store->List(fd->get()));
  EXPECT_EQ(HostMode("f"), 0u);
  EXPECT_EQ(HostMode("d"), 0u);
  ASSERT_TRUE(
      store->Place(*store->Stage({.ownership = {.mode = S_IFDIR | 0755, .uid = geteuid(), .gid = getegid()}}),
                   {store->rootfd(), "into"}));
  Fd into = *store->OpenDirectory(store->rootfd(), "into");
  ASSERT_TRUE(store->Move(d, {into.get(), "d"}, false));
  EXPECT_EQ(HostMode("into/d"), 0u);
  auto orphan = store->MakeOrphan({into.get(), "d"}, false);
  ASSERT_TRUE(orphan);
  EXPECT_TRUE(store->DropOrphan(*orphan));
  ASSERT_EQ(chmod((dir_ / "upper/f").c_str(), 0600), 0);
}

}  // namespace
}  // namespace wolffia
