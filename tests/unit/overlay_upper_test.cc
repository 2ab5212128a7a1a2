// The upper's formats, and its operations on each kind of file system (played by switching capabilities off).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "storage/overlay/upper_intent.h"
#include "storage/overlay/upper_xattrs.h"
#include "tests/unit/overlay_upper_tree.h"

namespace wolffia {
namespace {

using testing::UnorderedElementsAre;
using Kind = UpperObject::Kind;

TEST(UpperObject, OverridesAreWrittenAndReadAsTheSame) {
  const std::pair<const char*, Ownership> kTexts[] = {
      {"0:0:0755:dir", {S_IFDIR | 0755, 0, 0, 0}},
      {"1000:100:4755:file", {S_IFREG | 04755, 1000, 100, 0}},
      {"4294967294:65534:0000:pipe", {S_IFIFO, 4294967294, 65534, 0}},
      {"0:0:0777:symlink", {S_IFLNK | 0777, 0, 0, 0}},
      {"1:2:0140:socket", {S_IFSOCK | 0140, 1, 2, 0}},
      {"0:6:0660:block-8-1", {S_IFBLK | 0660, 0, 6, makedev(8, 1)}},
      {"0:0:0000:char-0-0", {S_IFCHR, 0, 0, 0}},
      {"0:5:0666:char-4095-1048575", {S_IFCHR | 0666, 0, 5, makedev(4095, 1048575)}},
  };
  for (const auto& [text, ownership] : kTexts) {
    EXPECT_EQ(FormatOverride(ownership), text);
    EXPECT_EQ(ParseOverride(text), ownership) << text;
  }
  // As others write them.
  EXPECT_EQ(ParseOverride("0:0:04755:file"), (Ownership{.mode = S_IFREG | 04755}));
  EXPECT_EQ(ParseOverride("5:6:0644"), (Ownership{0644, 5, 6, 0}));
  for (const char* bad : {"",
                          ":",
                          "0:0",
                          "0:0:",
                          "0:0:0755:",
                          "0:0:0755:door",
                          "0:0:0858:dir",
                          "0:0:17777:dir",
                          "-1:0:0755:dir",
                          "0:0x1:0755:dir",
                          "0: 0:0755:dir",
                          "4294967296:0:0755:dir",
                          "0:0:0755:dir ",
                          "0:0:0755:dir:",
                          "0:0:0666:char-1",
                          "0:0:0666:char-1-",
                          "0:0:0666:char--1",
                          "0:0:0666:char-1-2-3",
                          "0:0:0666:block",
                          "0:0:0644:file:0"})
    EXPECT_EQ(ParseOverride(bad), std::nullopt) << bad;
}

TEST(UpperObject, PlainIsWhatTheHostCanSay) {
  struct {
    Ownership ownership;
    bool plain;
    mode_t host;
  } const kCases[] = {
      {{S_IFREG | 0644}, true, S_IFREG | 0644},        {{S_IFREG | 0600}, true, S_IFREG | 0600},
      {{S_IFREG | 0444}, false, S_IFREG | 0600},       {{S_IFREG | 04755}, false, S_IFREG | 0600},
      {{S_IFREG | 0644, 1, 0}, false, S_IFREG | 0600}, {{S_IFREG | 0644, 0, 1}, false, S_IFREG | 0600},
      {{S_IFDIR | 0755}, true, S_IFDIR | 0755},        {{S_IFDIR | 01777}, false, S_IFDIR | 0700},
      {{S_IFDIR | 0500}, false, S_IFDIR | 0700},       {{S_IFLNK | 0777}, true, S_IFLNK | 0777},
      {{S_IFLNK | 0777, 7, 7}, false, S_IFREG | 0600}, {{S_IFIFO | 0644}, false, S_IFREG | 0600},
      {{S_IFSOCK | 0755}, false, S_IFREG | 0600},      {{S_IFCHR | 0666}, false, S_IFREG | 0600},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(IsPlain(c.ownership), c.plain) << FormatOverride(c.ownership);
    EXPECT_EQ(HostMode(c.ownership), c.host) << FormatOverride(c.ownership);
  }
}

TEST(UpperXattrs, TheContainersNamesAndOursAreApart) {
  struct {
    const char *name, *override_ids, *native_ids;
  } const kNames[] = {
      {"user.mime", "user.mime", "user.mime"},
      {"security.capability", "user.wolffia.x.security.capability", "security.capability"},
      {"system.posix_acl_access", "user.wolffia.x.system.posix_acl_access", "system.posix_acl_access"},
      {"user.overlay.opaque", "user.wolffia.x.user.overlay.opaque", "user.wolffia.x.user.overlay.opaque"},
      {"user.wolffia.x.a", "user.wolffia.x.user.wolffia.x.a", "user.wolffia.x.user.wolffia.x.a"},
      {"user.containers.override_stat", "user.wolffia.x.user.containers.override_stat",
       "user.wolffia.x.user.containers.override_stat"},
      {"trusted.overlay.opaque", "user.wolffia.x.trusted.overlay.opaque",
       "user.wolffia.x.trusted.overlay.opaque"},
  };
  for (const auto& n : kNames) {
    EXPECT_EQ(KeptXattrName(UpperIds::kOverride, n.name), n.override_ids);
    EXPECT_EQ(KeptXattrName(UpperIds::kNative, n.name), n.native_ids);
    EXPECT_EQ(ContainerXattrName(UpperIds::kOverride, n.override_ids), n.name);
    EXPECT_EQ(ContainerXattrName(UpperIds::kNative, n.native_ids), n.name);
  }
  for (const char* hidden : {kOverrideXattr, kOpaqueXattr, kRedirectXattr, kOriginXattr, kPendingLinksXattr,
                             "user.wolffia.x.", "user.wolffia.x.user.mime", "trusted.overlay.opaque"})
    for (UpperIds ids : {UpperIds::kOverride, UpperIds::kNative})
      EXPECT_EQ(ContainerXattrName(ids, hidden), std::nullopt) << hidden;
  EXPECT_EQ(ContainerXattrName(UpperIds::kOverride, "security.selinux"), std::nullopt);
  EXPECT_EQ(ContainerXattrName(UpperIds::kNative, "security.selinux"), "security.selinux");
}

TEST(UpperIntent, ATornLineIsNone) {
  Intent intent{.kind = Intent::Kind::kMove,
                .ino = 123456789012345,
                .from = {"u/a b/%\n\xff", "na me"},
                .to = {"w", "o.7"},
                .leave_whiteout = 1,
                .covered = 1};
  std::string line = FormatIntent(intent);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(ParseIntent(line), intent);
  EXPECT_EQ(ParseIntent(line + "the rest of an older, longer line\n"), intent);
  for (size_t n = 0; n < line.size(); n++) EXPECT_EQ(ParseIntent(line.substr(0, n)), std::nullopt) << n;
  for (size_t n = 0; n + 1 < line.size(); n++) {
    std::string wrong = line;
    wrong[n] = static_cast<char>(wrong[n] ^ 1);
    EXPECT_EQ(ParseIntent(wrong), std::nullopt) << n;
  }
}

TEST(XattrStore, EveryWayReachesTheSame) {
  for (XattrWay way : {XattrWay::kAt, XattrWay::kProc, XattrWay::kOpen}) {
    if (way < BestXattrWay()) continue;
    UpperPlace place(UpperBases()[0]);
    Fd dir = std::move(*OpenDirectory(AT_FDCWD, place.path()));
    auto store = MakeFileXattrStore(nullptr, way);
    ASSERT_EQ(symlinkat("upper", dir.get(), "link"), 0);
    ASSERT_TRUE(CreateFileAt(dir.get(), "file", "", 0600));
    for (const char* name : {"file", "upper"}) {
      UpperRef ref{.dirfd = dir.get(), .name = name};
      std::string large(2000, 'v');
      EXPECT_TRUE(store->List(ref)->empty());
      EXPECT_EQ(store->Get(ref, "user.a").error(), ENODATA);
      EXPECT_EQ(store->Remove(ref, "user.a").error(), ENODATA);
      ASSERT_TRUE(store->Set(ref, "user.a", large, XATTR_CREATE));
      EXPECT_EQ(store->Set(ref, "user.a", "", XATTR_CREATE).error(), EEXIST);
      EXPECT_EQ(store->Get(ref, "user.a"), large);
      for (int i = 0; i < 20; i++)
        ASSERT_TRUE(store->Set(ref, "user." + std::string(80, 'n') + std::to_string(i), ""));
      EXPECT_EQ(store->List(ref)->size(), 21u);
      ASSERT_TRUE(store->Remove(ref, "user.a"));
    }
    UpperRef link{.dirfd = dir.get(), .name = "link"};
    EXPECT_TRUE(store->List(link)->empty()) << "of the link, not of what it leads to";
    EXPECT_EQ(store->Get(link, "user.a").error(), ENODATA);
    EXPECT_FALSE(store->Set(link, "user.a", ""));
    EXPECT_EQ(store->List({.dirfd = dir.get(), .name = "none"}).error(), ENOENT);
  }
}

class Upper : public testing::TestWithParam<Variation> {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = place_.Open({.allowed = GetParam().allowed});
    ASSERT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
    root_ = store_->rootfd();
  }
  UpperObject Look(const char* name) {
    auto object = store_->Look(root_, name);
    EXPECT_TRUE(object) << name;
    return object.value_or(UpperObject{});
  }
  std::string Line(const char* name) { return DescribeUpper(*store_, {root_, name}, Look(name)); }
  Sys<> Put(const NewObject& object, const char* name) {
    Staged staged = TRY(store_->Stage(object));
    return store_->Place(std::move(staged), {root_, name});
  }
  struct stat Host(const char* name) {
    struct stat st{};
    EXPECT_EQ(fstatat(root_, name, &st, AT_SYMLINK_NOFOLLOW), 0) << name;
    return st;
  }
  Sys<> Change(const char* name, const AttributeChange& change) {
    return store_->SetAttributes({root_, name}, Look(name), change);
  }
  size_t WorkEntries() {
    size_t n = 0;
    for (const std::string& name : std::vector(*ListDirectory(AT_FDCWD, place_.path() + "/work")))
      n += name.starts_with("s.") || name.starts_with("o.");
    return n;
  }

  UpperPlace place_{UpperBases()[0]};
  std::unique_ptr<UpperStore> store_;
  int root_ = -1;
};

TEST_P(Upper, EveryTypeIsKeptWithOwnerModeAndTimes) {
  const mode_t kModes[] = {S_IFREG | 0644, S_IFREG | 04755, S_IFREG | 0,     S_IFDIR | 0755, S_IFDIR | 03070,
                           S_IFLNK | 0777, S_IFIFO | 0640,  S_IFSOCK | 0755, S_IFBLK | 0660, S_IFCHR | 0666};
  for (uid_t uid : {0u, 1000u})
    for (mode_t mode : kModes) {
      NewObject object{.ownership = {mode, uid, uid, S_ISBLK(mode) || S_ISCHR(mode) ? makedev(1, 3) : 0},
                       .target = S_ISLNK(mode) ? "the target" : "",
                       .xattrs = {{"security.capability", "c"}},
                       .has_times = true,
                       .atime = {111, 5},
                       .mtime = {222, 7},
                       .opaque = S_ISDIR(mode),
                       .redirect = S_ISDIR(mode) ? "usr/x" : "",
                       .origin = 99};
      ASSERT_TRUE(Put(object, "x")) << std::oct << mode;
      for (int opened = 0; opened < 2; opened++, Reopen()) {
        UpperObject seen = Look("x");
        EXPECT_EQ(seen.kind, S_ISDIR(mode) ? Kind::kDirectory : Kind::kFile);
        EXPECT_EQ(seen.st.st_mode, mode);
        EXPECT_EQ(seen.st.st_uid, uid);
        EXPECT_EQ(seen.st.st_gid, uid);
        EXPECT_EQ(seen.st.st_rdev, object.ownership.rdev);
        if (!S_ISDIR(mode)) {
          EXPECT_EQ(seen.st.st_size, S_ISLNK(mode) ? 10 : 0);
        }
        EXPECT_EQ(seen.st.st_mtim.tv_sec * 10 + seen.st.st_mtim.tv_nsec, 2227);
        EXPECT_EQ(seen.opaque, S_ISDIR(mode));
        EXPECT_EQ(seen.redirect, object.redirect);
        EXPECT_EQ(seen.origin, 99u);
        if (S_ISLNK(mode)) {
          EXPECT_EQ(store_->ReadLink(root_, "x", seen), "the target");
        }
        EXPECT_EQ(store_->GetXattr({root_, "x"}, seen, "security.capability"), "c");
        EXPECT_THAT(*store_->ListXattrs({root_, "x"}, seen), UnorderedElementsAre("security.capability"));
        EXPECT_EQ(Host("x").st_mode & 07000, 0u);
        EXPECT_EQ(Host("x").st_uid, geteuid());
      }
      EXPECT_EQ(unlinkat(root_, "x", S_ISDIR(mode) ? AT_REMOVEDIR : 0), 0);
    }
  EXPECT_EQ(store_->Stage({.ownership = {.mode = S_IFCHR | 0600}}).error(), EPERM);
  EXPECT_EQ(WorkEntries(), 0u);
}

TEST_P(Upper, PlainObjectsHaveNothingButTheirMode) {
  ASSERT_TRUE(store_->CreatePlain({root_, "f"}, S_IFREG | 0640));
  ASSERT_TRUE(store_->CreatePlain({root_, "d"}, S_IFDIR | 0711));
  ASSERT_TRUE(Put({.ownership = {.mode = S_IFLNK | 0777}, .target = "t"}, "l"));
  EXPECT_EQ(store_->CreatePlain({root_, "f"}, S_IFREG | 0640).error(), EEXIST);
  EXPECT_EQ(store_->CreatePlain({root_, "f"}, S_IFDIR | 0755).error(), EEXIST);
  EXPECT_EQ(Host("f").st_mode, static_cast<mode_t>(S_IFREG | 0640));
  EXPECT_EQ(Host("d").st_mode, static_cast<mode_t>(S_IFDIR | 0711));
  EXPECT_TRUE(Look("l").host_link);
  EXPECT_EQ(flistxattr(store_->OpenFile(root_, "f")->get(), nullptr, 0), 0);
  EXPECT_EQ(Look("none").kind, Kind::kAbsent);
  // Chmod within the plain needs no override; beyond it one, and the host's mode closes.
  ASSERT_TRUE(Change("f", {.mode = 0755}));
  EXPECT_EQ(Host("f").st_mode & 0777, 0755u);
  EXPECT_FALSE(Look("f").overridden);
  ASSERT_TRUE(Change("f", {.mode = 0044}));
  EXPECT_EQ(Host("f").st_mode & 07777, 0600u);
  EXPECT_EQ(Look("f").st.st_mode, static_cast<mode_t>(S_IFREG | 0044));
  ASSERT_TRUE(Change("f", {.mode = 0755}));
  EXPECT_EQ(Look("f").st.st_mode, static_cast<mode_t>(S_IFREG | 0755));
  // A link that gets an owner.
  ASSERT_TRUE(Change("l", {.uid = 3, .gid = 4}));
  EXPECT_FALSE(Look("l").host_link);
  EXPECT_TRUE(Line("l").starts_with("120777 3:4 dev 0 links 1 -> t")) << Line("l");
}

TEST_P(Upper, MovesReplaceWhatTheyMay) {
  ASSERT_TRUE(store_->CreatePlain({root_, "d"}, S_IFDIR | 0755));
  ASSERT_TRUE(store_->CreatePlain({root_, "full"}, S_IFDIR | 0755));
  auto full = store_->OpenDirectory(root_, "full");
  ASSERT_TRUE(store_->CreatePlain({full->get(), "x"}, S_IFREG | 0644));
  ASSERT_TRUE(store_->CreatePlain({root_, "f"}, S_IFREG | 0644));
  ASSERT_TRUE(store_->PutWhiteout({root_, "w"}));
  ASSERT_TRUE(store_->PutWhiteout({root_, "w"}));
  for (bool leave : {false, true}) {
    EXPECT_EQ(store_->Move({root_, "d"}, {root_, "full"}, leave).error(), ENOTEMPTY);
    EXPECT_EQ(store_->Move({root_, "d"}, {root_, "f"}, leave).error(), ENOTDIR);
    EXPECT_EQ(store_->Move({root_, "f"}, {root_, "d"}, leave).error(), EISDIR);
    EXPECT_EQ(store_->Move({root_, "none"}, {root_, "g"}, leave).error(), ENOENT);
  }
  EXPECT_EQ(store_->PutWhiteout({root_, "d"}).error(), EISDIR);
  EXPECT_EQ(store_->Unlink({root_, "none"}).error(), ENOENT);
  EXPECT_EQ(WorkEntries(), 0u);
  EXPECT_EQ(Tabulate(*store_).size(), 5u);
  auto orphan = store_->MakeOrphan({root_, "full"}, true);
  ASSERT_TRUE(orphan);
  EXPECT_EQ(WorkEntries(), 1u);
  EXPECT_EQ(store_->Look(store_->workfd(), orphan->c_str())->kind, Kind::kDirectory);
  ASSERT_TRUE(store_->DropOrphan(*orphan));
  EXPECT_EQ(Look("full").kind, Kind::kWhiteout);
  EXPECT_EQ(WorkEntries(), 0u);
  // A file with other names is known under its work name until the end.
  ASSERT_TRUE(store_->Link({root_, "f"}, {root_, "full"}));
  orphan = store_->MakeOrphan({root_, "f"}, true);
  ASSERT_TRUE(orphan);
  EXPECT_EQ(store_->Look(store_->workfd(), orphan->c_str())->st.st_ino, Look("full").st.st_ino);
  EXPECT_EQ(Look("full").st.st_nlink, 2u);
  ASSERT_TRUE(store_->DropOrphan(*orphan));
  EXPECT_EQ(Look("f").kind, Kind::kWhiteout);
}

TEST_P(Upper, WhiteoutsAreManyAndListedAsSuch) {
  for (int i = 0; i < 300; i++) ASSERT_TRUE(store_->PutWhiteout({root_, std::to_string(i).c_str()}));
  ASSERT_TRUE(store_->CreatePlain({root_, "f"}, S_IFREG | 0644));
  for (const auto& entry : std::vector(*store_->List(root_)))
    EXPECT_EQ(entry.type == DT_WHT, entry.name != "f") << entry.name;
  Reopen();
  for (const auto& entry : std::vector(*store_->List(root_)))
    EXPECT_EQ(entry.type == DT_WHT, entry.name != "f") << entry.name;
  ASSERT_TRUE(Put({.ownership = {.mode = S_IFREG | 04755, .uid = 1}}, "7"));
  ASSERT_TRUE(store_->Link({root_, "7"}, {root_, "8"}));
  EXPECT_EQ(Look("8").st.st_nlink, 2u);
  EXPECT_EQ(store_->Link({root_, "7"}, {root_, "f"}).error(), EEXIST);
  EXPECT_EQ(Look("9").kind, Kind::kWhiteout);
}

// One file can have 65,000 names on ext4.
TEST(UpperWhiteouts, AreMoreThanAFileCanHaveNames) {
  UpperPlace place(UpperBases()[0]);
  auto opened = place.Open({});
  ASSERT_TRUE(opened);
  UpperStore& store = **opened;
  ASSERT_TRUE(store.PutWhiteout({store.rootfd(), "first"}));
  long limit = fpathconf(store.workfd(), _PC_LINK_MAX);
  if (limit > 70000) GTEST_SKIP() << "no limit of names here";
  for (long i = 2; i < limit; i++)
    ASSERT_EQ(linkat(store.workfd(), "whiteout", store.workfd(), ("x" + std::to_string(i)).c_str(), 0), 0);
  ASSERT_TRUE(store.PutWhiteout({store.rootfd(), "second"}));
  ASSERT_TRUE(store.PutWhiteout({store.rootfd(), "third"}));
  for (const char* name : {"first", "second", "third"})
    EXPECT_EQ(store.Look(store.rootfd(), name)->kind, Kind::kWhiteout) << name;
}

TEST_P(Upper, AttributesOfTheContainer) {
  std::string longest = "user." + std::string(250, 'n'), big(60000, 'v');
  ASSERT_TRUE(store_->CreatePlain({root_, "f"}, S_IFREG | 0644));
  ASSERT_TRUE(store_->CreatePlain({root_, "d"}, S_IFDIR | 0755));
  ASSERT_TRUE(Put({.ownership = {.mode = S_IFLNK | 0777}, .target = "t"}, "l"));
  for (const char* name : {"f", "d", "l"}) {
    UpperSpot at{root_, name};
    auto set = [&](const std::string& xattr, std::string_view value, int flags = 0) {
      return store_->SetXattr(at, Look(name), xattr, value, flags);
    };
    EXPECT_TRUE(store_->ListXattrs(at, Look(name))->empty());
    EXPECT_EQ(store_->RemoveXattr(at, Look(name), "user.a").error(), ENODATA);
    EXPECT_EQ(set("user.a", "1", XATTR_REPLACE).error(), ENODATA);
    ASSERT_TRUE(set("user.a", "1", XATTR_CREATE));
    EXPECT_EQ(set("user.a", "1", XATTR_CREATE).error(), EEXIST);
    ASSERT_TRUE(set("user.a", std::string_view("\0x", 2), XATTR_REPLACE));
    ASSERT_TRUE(set("user.empty", ""));
    ASSERT_TRUE(set("security.capability", "cap"));
    ASSERT_TRUE(set("user.overlay.opaque", "mine"));
    EXPECT_EQ(Look(name).opaque, false);
    EXPECT_EQ(set("user.b", std::string(65537, 'v')).error(), E2BIG);
    EXPECT_EQ(set("security." + std::string(250, 'n'), "").error(), ERANGE);
    // How much fits is the file system's to say.
    if (!store_->capabilities().user_xattrs) {
      EXPECT_TRUE(set(longest, big));
    }
    if (store_->GetXattr(at, Look(name), longest)) {
      EXPECT_TRUE(store_->RemoveXattr(at, Look(name), longest));
    }
    for (int opened = 0; opened < 2; opened++) {
      EXPECT_EQ(store_->GetXattr(at, Look(name), "user.a"), std::string("\0x", 2));
      EXPECT_EQ(store_->GetXattr(at, Look(name), "user.empty"), "");
      EXPECT_EQ(store_->GetXattr(at, Look(name), "user.overlay.redirect").error(), ENODATA);
      EXPECT_THAT(*store_->ListXattrs(at, Look(name)),
                  UnorderedElementsAre("user.a", "user.empty", "security.capability", "user.overlay.opaque"));
      if (opened == 0) Reopen();
    }
    ASSERT_TRUE(store_->RemoveXattr(at, Look(name), "user.a"));
    EXPECT_EQ(store_->GetXattr(at, Look(name), "user.a").error(), ENODATA);
  }
}

TEST_P(Upper, LinkedFilesCountTheNamesThatLeadToThem) {
  auto staged = store_->Stage({.ownership = {.mode = S_IFREG | 0644, .uid = 5}, .origin = 12});
  ASSERT_TRUE(staged);
  uint64_t ino = staged->host_ino();
  ASSERT_TRUE(store_->PlaceLinked(std::move(*staged), 12, 2));
  EXPECT_EQ(store_->PendingLinks(12), 2u);
  EXPECT_EQ(store_->PendingLinks(13).value_or(0), 0u);
  ASSERT_TRUE(store_->LinkPending(12, {root_, "a"}));
  ASSERT_TRUE(store_->CreatePlain({root_, "taken"}, S_IFREG | 0644));
  EXPECT_EQ(store_->LinkPending(12, {root_, "taken"}).error(), EEXIST);
  Reopen();
  EXPECT_EQ(*store_->ListLinked(), std::vector<uint64_t>{12});
  EXPECT_EQ(store_->PendingLinks(12), 1u);
  ASSERT_TRUE(store_->LinkPending(12, {root_, "b"}));
  EXPECT_EQ(Look("b").st.st_ino, ino);
  EXPECT_EQ(Look("b").st.st_nlink, 3u);
  EXPECT_EQ(store_->LinkPending(12, {root_, "c"}).error(), EINVAL);
  Reopen();  // nothing leads to it any more
  EXPECT_TRUE(store_->ListLinked()->empty());
  EXPECT_EQ(Look("b").st.st_nlink, 2u);
}

TEST_P(Upper, NamesOf255BytesAndDeepTreesAreNoTrouble) {
  std::string name(255, 'n');
  ASSERT_TRUE(store_->CreatePlain({root_, name.c_str()}, S_IFREG | 0644));
  ASSERT_TRUE(Change(name.c_str(), {.uid = 4}));
  std::string other(255, 'o');
  ASSERT_TRUE(store_->Move({root_, name.c_str()}, {root_, other.c_str()}, true));
  EXPECT_EQ(Look(name.c_str()).kind, Kind::kWhiteout);
  EXPECT_EQ(Look(other.c_str()).st.st_uid, 4u);
  EXPECT_EQ(store_->Look(root_, std::string(256, 'n').c_str()).error(), ENAMETOOLONG);
  ASSERT_TRUE(store_->CreatePlain({root_, "deep"}, S_IFDIR | 0755));
  Fd here = std::move(*store_->OpenDirectory(root_, "deep"));
  for (int i = 0; i < 300; i++) {
    auto next = store_->CreatePlain({here.get(), "dir"}, S_IFDIR | 0755);
    ASSERT_TRUE(next);
    here = std::move(*next);
  }
  auto orphan = store_->MakeOrphan({root_, "deep"}, false);
  ASSERT_TRUE(orphan);
  ASSERT_TRUE(store_->DropOrphan(*orphan));
  EXPECT_EQ(WorkEntries(), 0u);
}

TEST_P(Upper, StrangeOverridesAreTakenForNone) {
  if (!store_->capabilities().user_xattrs) GTEST_SKIP() << "no attributes to write here";
  ASSERT_TRUE(store_->CreatePlain({root_, "f"}, S_IFREG | 0644));
  ASSERT_TRUE(store_->CreatePlain({root_, "d"}, S_IFDIR | 0755));
  auto write = [&](const char* name, const char* text) {
    std::string path = place_.path() + "/upper/" + name;
    EXPECT_EQ(setxattr(path.c_str(), kOverrideXattr, text, strlen(text), 0), 0);
  };
  write("f", "nonsense");
  EXPECT_EQ(Look("f").st.st_mode, static_cast<mode_t>(S_IFREG | 0644));
  write("f", "9:9:0711:dir");
  EXPECT_EQ(Look("f").st.st_mode, static_cast<mode_t>(S_IFREG | 0711));
  write("d", "9:9:0711:file");
  EXPECT_EQ(Look("d").kind, Kind::kDirectory);
  write("d", "9:9:02711");
  EXPECT_EQ(Look("d").st.st_mode, static_cast<mode_t>(S_IFDIR | 02711));
}

INSTANTIATE_TEST_SUITE_P(All, Upper, testing::ValuesIn(kVariations), VariationName);

TEST(UpperOpen, RefusesWhatCannotServe) {
  UpperPlace place(UpperBases()[0]), elsewhere(UpperBases()[1]);
  auto open = [](const std::string& upper, const std::string& work) -> Result<std::unique_ptr<UpperStore>> {
    Fd u = TRY(Open(upper, O_RDONLY));
    Fd w = TRY(Open(work, O_RDONLY));
    return UpperStore::Open(std::move(u), std::move(w), {});
  };
  const std::string upper = place.path() + "/upper", work = place.path() + "/work";
  EXPECT_EQ(open(upper, elsewhere.path() + "/work").error().code, Code::kUnsupported);
  EXPECT_EQ(open(upper, upper).error().code, Code::kInvalid);
  EXPECT_EQ(open(upper, "/dev/null").error().code, Code::kInvalid);
  struct stat top, here;
  if (geteuid() != 0 && stat("/", &top) == 0 && stat(work.c_str(), &here) == 0 && top.st_dev == here.st_dev) {
    EXPECT_EQ(open("/", work).error().code, Code::kDenied);
  }
  EXPECT_TRUE(open(upper, work));
}

TEST(UpperOpen, SweepsWhatDiedAndLeavesTheRest) {
  UpperPlace place(UpperBases()[0]);
  const std::string work = place.path() + "/work";
  ASSERT_EQ(mkdir((work + "/o.5").c_str(), 0700), 0);
  ASSERT_EQ(mkdir((work + "/o.5/deeper").c_str(), 0), 0);
  ASSERT_EQ(mkdir((work + "/s.9").c_str(), 0700), 0);
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, work + "/s.1", "x", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, work + "/intent", "half a li", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, work + "/mine", "", 0600));
  ASSERT_TRUE(place.Open({}));
  EXPECT_THAT(*ListDirectory(AT_FDCWD, work), UnorderedElementsAre("links", "intent", "mine"));
}

// The identities of a user namespace, by newuidmap, or root alone where it does not help.
bool EnterUserNamespace() {
  int ready[2], go[2];
  if (pipe(ready) < 0 || pipe(go) < 0) return false;
  pid_t target = getpid();
  pid_t helper = fork();
  if (helper == 0) {
    close(go[1]);
    char byte;
    if (read(ready[0], &byte, 1) != 1) _exit(1);
    std::string pid = std::to_string(target), uid = std::to_string(getuid()), gid = std::to_string(getgid());
    const char* account = getenv("USER");
    std::string subid;
    auto lines = ReadFile("/etc/subuid", 1 << 16);
    if (lines && account != nullptr) {
      size_t at = ("\n" + *lines).find("\n" + std::string(account) + ":");
      if (at != std::string::npos) subid = lines->substr(at + strlen(account) + 1);
      subid = subid.substr(0, subid.find(':'));
    }
    std::string tail = subid.empty() ? "" : " 1 " + subid + " 60000";
    int failed = system(
        ("newuidmap " + pid + " 0 " + uid + " 1" + tail + " && newgidmap " + pid + " 0 " + gid + " 1" + tail)
            .c_str());
    _exit(failed != 0 || subid.empty());
  }
  bool unshared = unshare(CLONE_NEWUSER) == 0;
  if (write(ready[1], unshared ? "y" : "", unshared) < 0) return false;
  close(ready[1]);
  int status = 1;
  waitpid(helper, &status, 0);
  return unshared && status == 0 && setresuid(0, 0, 0) == 0 && setresgid(0, 0, 0) == 0;
}

// A link and a FIFO that have several names in the lower have no xattrs to count them in.
void LinkWhatHoldsNoXattrs(const UpperOptions& options, mode_t mode) {
  UpperPlace place(UpperBases()[0]);
  for (const char* name : {"first", "second", "none"}) {
    auto opened = place.Open(options);
    ASSERT_TRUE(opened) << opened.error().what;
    UpperStore& store = **opened;
    int root = store.rootfd();
    if (std::string_view(name) == "first") {
      auto staged = store.Stage({.ownership = {.mode = mode}, .target = "t", .origin = mode});
      ASSERT_TRUE(staged && store.PlaceLinked(std::move(*staged), mode, 2));
      ASSERT_TRUE(store.LinkPending(mode, {root, name}));
      EXPECT_EQ(store.PendingLinks(mode), 1u);
    } else if (std::string_view(name) == "second") {
      EXPECT_EQ(store.PendingLinks(mode), 1u);
      EXPECT_EQ(store.Look(root, "first")->origin, mode);
      ASSERT_TRUE(store.LinkPending(mode, {root, name}));
    } else {
      EXPECT_EQ(store.Look(root, "second")->st.st_nlink, 2u);
      EXPECT_TRUE(ListDirectory(store.workfd(), "links")->empty());
    }
  }
}

TEST(UpperNative, TheHostSaysAll) {
  pid_t pid = fork();
  if (pid == 0) {
    if (!EnterUserNamespace()) _exit(99);
    [] {
      for (bool nodes : {true, false}) {
        UpperPlace place(UpperBases()[0]);
        UpperOptions options{.ids = UpperIds::kNative};
        options.allowed.whiteout_nodes = options.allowed.rename_whiteout = nodes;
        for (mode_t mode : {S_IFLNK | 0777, S_IFIFO | 0600, S_IFREG | 0644})
          LinkWhatHoldsNoXattrs(options, mode);
        auto opened = place.Open(options);
        ASSERT_TRUE(opened) << opened.error().what;
        UpperStore& store = **opened;
        int root = store.rootfd();
        auto put = [&](const NewObject& object, const char* name) {
          auto staged = store.Stage(object);
          return staged && store.Place(std::move(*staged), {root, name});
        };
        for (mode_t mode :
             {S_IFREG | 06755, S_IFDIR | 03770, S_IFIFO | 0620, S_IFSOCK | 0755, S_IFLNK | 0777}) {
          NewObject object{.ownership = {.mode = mode, .uid = 1000, .gid = 50}, .target = "t", .origin = 5};
          ASSERT_TRUE(put(object, "x")) << std::oct << mode;
          struct stat st;
          ASSERT_EQ(fstatat(root, "x", &st, AT_SYMLINK_NOFOLLOW), 0);
          EXPECT_EQ(st.st_mode, mode);
          EXPECT_EQ(st.st_uid, 1000u);
          EXPECT_EQ(st.st_gid, 50u);
          auto seen = store.Look(root, "x");
          EXPECT_EQ(seen->st.st_mode, mode);
          EXPECT_EQ(seen->origin, S_ISREG(mode) || S_ISDIR(mode) ? 5u : 0u);
          EXPECT_TRUE(store.SetAttributes({root, "x"}, *seen, {.uid = 7}));
          EXPECT_EQ(store.Look(root, "x")->st.st_mode, mode);
          EXPECT_EQ(store.Look(root, "x")->st.st_uid, 7u);
          EXPECT_EQ(unlinkat(root, "x", S_ISDIR(mode) ? AT_REMOVEDIR : 0), 0);
        }
        // Whiteouts, with nodes and without, and as fuse-overlayfs leaves them.
        ASSERT_TRUE(put({.ownership = {.mode = S_IFDIR | 0755}}, "d"));
        Fd d = std::move(*store.OpenDirectory(root, "d"));
        for (const char* name : {".wh.one", ".wh..wh..opq", "two", ".wh.two"})
          ASSERT_TRUE(CreateFileAt(d.get(), name, "", 0600));
        EXPECT_TRUE(store.Look(root, "d")->opaque);
        EXPECT_EQ(store.Look(d.get(), "one")->kind, Kind::kWhiteout);
        EXPECT_EQ(store.Look(d.get(), "two")->kind, Kind::kFile);
        EXPECT_EQ(store.Look(d.get(), ".wh.one")->kind, Kind::kAbsent);
        EXPECT_EQ(store.CreatePlain({d.get(), ".wh.new"}, S_IFREG | 0644).error(), EPERM);
        ASSERT_TRUE(store.PutWhiteout({d.get(), "three"}));
        ASSERT_TRUE(store.PutWhiteout({d.get(), "two"}));
        std::vector<std::string> names;
        for (const auto& entry : std::vector(*store.List(d.get()))) {
          names.push_back(entry.name);
          EXPECT_EQ(store.Look(d.get(), entry.name.c_str())->kind, Kind::kWhiteout) << entry.name;
        }
        EXPECT_THAT(names, UnorderedElementsAre("one", "two", "three"));
        ASSERT_TRUE(put({.ownership = {.mode = S_IFDIR | 0755}}, "e"));
        ASSERT_TRUE(store.Move({root, "e"}, {d.get(), "one"}, true));
        EXPECT_EQ(store.Look(root, "e")->kind, Kind::kWhiteout);
        EXPECT_EQ(store.Look(d.get(), "one")->kind, Kind::kDirectory);
        ASSERT_TRUE(store.Move({d.get(), "one"}, {root, "e"}, true));
        ASSERT_TRUE(store.ClearWhiteouts(d.get()));
        EXPECT_TRUE(store.Look(root, "d")->opaque);
        EXPECT_EQ(unlinkat(root, "d", AT_REMOVEDIR), 0);
      }
    }();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 99) GTEST_SKIP() << "no user namespace with several ids here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace wolffia
