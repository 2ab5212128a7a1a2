// OverlayTree's data and attributes, without FUSE: a lower from bytes, an upper in a temporary directory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "storage/overlay/acl.h"
#include "storage/overlay/overlay_tree.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr uint64_t kRoot = OverlayTree::kRoot;
constexpr Caller kCaller{.uid = 0, .gid = 0, .umask = 022};

std::string Capability() {
  std::string value(XATTR_CAPS_SZ_2, '\0');
  uint32_t magic = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  memcpy(value.data(), &magic, sizeof magic);
  return value;
}

enum class Upper { kOverride, kSidecar, kNative };

// Native ids need somebody who may chown.
class OverlayData : public testing::TestWithParam<Upper> {
 protected:
  void SetUp() override {
    if (GetParam() == Upper::kNative && geteuid() != 0) GTEST_SKIP() << "native ids: only root may chown";
    umask(0);
    ASSERT_TRUE(MakeDirectories(dir_ / "upper"));
    ASSERT_TRUE(MakeDirectories(dir_ / "work"));
  }

  void Open(OverlayOptions options = {}) {
    tree_.reset();
    auto index = LowerIndex::FromBytes(lower_.Seal().Build(), IndexCheck::kBounds);
    ASSERT_TRUE(index) << index.error().what;
    std::vector<Fd> tars;
    tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
    ASSERT_TRUE(WriteFull(tars[0].get(), lower_.tar));
    auto lower = MakeIndexLower(std::make_shared<Lower>(std::move(*index), std::move(tars)), {});
    auto upper =
        UpperStore::Open(*OpenDirectory(dir_.fd(), "upper"), *OpenDirectory(dir_.fd(), "work"),
                         {.ids = GetParam() == Upper::kNative ? UpperIds::kNative : UpperIds::kOverride,
                          .allowed = {.user_xattrs = GetParam() != Upper::kSidecar}});
    ASSERT_TRUE(upper) << upper.error().what;
    auto tree = OverlayTree::Make(std::move(lower), *std::move(upper), options);
    ASSERT_TRUE(tree) << strerror(tree.error());
    tree_ = *std::move(tree);
  }

  uint64_t Find(const std::string& path) {
    uint64_t at = kRoot;
    for (size_t start = 0; start < path.size();) {
      size_t end = std::min(path.find('/', start), path.size());
      auto entry = tree_->Lookup(at, path.substr(start, end - start));
      EXPECT_TRUE(entry) << path << ": " << strerror(entry.error());
      if (!entry) return 0;
      at = entry->nodeid;
      start = end + 1;
    }
    return at;
  }
  uint64_t Create(const std::string& name, mode_t mode = S_IFREG | 0644, uint64_t parent = kRoot) {
    auto made = tree_->MakeNode(parent, name, {.mode = mode, .target = S_ISLNK(mode) ? "t" : ""}, kCaller);
    EXPECT_TRUE(made) << name << ": " << strerror(made.error());
    return made ? made->nodeid : 0;
  }
  Sys<size_t> Write(uint64_t node, const std::string& data, uint64_t offset, bool kill = false) {
    return tree_->Write(node, data.data(), data.size(), offset, kill);
  }
  std::string Read(uint64_t node, size_t size = 1 << 20, uint64_t offset = 0) {
    std::string data(size, '?');
    auto n = tree_->Read(node, data.data(), size, offset);
    if (!n) return std::string("errno ") + strerrorname_np(n.error());
    data.resize(*n);
    return data;
  }
  struct stat Stat(uint64_t node) {
    auto st = tree_->GetAttributes(node);
    EXPECT_TRUE(st) << strerror(st.error());
    return st ? *st : (struct stat){};
  }
  mode_t Mode(uint64_t node) { return Stat(node).st_mode; }
  int Set(uint64_t node, const SetAttributesRequest& request) {
    auto st = tree_->SetAttributes(node, request);
    if (!st) return st.error();
    struct stat now = Stat(node);
    EXPECT_EQ(st->st_mode, now.st_mode);
    EXPECT_EQ(st->st_size, now.st_size);
    EXPECT_EQ(st->st_mtim.tv_nsec, now.st_mtim.tv_nsec);
    return 0;
  }
  int Truncate(uint64_t node, uint64_t size) { return Set(node, {.size = size}); }
  std::string Xattr(uint64_t node, const std::string& name) {
    auto value = tree_->GetXattr(node, name);
    return value ? *value : strerrorname_np(value.error());
  }
  int SetXattr(uint64_t node, const std::string& name, const std::string& value, int flags = 0,
               bool kill = false) {
    auto set = tree_->SetXattr(node, name, value, flags, kill);
    return set ? 0 : set.error();
  }
  // In alphabetical order: the host's order is its own.
  std::string Xattrs(uint64_t node) {
    std::set<std::string> names;
    std::string list = *tree_->ListXattrs(node), sorted;
    for (size_t at = 0; at < list.size(); at += strlen(&list[at]) + 1) names.insert(&list[at]);
    for (const std::string& name : names) sorted += (sorted.empty() ? "" : " ") + name;
    return sorted;
  }
  bool InUpper(const std::string& path) { return ExistsAt(dir_.fd(), "upper/" + path); }

  TempDir dir_;
  IndexBytes lower_;
  std::unique_ptr<OverlayTree> tree_;
};

TEST_P(OverlayData, ReadsAndWrites) {
  lower_.Directory("d");
  lower_.File("d/f", "0123456789");
  lower_.Symlink("l", "d/f");
  Open();
  uint64_t f = Find("d/f");
  struct stat before = Stat(f);
  EXPECT_EQ(Read(f, 3, 4), "456");
  EXPECT_EQ(Read(f, 10, 10), "");
  EXPECT_EQ(Read(f, 10, 1 << 20), "");
  EXPECT_FALSE(InUpper("d"));
  EXPECT_EQ(*Write(f, "ab", 3), 2u);
  EXPECT_TRUE(InUpper("d/f"));
  EXPECT_EQ(Read(f), "012ab56789");
  EXPECT_EQ(Find("d/f"), f);
  EXPECT_EQ(Stat(f).st_ino, before.st_ino);
  EXPECT_EQ(Stat(f).st_nlink, 1u);
  EXPECT_EQ(*Write(f, "end", 20), 3u);
  EXPECT_EQ(Read(f), std::string("012ab56789") + std::string(10, '\0') + "end");
  Open();
  f = Find("d/f");
  EXPECT_EQ(Stat(f).st_ino, before.st_ino);
  EXPECT_EQ(Read(f, 3, 20), "end");
  ASSERT_TRUE(tree_->Sync(f, false));
  ASSERT_TRUE(tree_->Sync(f, true));
  ASSERT_TRUE(tree_->SyncDirectory(Find("d")));
  ASSERT_TRUE(tree_->SyncAll());
}

TEST_P(OverlayData, RefusesWhatIsNoFile) {
  lower_.Directory("d");
  lower_.Symlink("l", "x");
  lower_.File("f", "x");
  Open();
  uint64_t fifo = Create("fifo", S_IFIFO | 0644), link = Create("link", S_IFLNK | 0777),
           made = Create("made", S_IFDIR | 0755);
  char c = 0;
  for (auto [node, want] : {std::pair{Find("d"), EISDIR},
                            {made, EISDIR},
                            {Find("l"), EINVAL},
                            {fifo, EINVAL},
                            {link, EINVAL},
                            {uint64_t{0}, ESTALE},
                            {uint64_t{999}, ESTALE},
                            {~uint64_t{0}, ESTALE}}) {
    EXPECT_EQ(tree_->Read(node, &c, 1, 0).error(), want) << node;
    EXPECT_EQ(tree_->Write(node, &c, 1, 0, false).error(), want) << node;
    EXPECT_EQ(tree_->Allocate(node, 0, 0, 1).error(), want) << node;
    EXPECT_EQ(tree_->Seek(node, 0, SEEK_DATA).error(), want) << node;
    EXPECT_EQ(Truncate(node, 0), want) << node;
    EXPECT_EQ(tree_->CopyRange(node, 0, Find("f"), 0, 1).error(), want) << node;
  }
  EXPECT_FALSE(InUpper("d"));
  uint64_t f = Find("f");
  EXPECT_EQ(tree_->Read(f, &c, 1, ~0ull).error(), EINVAL);
  EXPECT_EQ(tree_->Write(f, &c, 1, ~0ull, false).error(), EFBIG);
  EXPECT_EQ(tree_->Write(f, &c, 1, INT64_MAX, false).error(), EFBIG);
  EXPECT_EQ(Truncate(f, ~0ull), EFBIG);
  EXPECT_EQ(tree_->Allocate(f, 0, ~0ull - 1, 5).error(), EFBIG);
  EXPECT_EQ(tree_->Allocate(f, 0x4000, 0, 5).error(), EOPNOTSUPP);
  EXPECT_EQ(tree_->SyncDirectory(f).error(), ENOTDIR);
}

TEST_P(OverlayData, Truncates) {
  lower_.File("a", "0123456789");
  lower_.File("b", "0123456789");
  lower_.File("c", "0123456789");
  Open();
  uint64_t a = Find("a"), b = Find("b"), c = Find("c");
  EXPECT_EQ(Truncate(a, 0), 0);
  EXPECT_EQ(Read(a), "");
  EXPECT_EQ(Stat(a).st_blocks, 0);
  EXPECT_EQ(Truncate(b, 4), 0);
  EXPECT_EQ(Read(b), "0123");
  EXPECT_EQ(Truncate(b, 6), 0);
  EXPECT_EQ(Read(b), std::string("0123\0\0", 6));
  ASSERT_TRUE(tree_->Unlink(kRoot, "c"));  // it is open somewhere, and still in the lower
  EXPECT_EQ(Stat(c).st_nlink, 0u);
  EXPECT_EQ(Read(c), "0123456789");
  EXPECT_EQ(Truncate(c, 3), 0);
  EXPECT_EQ(*Write(c, "x", 3), 1u);
  EXPECT_EQ(Read(c), "012x");
  EXPECT_EQ(Stat(c).st_nlink, 0u);
  auto t = tree_->MakeTemporary(kRoot, 0600, kCaller);
  ASSERT_TRUE(t);
  EXPECT_EQ(Truncate(t->nodeid, 100), 0);
  EXPECT_EQ(Stat(t->nodeid).st_size, 100);
  EXPECT_EQ(Stat(t->nodeid).st_nlink, 0u);
}

TEST_P(OverlayData, AllocatesAndSeeks) {
  lower_.Sparse("s", 1 << 20, {{65536, std::string(4096, 'y')}});
  lower_.File("f", "0123456789");
  Open();
  uint64_t s = Find("s"), f = Find("f");
  for (bool copied : {false, true}) {
    if (copied) {
      ASSERT_EQ(Set(s, {.mode = 0600}), 0);
    }
    EXPECT_EQ(*tree_->Seek(s, 0, SEEK_DATA), 65536) << copied;
    EXPECT_EQ(*tree_->Seek(s, 65537, SEEK_DATA), 65537);
    EXPECT_EQ(*tree_->Seek(s, 65536, SEEK_HOLE), 65536 + 4096);
    EXPECT_EQ(tree_->Seek(s, 70000, SEEK_DATA).error(), ENXIO);
    EXPECT_EQ(tree_->Seek(s, 1 << 20, SEEK_HOLE).error(), ENXIO);
    EXPECT_EQ(tree_->Seek(s, -1, SEEK_HOLE).error(), ENXIO);
    EXPECT_EQ(tree_->Seek(s, 0, SEEK_END).error(), EINVAL);
  }
  ASSERT_TRUE(tree_->Allocate(f, FALLOC_FL_KEEP_SIZE, 0, 1 << 16));
  EXPECT_EQ(Stat(f).st_size, 10);
  EXPECT_GE(Stat(f).st_blocks, 128);
  ASSERT_TRUE(tree_->Allocate(f, 0, 0, 1 << 16));
  EXPECT_EQ(Stat(f).st_size, 1 << 16);
  ASSERT_TRUE(tree_->Allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
  EXPECT_EQ(Read(f, 10), std::string("01\0\0\0"
                                     "56789",
                                     10));
  EXPECT_EQ(tree_->Allocate(f, 0, 0, 0).error(), EINVAL);
}

TEST_P(OverlayData, CopiesRanges) {
  const std::string long_text(600000, 'q');
  lower_.File("from", "0123456789");
  lower_.File("to", "abcdefghij");
  lower_.File("big", long_text);
  Open();
  uint64_t from = Find("from"), to = Find("to"), made = Create("made");
  EXPECT_EQ(*tree_->CopyRange(from, 2, to, 4, 3), 3u);  // lower to upper
  EXPECT_EQ(Read(to), "abcd234hij");
  EXPECT_FALSE(InUpper("from"));
  EXPECT_EQ(*tree_->CopyRange(to, 0, made, 5, 100), 10u);  // upper to upper, to the end
  EXPECT_EQ(Read(made), std::string(5, '\0') + "abcd234hij");
  EXPECT_EQ(*tree_->CopyRange(Find("big"), 0, made, 0, long_text.size() + 9), long_text.size());
  EXPECT_EQ(Read(made), long_text);
  EXPECT_EQ(*tree_->CopyRange(from, 10, made, 0, 5), 0u);
  EXPECT_EQ(*tree_->CopyRange(from, 0, from, 10, 10), 10u);  // comes up, and is its own source
  EXPECT_EQ(Read(from), "01234567890123456789");
  EXPECT_EQ(tree_->CopyRange(from, 0, from, 5, 10).error(), EINVAL);
  EXPECT_EQ(tree_->CopyRange(from, ~0ull, to, 0, 10).error(), EOVERFLOW);
}

TEST_P(OverlayData, ChangesAttributes) {
  lower_.Directory("d", 0755);
  lower_.File("d/f", "x", 0644);
  lower_.Symlink("l", "x");
  lower_.HardLink("d/g", 2);
  Open();
  uint64_t fifo = Create("fifo", S_IFIFO | 0644);
  const struct timespec late{4102444800, 123456789}, early{-5, 999999999};
  for (uint64_t node : {Find("d/f"), Find("d"), Find("l"), fifo, Find("d/g"), kRoot}) {
    const struct stat before = Stat(node);
    EXPECT_EQ(Set(node, {.uid = 1000, .gid = 70000}), 0);
    const mode_t bits = S_ISLNK(before.st_mode) ? 0777 : 01701;
    EXPECT_EQ(S_ISLNK(before.st_mode) ? 0 : Set(node, {.mode = bits}), 0);
    EXPECT_EQ(Set(node, {.atime = early, .mtime = late}), 0);
    EXPECT_EQ(Set(node, {.uid = 1001}), 0);
    struct stat st = Stat(node);
    EXPECT_EQ(st.st_uid, 1001u);
    EXPECT_EQ(st.st_gid, 70000u);
    EXPECT_EQ(st.st_mode & 07777, bits);
    EXPECT_EQ(st.st_mode & S_IFMT, before.st_mode & S_IFMT);
    EXPECT_EQ(st.st_mtim.tv_sec, late.tv_sec);
    EXPECT_EQ(st.st_mtim.tv_nsec, late.tv_nsec);
    EXPECT_EQ(st.st_atim.tv_sec, early.tv_sec);
    EXPECT_EQ(st.st_atim.tv_nsec, early.tv_nsec);
    EXPECT_EQ(st.st_ino, before.st_ino);
    EXPECT_EQ(st.st_nlink, before.st_nlink);
    EXPECT_EQ(Set(node, {.atime = {0, UTIME_OMIT}, .mtime = {0, UTIME_NOW}}), 0);
    st = Stat(node);
    EXPECT_LT(st.st_mtim.tv_sec, late.tv_sec);
    EXPECT_EQ(st.st_atim.tv_sec, early.tv_sec);
  }
  struct stat f = Stat(Find("d/f"));
  Open();
  struct stat again = Stat(Find("d/f"));
  EXPECT_EQ(again.st_mode, f.st_mode);
  EXPECT_EQ(again.st_uid, 1001u);
  EXPECT_EQ(again.st_ino, f.st_ino);
  EXPECT_EQ(again.st_nlink, 2u);
  EXPECT_EQ(again.st_mtim.tv_nsec, f.st_mtim.tv_nsec);
  EXPECT_EQ(Stat(Find("fifo")).st_mode, S_IFIFO | 01701u);
  EXPECT_EQ(tree_->SetAttributes(12345, {.mode = 0600}).error(), ESTALE);
}

TEST_P(OverlayData, KeepsARemovedDirectory) {
  Open();
  uint64_t d = Create("d", S_IFDIR | 0755);
  ASSERT_TRUE(tree_->RemoveDirectory(kRoot, "d"));
  EXPECT_EQ(Set(d, {.mode = 0700, .uid = 5}), 0);
  EXPECT_EQ(Mode(d), S_IFDIR | 0700u);
  EXPECT_EQ(Stat(d).st_nlink, 0u);
  EXPECT_EQ(Xattr(d, "user.x"), "ENODATA");
  EXPECT_EQ(SetXattr(d, "user.x", ""), ENOENT);
  EXPECT_TRUE(tree_->SyncDirectory(d));
}

TEST_P(OverlayData, TakesPrivilegesAway) {
  Open();
  struct Case {
    mode_t before;
    std::function<void(uint64_t)> change;
    mode_t after;
    bool capability;
  };
  auto write = [&](bool kill) { return [this, kill](uint64_t f) { EXPECT_TRUE(Write(f, "x", 0, kill)); }; };
  auto set = [&](SetAttributesRequest r) { return [this, r](uint64_t f) { EXPECT_EQ(Set(f, r), 0); }; };
  int n = 0;
  for (const Case& c : std::vector<Case>{
           {06755, write(false), 06755, false},
           {06755, write(true), 0755, false},
           {06745, write(true), 02745, false},  // no group execute: mandatory locking, not set-id
           {06755, set({.uid = 7}), 0755, false},
           {06755, set({.gid = 0}), 0755, false},
           {06755, set({.mode = 06755, .uid = 7}), 06755, false},
           {06755, set({.size = 5}), 06755, false},
           {06755, set({.size = 0, .kill_privileges = true}), 0755, false},
           {06755, set({.mtime = {1, 2}}), 06755, true},
           {06755, set({.mode = 04711}), 04711, true}}) {
    uint64_t f = Create("f" + std::to_string(n++), S_IFREG | 0644);
    ASSERT_EQ(Set(f, {.mode = c.before}), 0);
    ASSERT_EQ(SetXattr(f, "security.capability", Capability()), 0);
    c.change(f);
    EXPECT_EQ(Mode(f) & 07777, c.after) << n;
    EXPECT_EQ(Xattr(f, "security.capability"), c.capability ? Capability() : "ENODATA") << n;
  }
  uint64_t d = Create("d", S_IFDIR | 0755);
  ASSERT_EQ(Set(d, {.mode = 06755}), 0);
  ASSERT_EQ(Set(d, {.uid = 9}), 0);
  EXPECT_EQ(Mode(d) & 07777, 06755u) << "a directory keeps them";
}

TEST_P(OverlayData, LosesTheLowersCapabilityOnWrite) {
  uint32_t ping = lower_.File("ping", "elf", 0755);
  lower_.Xattr(ping, "security.capability", Capability());
  lower_.Xattr(ping, "user.mime", "text");
  uint32_t kept = lower_.File("kept", "elf", 0755);
  lower_.Xattr(kept, "security.capability", Capability());
  Open();
  uint64_t f = Find("ping");
  EXPECT_EQ(Xattr(f, "security.capability"), Capability());
  EXPECT_EQ(Xattrs(f), "security.capability user.mime");
  EXPECT_EQ(*Write(f, "x", 0), 1u);
  EXPECT_EQ(Xattr(f, "security.capability"), "ENODATA");
  EXPECT_EQ(Xattrs(f), "user.mime");
  ASSERT_EQ(Set(Find("kept"), {.mode = 0700}), 0);
  Open();
  EXPECT_EQ(Xattr(Find("kept"), "security.capability"), Capability());
  EXPECT_EQ(Xattr(Find("ping"), "security.capability"), "ENODATA");
}

TEST_P(OverlayData, KeepsXattrs) {
  uint32_t n = lower_.File("f", "x");
  lower_.Xattr(n, "user.a", "1");
  lower_.Directory("d");
  lower_.Symlink("l", "x");
  Open();
  uint64_t f = Find("f");
  EXPECT_EQ(Xattr(f, "user.a"), "1");
  EXPECT_EQ(SetXattr(f, "user.a", "2", XATTR_CREATE), EEXIST);
  EXPECT_EQ(SetXattr(f, "user.b", "2", XATTR_REPLACE), ENODATA);
  EXPECT_EQ(tree_->RemoveXattr(f, "user.b").error(), ENODATA);
  EXPECT_FALSE(InUpper("f")) << "what fails copies nothing up";
  EXPECT_EQ(SetXattr(f, "user.b", std::string("\0\1", 2), XATTR_CREATE), 0);
  EXPECT_EQ(SetXattr(f, "user.a", "", XATTR_REPLACE), 0);
  EXPECT_EQ(SetXattr(Find("d"), "user.c", "3"), 0);
  EXPECT_EQ(SetXattr(kRoot, "user.root", "4"), 0);
  Open();
  f = Find("f");
  EXPECT_EQ(Xattr(f, "user.a"), "");
  EXPECT_EQ(Xattr(f, "user.b"), std::string("\0\1", 2));
  EXPECT_EQ(Xattr(Find("d"), "user.c"), "3");
  EXPECT_EQ(Xattr(kRoot, "user.root"), "4");
  EXPECT_EQ(Xattrs(f), "user.a user.b");
  EXPECT_TRUE(tree_->RemoveXattr(f, "user.a"));
  EXPECT_EQ(Xattr(f, "user.a"), "ENODATA");
  EXPECT_EQ(Xattrs(f), "user.b");
  for (auto [name, get, set] : {std::tuple{"trusted.x", ENODATA, EPERM},
                                {"security.selinux", ENODATA, GetParam() == Upper::kNative ? 0 : EOPNOTSUPP},
                                {"system.nfs4_acl", EOPNOTSUPP, EOPNOTSUPP},
                                {"nonsense", EOPNOTSUPP, EOPNOTSUPP},
                                {"user.", EINVAL, EINVAL},
                                {"", ERANGE, ERANGE},
                                // Ours are hidden; the container can have its own of these names.
                                {"user.overlay.opaque", ENODATA, 0},
                                {"user.containers.override_stat", ENODATA, 0},
                                {"user.wolffia.origin", ENODATA, 0}}) {
    EXPECT_EQ(tree_->GetXattr(f, name).error(), get) << name;
    EXPECT_EQ(SetXattr(f, name, "y"), set) << name;
  }
  EXPECT_EQ(Xattr(f, "user.wolffia.origin"), "y");
  EXPECT_EQ(SetXattr(Find("l"), "user.x", "y"), EPERM);
  EXPECT_EQ(SetXattr(Find("l"), "security.capability", Capability()), 0);
  EXPECT_EQ(Xattr(Find("l"), "security.capability"), Capability());
  EXPECT_EQ(*tree_->ReadLink(Find("l")), "x");
  EXPECT_EQ(SetXattr(f, "user.x", std::string(70000, 'x')), E2BIG);
  Open({.acl = false});
  EXPECT_EQ(SetXattr(Find("f"), kAccessAcl, FormatAcl({})), EOPNOTSUPP);
  EXPECT_EQ(Xattr(Find("f"), "user.b"), std::string("\0\1", 2));
  Open({.xattrs = false});
  EXPECT_EQ(Xattr(Find("f"), "user.b"), "EOPNOTSUPP");
  EXPECT_EQ(tree_->ListXattrs(Find("f")).error(), EOPNOTSUPP);
  EXPECT_FALSE(tree_->shows_xattrs());
}

TEST_P(OverlayData, FollowsAcls) {
  Open();
  const AclEntry user{AclTag::kUser, 7, 1000};
  auto list = [&](uint16_t owner, uint16_t group, std::optional<uint16_t> mask, uint16_t other) {
    Acl acl{{AclTag::kOwner, owner}};
    if (mask) acl.push_back(user);
    acl.push_back({AclTag::kOwningGroup, group});
    if (mask) acl.push_back({AclTag::kMask, *mask});
    acl.push_back({AclTag::kOther, other});
    return FormatAcl(acl);
  };
  uint64_t f = Create("f"), d = Create("d", S_IFDIR | 0755);
  EXPECT_EQ(SetXattr(f, kAccessAcl, "rubbish"), EOPNOTSUPP);
  EXPECT_EQ(SetXattr(f, kAccessAcl, list(6, 4, 6, 0)), 0);
  EXPECT_EQ(Mode(f), S_IFREG | 0660u);
  EXPECT_EQ(Set(f, {.mode = 0701}), 0);
  EXPECT_EQ(Xattr(f, kAccessAcl), list(7, 4, 0, 1));
  ASSERT_EQ(Set(f, {.mode = 02755}), 0);
  EXPECT_EQ(SetXattr(f, kAccessAcl, list(7, 4, {}, 4), 0, true), 0);  // no more than a mode
  EXPECT_EQ(Mode(f), S_IFREG | 0744u);
  EXPECT_EQ(Xattr(f, kAccessAcl), "ENODATA");
  EXPECT_EQ(SetXattr(f, kDefaultAcl, list(7, 5, {}, 5)), EACCES);
  EXPECT_EQ(SetXattr(Create("l", S_IFLNK | 0777), kAccessAcl, list(7, 5, {}, 5)), EOPNOTSUPP);

  uint64_t first = Create("before", S_IFREG | 0666, d);
  EXPECT_EQ(Mode(first), S_IFREG | 0644u);
  EXPECT_EQ(SetXattr(d, kDefaultAcl, list(7, 5, 7, 0)), 0);
  uint64_t file = Create("file", S_IFREG | 0666, d), below = Create("below", S_IFDIR | 0777, d);
  EXPECT_EQ(Mode(file), S_IFREG | 0660u);
  EXPECT_EQ(Xattr(file, kAccessAcl), list(6, 5, 6, 0));
  EXPECT_EQ(Mode(below), S_IFDIR | 0770u);
  EXPECT_EQ(Xattr(below, kDefaultAcl), list(7, 5, 7, 0));
  EXPECT_EQ(Xattrs(below), std::string(kAccessAcl) + " " + kDefaultAcl);
  EXPECT_TRUE(tree_->RemoveXattr(d, kDefaultAcl));
  EXPECT_EQ(Mode(Create("after", S_IFREG | 0666, d)), S_IFREG | 0644u);
  Open();
  EXPECT_EQ(Xattr(Find("d/file"), kAccessAcl), list(6, 5, 6, 0));
  EXPECT_EQ(Set(Find("d/file"), {.mode = 0600}), 0);
  EXPECT_EQ(Xattr(Find("d/file"), kAccessAcl), list(6, 5, 0, 0));
}

TEST_P(OverlayData, HoldsTheQuota) {
  constexpr uint64_t kLimit = 1 << 20;
  const OverlayOptions options{.limits = {.bytes = kLimit, .inodes = 20}};
  lower_.File("large", std::string(2 * kLimit, 'l'));
  lower_.File("small", std::string(5000, 's'));
  Open(options);
  auto left = [&] {
    struct statvfs st = tree_->StatFs();
    return st.f_bavail * st.f_frsize;
  };
  EXPECT_EQ(tree_->StatFs().f_blocks * tree_->StatFs().f_frsize, kLimit);
  EXPECT_EQ(left(), kLimit);
  EXPECT_EQ(Write(Find("large"), "x", 0).error(), ENOSPC) << "its copy has no room";
  EXPECT_FALSE(InUpper("large"));
  EXPECT_EQ(left(), kLimit);
  EXPECT_EQ(Truncate(Find("large"), 0), 0);
  EXPECT_EQ(*Write(Find("small"), "x", 0), 1u);
  EXPECT_EQ(left(), kLimit - 8192);
  const std::string data(kLimit, 'd');
  for (int round = 0; round < 3; ++round) {
    uint64_t f = Create("f");
    EXPECT_EQ(*Write(f, data, 0), kLimit - 8192);
    EXPECT_EQ(Write(f, "x", kLimit).error(), ENOSPC);
    EXPECT_EQ(Write(Find("large"), "x", 0).error(), ENOSPC);
    EXPECT_EQ(*Write(f, "y", 5), 1u);
    EXPECT_EQ(left(), 0u);
    if (round == 1) Open(options);  // as before
    EXPECT_EQ(left(), 0u);
    f = Find("f");
    ASSERT_TRUE(tree_->Unlink(kRoot, "f"));  // needs no room
    EXPECT_EQ(left(), 0u) << "still open";
    EXPECT_EQ(Read(f, 1, 5), "y");
    tree_->Forget(f, 100);
    EXPECT_EQ(left(), kLimit - 8192) << round;
  }
  uint64_t linked = Create("one");
  EXPECT_EQ(*Write(linked, data, 0), kLimit - 8192);
  ASSERT_TRUE(tree_->Link(linked, kRoot, "two"));
  ASSERT_TRUE(tree_->Unlink(kRoot, "one"));
  EXPECT_EQ(left(), 0u);
  ASSERT_TRUE(tree_->Unlink(kRoot, "two"));
  tree_->Forget(linked, 100);
  EXPECT_EQ(left(), kLimit - 8192) << "the last of two names";
  EXPECT_EQ(tree_->StatFs().f_files, 20u);
  EXPECT_EQ(tree_->StatFs().f_ffree, 18u);
  for (uint64_t free = tree_->StatFs().f_ffree; free > 0; --free) Create("i" + std::to_string(free));
  EXPECT_EQ(tree_->MakeNode(kRoot, "one more", {.mode = S_IFREG}, kCaller).error(), ENOSPC);
  EXPECT_EQ(tree_->MakeNode(kRoot, "one more", {.mode = S_IFDIR}, kCaller).error(), ENOSPC);
  ASSERT_TRUE(tree_->Unlink(kRoot, "i1"));
  tree_->Forget(Find("i2"), 0);
  Open(options);
  EXPECT_EQ(tree_->StatFs().f_ffree, 1u);
  Create("one more");
}

TEST_P(OverlayData, NeedsFewDescriptors) {
  Open({.descriptors = 8});
  std::vector<uint64_t> files;
  for (int d = 0; d < 20; ++d) {
    uint64_t directory = Create("d" + std::to_string(d), S_IFDIR | 0755);
    for (int f = 0; f < 100; ++f) files.push_back(Create(std::to_string(f), S_IFREG | 0644, directory));
  }
  for (size_t i = 0; i < files.size(); ++i)
    ASSERT_EQ(*Write(files[i], std::to_string(i), 0), std::to_string(i).size());
  for (size_t i = 0; i < files.size(); ++i) ASSERT_EQ(Read(files[i]), std::to_string(i));
  EXPECT_LE(ListDirectory(AT_FDCWD, "/proc/self/fd")->size(), 40u);
}

TEST_P(OverlayData, IsCoherentUnderThreads) {
  constexpr size_t kBlock = 4096, kBlocks = 64;
  lower_.File("f", std::string(kBlock * kBlocks, 'a'), 04755);
  lower_.Directory("d");
  for (int i = 0; i < 50; ++i) lower_.File("d/" + std::to_string(i), "0123456789");
  Open({.limits = {.bytes = 64 << 20}, .descriptors = 8});
  uint64_t f = Find("f");
  std::vector<uint64_t> others;
  for (int i = 0; i < 50; ++i) others.push_back(Find("d/" + std::to_string(i)));
  std::atomic<bool> torn = false;
  const uint64_t d = Find("d");
  auto come_and_go = [&](const std::string& name) {
    auto made = tree_->MakeNode(d, name, {.mode = S_IFDIR | 0755}, kCaller);
    auto file = tree_->MakeNode(d, name + "f", {.mode = S_IFREG | 0644}, kCaller);
    if (!made || !file) return;
    (void)Write(file->nodeid, "x", 0);
    std::vector<uint64_t> seen;
    auto count = [&](const char*, const Entry& entry, uint64_t) {
      if (entry.nodeid != 0) seen.push_back(entry.nodeid);
      return seen.size() < 20;
    };
    (void)tree_->ReadDirectory(d, 0, true, count);
    if (seen.size() == 20) seen.pop_back();  // it was refused, and has not been counted
    for (uint64_t node : seen) tree_->Forget(node, 1);
    (void)tree_->GetAttributes(d);
    (void)tree_->Rename(d, name + "f", made->nodeid, "moved", 0);
    (void)tree_->Unlink(made->nodeid, "moved");
    (void)tree_->RemoveDirectory(d, name);
    tree_->Forget(file->nodeid, 1);
    tree_->Forget(made->nodeid, 1);
  };
  auto work = [&](unsigned thread) {
    std::string data(kBlock, '?');
    for (unsigned i = 0; i < 300; ++i) {
      size_t block = (i * 7 + thread * 3) % kBlocks;
      if (thread % 2 == 0) {
        (void)tree_->Write(f, std::string(kBlock, static_cast<char>('b' + i % 20)).data(), kBlock,
                           block * kBlock, true);
      } else if (auto n = tree_->Read(f, data.data(), kBlock, block * kBlock); n && *n == kBlock) {
        if (data.find('\0') != data.npos) torn = true;
      }
      uint64_t other = others[i % others.size()];
      if (i % 5 == 0) (void)tree_->SetAttributes(other, {.mode = 0600 + thread});
      if (i % 7 == 0) (void)Write(other, "x", thread);
      if (i % 11 == 0) (void)tree_->SetXattr(other, "user.t", "v", 0, false);
      if (i % 3 == 0) (void)tree_->GetXattr(other, "security.capability");
      (void)tree_->GetAttributes(other);
      if (i % 4 == 0) come_and_go(std::to_string(thread) + "." + std::to_string(i));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t);
  }
  EXPECT_FALSE(torn) << "a reader saw a half-made copy";
  EXPECT_EQ(Mode(f) & 07777, 0755u);
  EXPECT_EQ(Stat(f).st_size, static_cast<off_t>(kBlock * kBlocks));
  for (uint64_t other : others) EXPECT_EQ(Read(other).size(), 10u);
  EXPECT_EQ(Stat(d).st_nlink, 2u);
}

INSTANTIATE_TEST_SUITE_P(Uppers, OverlayData,
                         testing::Values(Upper::kOverride, Upper::kSidecar, Upper::kNative),
                         [](const auto& p) {
                           return p.param == Upper::kOverride  ? "Override"
                                  : p.param == Upper::kSidecar ? "Sidecar"
                                                               : "Native";
                         });

}  // namespace
}  // namespace wolffia
