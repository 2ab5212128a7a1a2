// Which ids a namespace maps, and the words for a kernel that refuses.
#include <errno.h>
#include <gtest/gtest.h>

#include "engine/runtime/host_facts.h"
#include "tests/unit/id_map_text.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

const SubordinateIds kUsual = {{{100000, 65536}}, {{100000, 65536}}};
const SubordinateIds kTwo = {{{100000, 10}, {300000, 90}}, {{500000, 100}}};
const SubordinateIds kNone = {};

TEST(IdMaps, FromRequests) {
  struct Case {
    const char* name;
    UsernsRequest request;
    SubordinateIds have;
    const char *uids, *gids;
    bool single = false;
  } cases[] = {
      {"default", {}, kUsual, "0:1000:1 1:100000:65536", "0:1000:1 1:100000:65536"},
      {"host is the default", {.mode = "host"}, kUsual, "0:1000:1 1:100000:65536", "0:1000:1 1:100000:65536"},
      {"two ranges in order", {}, kTwo, "0:1000:1 1:100000:10 11:300000:90", "0:1000:1 1:500000:100"},
      {"none: single", {}, kNone, "0:1000:1", "0:1000:1", true},
      {"only uids: single", {}, {{{100000, 10}}, {}}, "0:1000:1", "0:1000:1", true},
      {"keep-id",
       {.mode = "keep-id"},
       kUsual,
       "0:100000:1000 1000:1000:1 1001:101000:64536",
       "0:100000:1000 1000:1000:1 1001:101000:64536"},
      {"keep-id, fewer ids than the own",
       {.mode = "keep-id"},
       kTwo,
       "0:100000:10 10:300000:90 1000:1000:1",
       "0:500000:100 1000:1000:1"},
      {"keep-id single", {.mode = "keep-id"}, kNone, "1000:1000:1", "1000:1000:1", true},
      {"keep-id with ids",
       {.mode = "keep-id:uid=5,gid=0"},
       kUsual,
       "0:100000:5 5:1000:1 6:100005:65531",
       "0:1000:1 1:100000:65536"},
      {"nomap", {.mode = "nomap"}, kUsual, "0:100000:65536", "0:100000:65536"},
      {"flags",
       {.uid_maps = {"0:1:10", "1000:0:1"}},
       kUsual,
       "0:100000:10 1000:1000:1",
       "0:100000:10 1000:1000:1"},
      {"flags across ranges",
       {.uid_maps = {"0:0:12"}, .gid_maps = {"7:0"}},
       kTwo,
       "0:1000:1 1:100000:10 11:300000:1",
       "7:1000:1"},
      {"neighbours join",
       {.mode = "private", .uid_maps = {"5:6:5", "0:1:5"}},
       kUsual,
       "0:100000:10",
       "0:100000:10"},
      {"flags, single", {.uid_maps = {"0:0:1"}}, kUsual, "0:1000:1", "0:1000:1", true},
      {"overlapping ranges of the host are left out",
       {},
       {{{900, 200}, {2000, 5}, {2004, 5}}, {{2000, 5}}},
       "0:1000:1 1:2000:5",
       "0:1000:1 1:2000:5"},
  };
  for (const Case& c : cases) {
    Result<MappedIds> mapped = BuildIdMaps(c.request, c.have, HostUid{1000}, HostGid{1000});
    ASSERT_TRUE(mapped) << c.name << ": " << mapped.error().what;
    EXPECT_EQ(Text(mapped->maps.uids), c.uids) << c.name;
    EXPECT_EQ(Text(mapped->maps.gids), c.gids) << c.name;
    EXPECT_EQ(mapped->maps.single, c.single) << c.name;
    EXPECT_EQ(mapped->keep_id, c.request.mode.starts_with("keep-id")) << c.name;
  }
}

TEST(IdMaps, Refusals) {
  struct Case {
    UsernsRequest request;
    SubordinateIds have;
    Code code;
    const char* words;
  } cases[] = {
      {{.uid_maps = {"0:0:65538"}}, kUsual, Code::kUnsupported, "65537 with its own"},
      {{.uid_maps = {"0:1:1"}}, kNone, Code::kUnsupported, "usermod --add-subuids"},
      {{.uid_maps = {"0:0:1"}, .gid_maps = {"0:1:1"}}, kNone, Code::kUnsupported, "/etc/subgid"},
      {{.uid_maps = {"0:0:0"}}, kUsual, Code::kInvalid, "zero"},
      {{.uid_maps = {"0:0:5", "4:10:5"}}, kUsual, Code::kInvalid, "overlaps"},
      {{.uid_maps = {"0:0:5", "10:4:5"}}, kUsual, Code::kInvalid, "overlaps"},
      {{.uid_maps = {"4294967290:0:100"}}, kUsual, Code::kInvalid, "beyond"},
      {{.uid_maps = {"0:4294967290:100"}}, kUsual, Code::kInvalid, "beyond"},
      {{.uid_maps = {"4294967296:0:1"}}, kUsual, Code::kInvalid, "numbers"},
      {{.uid_maps = {"0:-1:1"}}, kUsual, Code::kInvalid, "numbers"},
      {{.uid_maps = {"0"}}, kUsual, Code::kInvalid, "CONTAINER:FROM:AMOUNT"},
      {{.mode = "keep-id", .uid_maps = {"0:0:1"}}, kUsual, Code::kInvalid, "exclude"},
      {{.mode = "keep-id:user=3"}, kUsual, Code::kInvalid, "unknown option"},
      {{.mode = "keep-id:uid=x"}, kUsual, Code::kInvalid, "number"},
      {{.mode = "nomap"}, kNone, Code::kUnsupported, "usermod"},
      {{.mode = "ns:/proc/1/ns/user"}, kUsual, Code::kUnsupported, "not supported"},
      {{.mode = "sideways"}, kUsual, Code::kInvalid, "unknown mode"},
  };
  for (const Case& c : cases) {
    Result<MappedIds> mapped = BuildIdMaps(c.request, c.have, HostUid{1000}, HostGid{1000});
    ASSERT_FALSE(mapped) << c.words;
    EXPECT_EQ(mapped.error().code, c.code) << mapped.error().what;
    EXPECT_NE(mapped.error().what.find(c.words), std::string::npos) << mapped.error().what;
  }
}

TEST(IdMaps, TooManyExtentsForTheKernel) {
  UsernsRequest request;
  for (int i = 0; i < 341; i++)
    request.uid_maps.push_back(std::to_string(i * 2) + ":" + std::to_string(i) + ":1");
  Result<MappedIds> mapped = BuildIdMaps(request, kUsual, HostUid{1000}, HostGid{1000});
  ASSERT_FALSE(mapped);
  EXPECT_NE(mapped.error().what.find("340"), std::string::npos);
}

TEST(IdMaps, LookupsAndView) {
  IdMaps maps = BuildIdMaps({.mode = "keep-id"}, kTwo, HostUid{1000}, HostGid{1000})->maps;
  EXPECT_EQ(HostOf(maps.uids, 0), 100000u);
  EXPECT_EQ(HostOf(maps.uids, 12), 300002u);
  EXPECT_EQ(HostOf(maps.uids, 1000), 1000u);
  EXPECT_EQ(HostOf(maps.uids, 999), std::nullopt);
  EXPECT_EQ(maps.View().Uid(12), 12u);
  EXPECT_EQ(maps.View().Uid(999), 0u) << "not mapped, nor is 65534";
}

TEST(IdMaps, WithAndWithoutTheUser) {
  const HostUid uid{1000};
  const HostGid gid{1000};
  const IdMaps nomap = BuildIdMaps({.mode = "nomap"}, kUsual, uid, gid)->maps;
  EXPECT_FALSE(HasUser(nomap, uid, gid));
  EXPECT_EQ(Text(WithUser(nomap, uid, gid).uids), "0:100000:65536 65536:1000:1");
  const IdMaps usual = BuildIdMaps({}, kUsual, uid, gid)->maps;
  EXPECT_TRUE(HasUser(usual, uid, gid));
  EXPECT_EQ(WithUser(usual, uid, gid), usual);
  const IdMaps half{{{0, 1000, 1}}, {{0, 5, 1}, {2, 9, 1}, {4294967294, 7, 1}}, false};
  EXPECT_FALSE(HasUser(half, uid, gid));
  EXPECT_EQ(Text(WithUser(half, uid, gid).uids), "0:1000:1");
  EXPECT_EQ(Text(WithUser(half, uid, gid).gids), "0:5:1 2:9:1 4294967294:7:1 1:1000:1");
}

TEST(Subordinate, LinesOfAUser) {
  constexpr std::string_view kText =
      "alice:100000:65536\nalicex:1:1\n1000:300000:10\n# alice:5:5\nalice:bad:5\nalice:5\nalice:7:0\n"
      "alice:4294967290:100\nalice:400000:5:6\nalice:500000:1";
  std::vector<SubordinateRange> expected = {{100000, 65536}, {300000, 10}, {500000, 1}};
  EXPECT_EQ(ParseSubordinate(kText, "alice", 1000), expected);
  EXPECT_TRUE(ParseSubordinate(kText, "bob", 1001).empty());
  EXPECT_TRUE(ParseSubordinate("", "alice", 1000).empty());
}

TEST(HostFacts, OfThisProcess) {
  Result<HostFacts> facts = HostFacts::Gather(Context::OfProcess());
  ASSERT_TRUE(facts) << facts.error().what;
  EXPECT_EQ(static_cast<uint32_t>(facts->uid), getuid());
  EXPECT_FALSE(facts->user_name.empty());
  EXPECT_GE(facts->last_capability, 37);
  EXPECT_EQ(facts->limits.size(), 16u);
  EXPECT_EQ(UserNameIn("root:x:0:0::/:/bin/sh\nbad\n:x:5:5::/:\nbob:x:1001:5::/:", 1001), "bob");
  EXPECT_EQ(UserNameIn("root:x:0:0::/:/bin/sh\n:x:5:5::/:", 5), "");
}

TEST(Refusals, NameCauseAndRemedy) {
  struct Case {
    const char *file, *content;
    int os_errno;
    const char* words;
  } cases[] = {
      {"proc/sys/user/max_user_namespaces", "0\n", ENOSPC, "sysctl user.max_user_namespaces="},
      {"proc/sys/user/max_user_namespaces", "100\n", ENOSPC, "is 100"},
      {"proc/sys/user/max_user_namespaces", "100\n", EUSERS, "32 deep"},
      {"proc/sys/user/max_net_namespaces", "0\n", ENOSPC, "sysctl user.max_net_namespaces="},
      {"proc/sys/user/max_pid_namespaces", "0\n", ENOSPC, "sysctl user.max_pid_namespaces="},
      {"proc/sys/kernel/unprivileged_userns_clone", "0\n", EPERM, "kernel.unprivileged_userns_clone=1"},
      {"proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", EPERM, "AppArmor"},
      {"proc/self/status", "Name:\tx\nSeccomp:\t2\n", EPERM, "seccomp=unconfined"},
      {"proc/self/mountinfo", "22 1 0:1 / /elsewhere rw - ext4 x rw\n", EPERM, "chroot"},
      {"proc/self/mountinfo", "22 1 0:1 / / rw - ext4 x rw\n", EPERM, "audit log"},
      {"proc/none", "", EINVAL, "CONFIG_USER_NS"},
  };
  for (const Case& c : cases) {
    TempDir root;
    ASSERT_TRUE(MakeDirectories(root / "proc/self/ns/user"));
    ASSERT_TRUE(MakeDirectories(SplitPath(root / c.file).first));
    ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / c.file, c.content, 0600));
    std::string words = ExplainUsernsRefusal(c.os_errno, root.path());
    EXPECT_NE(words.find(c.words), std::string::npos) << c.file << ": " << words;
  }
  TempDir root;
  EXPECT_NE(ExplainFuseRefusal(ENOENT, root.path()).find("modprobe fuse"), std::string::npos);
  EXPECT_NE(ExplainOverlayRefusal(EPERM, "/proc").find("security module"), std::string::npos);
}

}  // namespace
}  // namespace wolffia
