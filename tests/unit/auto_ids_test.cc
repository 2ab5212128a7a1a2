// --userns=auto: options, how many ids a container has to have, and which are chosen.
#include "engine/runtime/auto_ids.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "tests/unit/id_map_text.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::HasSubstr;

const SubordinateIds kUsual = {{{100000, 65536}}, {{200000, 65536}}};

Result<MappedIds> Build(const std::string& mode, uint32_t size, const IdsInUse& used = {},
                        const SubordinateIds& have = kUsual) {
  return BuildAutoMaps(TRY(ParseAuto(mode)), size, have, used, HostUid{1000}, HostGid{1000});
}

TEST(AutoIds, Maps) {
  struct Case {
    const char* name;
    const char* mode;
    uint32_t size;
    IdsInUse used;
    SubordinateIds have;
    const char *uids, *gids;
  } cases[] = {
      {"the first", "auto", 1024, {}, kUsual, "0:100000:1024", "0:200000:1024"},
      {"behind others",
       "auto",
       1024,
       {{{100000, 1024}}, {{200000, 2048}}, 1},
       kUsual,
       "0:101024:1024",
       "0:202048:1024"},
      {"a gap that is large enough",
       "auto",
       100,
       {{{100000, 50}, {100150, 1000}}, {}, 2},
       kUsual,
       "0:100050:100",
       "0:200000:100"},
      {"not one that is too small",
       "auto",
       101,
       {{{100000, 50}, {100150, 1000}}, {}, 2},
       kUsual,
       "0:101150:101",
       "0:200000:101"},
      {"pieces, where none is",
       "auto",
       30,
       {{{100010, 10}}, {}, 1},
       {{{100000, 30}, {500000, 20}}, {{200000, 30}}},
       "0:100000:10 10:100020:10 20:500000:10",
       "0:200000:30"},
      {"all", "auto", 65536, {}, kUsual, "0:100000:65536", "0:200000:65536"},
      {"the user's own are nobody's",
       "auto",
       10,
       {{{1000, 1}, {100000, 5}}, {{1000, 1}}, 1},
       kUsual,
       "0:100005:10",
       "0:200000:10"},
      {"of others, partly the user's",
       "auto",
       10,
       {{{99990, 20}}, {}, 1},
       kUsual,
       "0:100010:10",
       "0:200000:10"},
      {"the user as one of its ids",
       "auto:uidmapping=5:0:1,gidmapping=5:0:1",
       10,
       {},
       kUsual,
       "0:100000:5 5:1000:1 6:100005:4",
       "0:200000:5 5:1000:1 6:200005:4"},
      {"the user behind them",
       "auto:uidmapping=50:0:1",
       10,
       {},
       kUsual,
       "0:100000:10 50:1000:1",
       "0:200000:10"},
      {"ids by number are not chosen again",
       "auto:uidmapping=0:1:4",
       10,
       {},
       kUsual,
       "0:100000:10",
       "0:200000:10"},
      {"by number, from the middle",
       "auto:uidmapping=2:4:4",
       10,
       {},
       kUsual,
       "0:100007:2 2:100003:4 6:100009:4",
       "0:200000:10"},
  };
  for (const Case& c : cases) {
    auto mapped = Build(c.mode, c.size, c.used, c.have);
    ASSERT_TRUE(mapped) << c.name << ": " << mapped.error().what;
    EXPECT_EQ(Text(mapped->maps.uids), c.uids) << c.name;
    EXPECT_EQ(Text(mapped->maps.gids), c.gids) << c.name;
    EXPECT_FALSE(mapped->maps.single) << c.name;
    EXPECT_FALSE(mapped->keep_id) << c.name;
  }
}

TEST(AutoIds, Refusals) {
  const SubordinateIds none, few = {{{100000, 1500}}, {{100000, 1500}}};
  struct Case {
    const char* mode;
    uint32_t size;
    IdsInUse used;
    SubordinateIds have;
    Code code;
    const char* words;
  } cases[] = {
      {"auto", 1024, {}, none, Code::kUnsupported, "0 of this user's 0 subordinate user ids are free"},
      {"auto", 1024, {}, none, Code::kUnsupported, "usermod --add-subuids"},
      {"auto",
       2000,
       {},
       few,
       Code::kUnsupported,
       "needs 2000 user ids, and 1500 of this user's 1500 subordinate user ids are free (ask for fewer"},
      {"auto",
       1024,
       {{{100000, 1024}}, {{100000, 1024}}, 1},
       few,
       Code::kUnsupported,
       "476 of this user's 1500 subordinate user ids are free (1 container has the others: remove it, or "
       "ask"},
      {"auto", 1024, {{}, {{100000, 1024}}, 3}, few, Code::kUnsupported, "3 containers have the others"},
      {"auto", 1024, {{}, {{100000, 1024}}, 3}, few, Code::kUnsupported, "/etc/subgid"},
      {"auto:uidmapping=0:1:1",
       10,
       {{{100000, 1}}, {}, 1},
       kUsual,
       Code::kBusy,
       "100000 of the host is another"},
      {"auto:uidmapping=0:70000:1", 10, {}, kUsual, Code::kUnsupported, "needs more user ids"},
      {"auto:uidmapping=0", 10, {}, kUsual, Code::kInvalid, "--userns=auto:uidmapping 0: expected"},
      {"auto:gidmapping", 10, {}, kUsual, Code::kInvalid, "--userns=auto:gidmapping : expected"},
      {"auto:size=0", 10, {}, kUsual, Code::kInvalid, "number between 1"},
      {"auto:size=-5", 10, {}, kUsual, Code::kInvalid, "number between 1"},
      {"auto:size", 10, {}, kUsual, Code::kInvalid, "number between 1"},
      {"auto:size=4294967295", 10, {}, kUsual, Code::kInvalid, "number between 1"},
      {"auto:", 10, {}, kUsual, Code::kInvalid, "unknown option"},
      {"auto:keep=1", 10, {}, kUsual, Code::kInvalid, "unknown option \"keep=1\""},
  };
  for (const Case& c : cases) {
    auto mapped = Build(c.mode, c.size, c.used, c.have);
    ASSERT_FALSE(mapped) << c.words;
    EXPECT_EQ(mapped.error().code, c.code) << mapped.error().what;
    EXPECT_THAT(mapped.error().what, HasSubstr(c.words));
  }
}

TEST(AutoIds, ManyContainersHaveNoIdInCommon) {
  IdsInUse used;
  std::set<uint32_t> seen;
  for (int n = 0; n < 64; n++) {
    auto mapped = Build("auto", 1024, used);
    ASSERT_TRUE(mapped) << n << ": " << mapped.error().what;
    for (const SpecIdMapping& m : mapped->maps.uids)
      for (uint32_t i = 0; i < m.size; i++) EXPECT_TRUE(seen.insert(m.host_id + i).second);
    used.Add(mapped->maps.uids, mapped->maps.gids);
  }
  EXPECT_EQ(seen.size(), 65536u);
  EXPECT_FALSE(Build("auto", 1, used));
}

TEST(AutoIds, Modes) {
  EXPECT_TRUE(IsAuto("auto"));
  EXPECT_TRUE(IsAuto("auto:size=5"));
  EXPECT_FALSE(IsAuto("automatic"));
  EXPECT_FALSE(IsAuto(""));
  EXPECT_EQ(ParseAuto("auto:size=5")->size, 5u);
}

TEST(AutoIds, SizeOfAnImage) {
  struct Case {
    const char *passwd, *group, *user;
    std::vector<std::string> groups;
    uint32_t size;
  } cases[] = {
      {"", "", "", {}, 1024},
      {"root:x:0:0::/:\nnobody:x:65534:65534::/:\n", "nogroup:x:65534:\n", "", {}, 1024},
      {"a:x:2000:0::/:\n", "", "", {}, 2001},
      {"a:x:0:3000::/:\n", "", "", {}, 3001},
      {"", "g:x:4000:\n", "", {}, 4001},
      {"a:x:4000000:0::/:\n", "", "", {}, 65536},
      {"a:x:4000000:0::/:\n", "", "a", {}, 4000001},
      {"", "", "5000", {}, 5001},
      {"", "", "1:6000", {}, 6001},
      {"nobody:x:65534:65534::/:\n", "", "nobody", {}, 65535},
      {"", "", "", {"7000"}, 7001},
  };
  for (const Case& c : cases) {
    auto size = AutoSize({.passwd = c.passwd, .group = c.group, .user = c.user, .groups = c.groups});
    ASSERT_TRUE(size) << size.error().what;
    EXPECT_EQ(*size, c.size) << c.passwd << c.group << c.user;
  }
  EXPECT_FALSE(AutoSize({.user = "nemo"}));
  IndexBytes bytes;
  bytes.nodes[bytes.File("f", "")].gid = 8000;
  auto index = LowerIndex::FromBytes(bytes.Seal().Build(), IndexCheck::kBounds);
  ASSERT_TRUE(index) << index.error().what;
  EXPECT_EQ(AutoSize({.files = &*index}), 8001u);
}

class AutoIdsInStore : public StoreFixture {
 protected:
  ImageRecord image_ = Must(ImportImage(store_, "h/a:1", {{{"f", "x"}}}));

  NewContainer Make(const std::string& mode, std::vector<SpecIdMapping> map,
                    std::vector<std::string> command = {}) {
    ContainerRecord record = ContainerOf(image_, "", false);
    record.userns = mode;
    record.create_command = std::move(command);
    RuntimeSpec spec;
    spec.process.args = {"true"};
    spec.uid_mappings = spec.gid_mappings = std::move(map);
    return Must(containers_.Create(record, spec));
  }
  IdsInUse Used(const std::string& except = "") { return Must(ReadIdsInUse(store_, kUsual, except)); }
};

TEST_F(AutoIdsInStore, WhatIsInUse) {
  NewContainer one = Make("auto", {{0, 100000, 1024}});
  Make("", {{0, 1000, 1}, {1, 100000, 65536}});
  Make("keep-id", {{0, 100000, 65536}});
  NewContainer other = Make("auto:size=5", {{0, 101024, 5}});
  Make("", {{0, 107000, 10}}, {"wolffia", "create", "--uidmap", "0:7001:10"});
  EXPECT_EQ(Used().containers, 3u);
  EXPECT_EQ(Used().uids.size(), 3u);
  EXPECT_EQ(Used(one.id).containers, 2u);
  one.lock.Release();
  Must(containers_.Remove(one.id));
  EXPECT_EQ(Used().containers, 2u);
  Must(ReplaceFileAt(AT_FDCWD, other.directory + "/spec.json", "{", 0600, Durability::kVolatile));
  EXPECT_FALSE(ReadIdsInUse(store_, kUsual, "")) << "ids that cannot be told are not free";
}

TEST_F(AutoIdsInStore, OneWhoHasAllIdsByAutoCounts) {
  Make("auto", {{0, 100000, 65536}, {65536, 200000, 65536}});
  EXPECT_EQ(Used().containers, 1u);
}

TEST_F(AutoIdsInStore, OneAfterTheOther) {
  FileLock lock = Must(LockAutoIds(store_));
  EXPECT_TRUE(Must(FileLock::IsHeld(store_.root(), "ids.lock")));
  std::jthread second([&] { EXPECT_TRUE(LockAutoIds(store_)); });
  lock.Release();
}

}  // namespace
}  // namespace wolffia
