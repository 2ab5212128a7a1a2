// Volumes: made whole or not at all, removed only when nobody uses them, with whatever else goes on beside
// it.
#include "storage/volume_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "storage/volume_record.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<> FillWithOne(int data) {
  return CreateFileAt(data, "one", "1", 0644);
}

class VolumeStoreTest : public StoreFixture {
 protected:
  ContainerRecord UsingVolume(const std::string& volume, bool anonymous, bool auto_remove = false) {
    ContainerRecord record;
    record.rootfs = "/";
    record.auto_remove = auto_remove;
    record.volumes = {{volume, "/data", anonymous, {}}};
    return record;
  }
  std::vector<std::string> Data(const std::string& name) {
    return Names(VolumeStore::PathOf(name) + "/data");
  }

  VolumeStore volumes_{store_};
};

TEST_F(VolumeStoreTest, IsMadeListedAndRemoved) {
  VolumeRecord wanted{.name = "v1", .created_ns = 5, .labels = {{"a", "b"}}, .options = {{"type", "tmpfs"}}};
  EXPECT_EQ(Must(volumes_.Create(wanted)), wanted);
  EXPECT_EQ(Must(volumes_.Get("v1")), wanted);
  EXPECT_EQ(Must(volumes_.Get("v")), wanted) << "a unique prefix";
  EXPECT_EQ(volumes_.Create(wanted).error().what,
            "volume with name v1 already exists: volume already exists");
  VolumeRecord anonymous = Must(volumes_.Create({.anonymous = true}));
  EXPECT_EQ(anonymous.name.size(), 64U);
  Must(volumes_.Create({.name = "v2", .filled = true}, FillWithOne));
  EXPECT_EQ(volumes_.Get("v").error().code, Code::kInvalid) << "two";
  EXPECT_THAT(Data("v2"), ElementsAre("one"));
  EXPECT_TRUE(Must(volumes_.Get("v2")).filled);
  EXPECT_EQ(Must(volumes_.List()).size(), 3U);
  for (const char* name : {"v1", "v2"}) EXPECT_TRUE(volumes_.Remove(name));
  EXPECT_TRUE(volumes_.Remove(anonymous.name));
  EXPECT_EQ(volumes_.Remove("v1").error().what, "no volume with name \"v1\" found: no such volume");
  EXPECT_EQ(volumes_.Get("v1").error().code, Code::kNotFound);
  for (const char* name : {"", "a b", "../x", ".x", "-x", "a/b"}) {
    EXPECT_FALSE(name[0] != 0 && volumes_.Create({.name = name})) << name;
    EXPECT_EQ(volumes_.Get(name).error().code, Code::kNotFound) << name;
  }
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_THAT(Names("volumes"), IsEmpty());
}

TEST_F(VolumeStoreTest, AFillThatFailsLeavesNothing) {
  auto half = [](int data) -> Result<> {
    TRY(FillWithOne(data));
    return Fail(Code::kNoSpace, "full", ENOSPC);
  };
  EXPECT_EQ(volumes_.Create({.name = "v"}, half).error().code, Code::kNoSpace);
  EXPECT_THAT(Names("volumes"), IsEmpty());
  Must(volumes_.Create({.name = "w"}));
  EXPECT_FALSE(volumes_.FillOnce(Must(volumes_.Get("w")), half, true));
  EXPECT_THAT(Data("w"), IsEmpty());
  EXPECT_FALSE(Must(volumes_.Get("w")).filled) << "the next container tries again";
  EXPECT_TRUE(volumes_.FillOnce(Must(volumes_.Get("w")), FillWithOne, true));
  EXPECT_THAT(Data("w"), ElementsAre("one"));
  EXPECT_TRUE(Must(volumes_.Get("w")).filled);
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(VolumeStoreTest, WhatSomebodyWroteStays) {
  Must(volumes_.Create({.name = "v"}));
  ASSERT_TRUE(CreateFileAt(store_.root(), "volumes/v/data/mine", "m", 0644));
  EXPECT_TRUE(volumes_.FillOnce(Must(volumes_.Get("v")), FillWithOne, true));
  EXPECT_THAT(Data("v"), ElementsAre("mine"));
}

TEST_F(VolumeStoreTest, IsKeptWhileAContainerNamesIt) {
  Must(volumes_.Create({.name = "v"}));
  auto container = Must(containers_.Create(UsingVolume("v", false), RuntimeSpec()));
  EXPECT_THAT(Must(volumes_.Users("v")), ElementsAre(container.id));
  auto refused = volumes_.Remove("v");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_EQ(refused.error().what, "volume v is being used by the following container(s): " + container.id +
                                      ": volume is being used");
  ASSERT_TRUE(containers_.Remove(container.id, nullptr, true, true));
  EXPECT_THAT(Names("volumes"), ElementsAre("v")) << "it has a name";
  EXPECT_TRUE(volumes_.Remove("v"));
}

TEST_F(VolumeStoreTest, AnonymousOnesGoWithTheirContainer) {
  for (bool auto_remove : {false, true}) {
    std::string mine = Must(volumes_.Create({.anonymous = true}, FillWithOne)).name;
    std::string shared = Must(volumes_.Create({.anonymous = true})).name;
    ContainerRecord record = UsingVolume(mine, true, auto_remove);
    record.volumes.push_back({shared, "/other", true, {}});
    auto container = Must(containers_.Create(record, RuntimeSpec()));
    auto other = Must(containers_.Create(UsingVolume(shared, true), RuntimeSpec()));
    ASSERT_TRUE(containers_.Remove(container.id, nullptr, true, !auto_remove));
    EXPECT_THAT(Names("volumes"), ElementsAre(shared));
    ASSERT_TRUE(containers_.Remove(other.id, nullptr, true));
    EXPECT_THAT(Names("volumes"), ElementsAre(shared)) << "without -v";
    EXPECT_TRUE(volumes_.Remove(shared));
  }
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(VolumeStoreTest, TheCheckKnowsThem) {
  Must(volumes_.Create({.name = "v"}));
  auto container = Must(containers_.Create(UsingVolume("v", false), RuntimeSpec()));
  EXPECT_EQ(Findings(store_), "");
  ASSERT_TRUE(RemoveTreeAt(store_.root(), "volumes/v"));
  EXPECT_THAT(Findings(store_), HasSubstr("missing volume v of container"));
  ASSERT_TRUE(containers_.Remove(container.id, nullptr, true));
  Must(volumes_.Create({.name = "w"}));
  ASSERT_TRUE(ReplaceFileAt(store_.root(), "volumes/w/meta.json", "{", 0600, Durability::kVolatile));
  EXPECT_THAT(Findings(store_), HasSubstr("volumes/w: malformed record"));
}

TEST(VolumeRecord, IsReadAsWritten) {
  VolumeRecord record{"n", "local", 7, {{"k", "v"}}, {{"o", "bind"}}, true, true};
  EXPECT_EQ(Must(ParseVolume(SerializeVolume(record), "x")), record);
  for (const char* bad : {"", "[]", "{}", R"({"name":"../x"})", R"({"name":"x","labels":[]})"})
    EXPECT_FALSE(ParseVolume(bad, "x")) << bad;
}

// What `run` does with a volume: all of it is there for the container, whoever else makes or removes it.
[[noreturn]] void Use(const Store& store,
                      const std::function<ContainerRecord(const std::string&)>& using_volume) {
  VolumeStore volumes(store);
  ContainerStore containers(store);
  for (;;) {
    auto made = volumes.Create({.name = "v"}, FillWithOne);
    if (!made && made.error().code != Code::kExists) _exit(2);
    auto lock = volumes.Hold("v");
    if (!lock) continue;
    auto container = containers.Create(using_volume("v"), RuntimeSpec());
    if (!container) _exit(3);
    lock->Release();
    if (!ExistsAt(store.root(), "volumes/v/data/one")) _exit(4);
    if (!containers.Remove(container->id, nullptr, true)) _exit(5);
    container->lock.Release();
    auto removed = volumes.Remove("v");
    if (!removed && removed.error().code != Code::kBusy && removed.error().code != Code::kNotFound) _exit(6);
    (void)Staging::Sweep(store);
  }
}

TEST_F(VolumeStoreTest, RacesAndKillsLeaveWholeVolumes) {
  std::mt19937 random(11);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  auto start = [&] {
    pid_t pid = fork();
    if (pid == 0) Use(store_, [&](const std::string& name) { return UsingVolume(name, false); });
    return pid;
  };
  std::vector<pid_t> users = {start(), start(), start()};
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
    pid_t& victim = users[random() % users.size()];
    kill(victim, SIGKILL);
    int status = 0;
    waitpid(victim, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it gave up with " << WEXITSTATUS(status);
    victim = start();
  }
  for (pid_t pid : users) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  EXPECT_TRUE(Staging::Sweep(store_));
  for (const std::string& id : Names("containers")) EXPECT_TRUE(containers_.Remove(id));
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_EQ(Findings(store_), "");
  for (const std::string& name : Names("volumes")) EXPECT_THAT(Data(name), ElementsAre("one"));
}

}  // namespace
}  // namespace wolffia
