// Containers: creation, states, names, removal, sweeping.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <thread>

#include "engine/base/process.h"
#include "storage/container_record.h"
#include "storage/name_claim.h"
#include "storage/random_name.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class StoreContainerTest : public StoreFixture {
 protected:
  ImageRecord image_ = Must(ImportImage(store_, "h/a:1", {{{"f", "x"}}}));

  Result<NewContainer> Create(const std::string& name = "", bool auto_remove = false) {
    return containers_.Create(ContainerOf(image_, name, auto_remove), RuntimeSpec());
  }
  ContainerState StateOf(const std::string& id) { return Must(containers_.Get(id)).state; }
  // What a kill -9 of a command that stages container `id` leaves.
  void DeadStaging(const std::string& id, const std::string& name) {
    ContainerRecord record = ContainerOf(image_, name);
    record.id = id;
    const std::string staging = "tmp/" + StagingIdOf(id);
    Must(MakeDirectories(dir_ / "root/" + staging + "/container"));
    Must(CreateFileAt(store_.root(), staging + ".lock", "", 0600));
    Must(CreateFileAt(store_.root(), staging + "/container/config.json", SerializeContainer(record), 0600));
    Must(MakeDirectories(dir_ / "root/names/" + name));
    Must(CreateFileAt(store_.root(), "names/" + name + "/" + id, "", 0600));
    Must(CreateFileAt(store_.root(), "tmp/" + id + ".rm", "", 0600));
  }
};

TEST_F(StoreContainerTest, RecordsSurviveTheDisk) {
  ContainerRecord record = ContainerOf(image_, "web", true);
  record.id = std::string(64, 'a');
  record.command = {"sh", "-c", "printf '\\n\"'", "\xff\xfe"};
  record.labels = {{"a", "b"}, {"", ""}};
  record.annotations = {{"k", "v"}};
  record.created_ns = 1'700'000'000'000'000'001;
  record.userns = "keep-id";
  record.stop_timeout = 0;
  record.mounts = {"/data"};
  record.restart_policy = "on-failure";
  record.log = {"json-file", "/l", "t", 1 << 20, 3};
  record.health = HealthConfig{.command = {"CMD", "true"}, .retries = 5, .startup_command = {"x"}};
  record.volumes = {{"data", "/data", true, {"ro"}}};
  auto digest = [](char c) { return Must(Digest::OfHex(std::string(64, c))); };
  record.images = {{"debian:12", "/mnt", digest('1'), digest('2'), {digest('3'), digest('4')}}};
  record.entrypoint = {"sh"};
  record.id_file = "id";
  record.passwd = false;
  record.secrets = {{"s", "id", true, "S", 1, 2, 0400}};
  record.ports = {"80/tcp"};
  record.cgroup = {"split", "a/b", true, true, {}};
  record.cgroup.limits = {.memory = 1 << 30, .memory_swap = -1, .cpu_quota = -1, .pids = 2048, .pids_by_default = true};
  record.cgroup.limits.read_bps = {{"/dev/sda", 8, 0, 1 << 20}};
  record.cgroup.limits.conf = {{"memory.oom.group", "1"}};
  ContainerRecord read = Must(ParseContainer(SerializeContainer(record), "x"));
  EXPECT_EQ(SerializeContainer(read), SerializeContainer(record));
  EXPECT_EQ(read.command[2], record.command[2]);
  EXPECT_EQ(read.stop_timeout, 0) << "not the default";
  EXPECT_EQ(read.mounts, record.mounts);
  EXPECT_EQ(read.cgroup, record.cgroup);
  EXPECT_EQ(read.command[3], "\xef\xbf\xbd\xef\xbf\xbd") << "shown, not refused";
  for (const char* bad : {"", "{}", "[]", "{\"id\":\"x\"}", "{\"id\":5}", "{\"id\":\"", "{\"command\":{}}"})
    EXPECT_FALSE(ParseContainer(bad, "x")) << bad;
  for (const char* bad :
       {"", "[]", "{\"exit_code\":-1}", "{\"exit_code\":4294967296}", "{\"exit_code\":\"0\"}"})
    EXPECT_FALSE(ParseExit(bad, "x")) << bad;
}

TEST_F(StoreContainerTest, RecordsOfOlderVersionsGetDefaults) {
  ContainerRecord old = Must(ParseContainer("{\"id\":\"" + std::string(64, 'a') + "\"}", "x"));
  EXPECT_EQ(old.stop_signal, "SIGTERM");
  EXPECT_EQ(old.stop_timeout, 10);
  EXPECT_EQ(old.log, LogConfig());
  EXPECT_FALSE(old.health);
  EXPECT_EQ(Must(ParseStarted("{\"pid\":5}", "x")).monitor_ticks, 0);
  EXPECT_FALSE(Must(ParseExit("{\"exit_code\":5}", "x")).stopped);
  LiveRecord live{Phase::kPaused, HealthState{"healthy", 2, {{1, 2, 3, "out"}, {2, 3, -1, "too long"}}}, 4, 5,
                  6};
  LiveRecord read = Must(ParseLive(SerializeLive(live), "x"));
  EXPECT_EQ(read.phase, Phase::kPaused);
  EXPECT_EQ(read.health, live.health);
  EXPECT_EQ(read.log_lost, 6);
  EXPECT_FALSE(ParseLive("{\"health\":{\"log\":[1]}}", "x"));
}

TEST_F(StoreContainerTest, ItsDirectoryIsPrivateAndComplete) {
  RuntimeSpec spec;
  spec.process.cwd = "/srv";
  spec.process.args = {"true"};
  ContainerRecord record = ContainerOf(image_, "web");
  record.id = std::string(60, 'b') + "0123";
  NewContainer made = Must(containers_.Create(record, spec, {{"hosts", "127.0.0.1 localhost\n"}}));
  EXPECT_EQ(made.id, record.id);
  EXPECT_EQ(made.directory, containers_.DirectoryOf(made.id));
  EXPECT_THAT(Names("containers/" + made.id),
              ElementsAre("config.json", "hosts", "lock", "lower", "merged", "spec.json", "upper", "work"));
  struct stat st;
  ASSERT_EQ(stat(made.directory.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  ASSERT_EQ(stat((made.directory + "/hosts").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0644u);
  EXPECT_EQ(Must(RuntimeSpec::Parse(Must(ReadFile(made.directory + "/spec.json", 1 << 20)))).process.cwd,
            "/srv");
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_EQ(containers_.Create(record, spec).error().code, Code::kExists) << "the id is taken";
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(StoreContainerTest, StateFollowsFromLockAndFiles) {
  NewContainer made = Must(Create("web"));
  EXPECT_EQ(StateOf(made.id), ContainerState::kRunning) << "its lock is held from the start";
  made.lock.Release();
  EXPECT_EQ(StateOf(made.id), ContainerState::kCreated);
  ASSERT_TRUE(containers_.WriteStarted(made.id, {.pid = 7, .monitor_pid = 8, .started_ns = 9}));
  EXPECT_EQ(StateOf(made.id), ContainerState::kCrashed);
  EXPECT_EQ(StateName({.state = ContainerState::kCrashed}), "exited");
  ASSERT_TRUE(containers_.WriteExit(made.id, {.exit_code = 137, .finished_ns = 10, .error = "why"}));
  ContainerStatus status = Must(containers_.Get(made.id));
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_EQ(status.started->pid, 7);
  EXPECT_EQ(status.exited->exit_code, 137);
  EXPECT_EQ(status.exited->error, "why");
  EXPECT_THAT(Must(containers_.List({.held_only = true})), IsEmpty());
  ContainerStatus seen = Must(containers_.List({.history = false})).at(0);
  EXPECT_EQ(seen.state, ContainerState::kExited);
  EXPECT_EQ(seen.exited->exit_code, 137);
  auto lock = Must(FileLock::TryAcquire(AT_FDCWD, made.directory + "/lock"));
  EXPECT_EQ(StateOf(made.id), ContainerState::kRunning);
  seen = Must(containers_.List({.held_only = true, .history = false})).at(0);
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_EQ(seen.started->pid, 7);
}

TEST_F(StoreContainerTest, StartedAgain) {
  NewContainer made = Must(Create("web"));
  EXPECT_FALSE(Must(containers_.Take(made.id))) << "it runs";
  ASSERT_TRUE(containers_.WriteStarted(made.id, {.pid = 7}));
  ASSERT_TRUE(containers_.WriteExit(made.id, {.exit_code = 1}));
  made.lock.Release();
  auto taken = Must(containers_.Take(made.id));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->directory, made.directory);
  EXPECT_EQ(StateOf(made.id), ContainerState::kRunning);
  ASSERT_TRUE(containers_.WriteStarted(made.id, {.pid = 8}));
  taken->lock.Release();
  EXPECT_EQ(StateOf(made.id), ContainerState::kCrashed) << "the old exit is forgotten";
  EXPECT_EQ(containers_.Take(std::string(64, 'e')).error().code, Code::kNotFound);
}

TEST_F(StoreContainerTest, OneThatIsRemovedWhenItEndsMayWait) {
  NewContainer made = Must(containers_.Create(ContainerOf(image_, "web", true), RuntimeSpec(), {}, false));
  made.lock.Release();
  ASSERT_TRUE(containers_.Sweep());
  EXPECT_EQ(StateOf(made.id), ContainerState::kCreated) << "it was never started";
  auto taken = Must(containers_.Take(made.id));
  ASSERT_TRUE(containers_.Sweep());
  EXPECT_EQ(StateOf(made.id), ContainerState::kRunning);
  taken->lock.Release();
  ASSERT_TRUE(containers_.Sweep());
  EXPECT_EQ(containers_.Get(made.id).error().code, Code::kNotFound);
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(StoreContainerTest, Lookup) {
  auto create = [&](const std::string& id, const std::string& name) {
    ContainerRecord record = ContainerOf(image_, name);
    record.id = id + std::string(64 - id.size(), '0');
    record.created_ns = static_cast<int64_t>(id[1]);
    return Must(containers_.Create(record, RuntimeSpec())).id;
  };
  const std::string a = create("a1", "web"), b = create("a2", "db"), c = create("b3", "a2");
  EXPECT_EQ(Must(containers_.Lookup("web")), a);
  EXPECT_EQ(Must(containers_.Lookup("a1")), a);
  EXPECT_EQ(Must(containers_.Lookup("b")), c);
  EXPECT_EQ(Must(containers_.Lookup(b)), b);
  EXPECT_EQ(Must(containers_.Lookup("a2")), c) << "names before prefixes";
  EXPECT_EQ(containers_.Lookup("a").error().what,
            "more than one result for container ID a: container already exists");
  EXPECT_EQ(containers_.Lookup("x").error().what,
            "no container with name or ID \"x\" found: no such container");
  for (const char* bad : {"", ".", "..", "../containers", "web/", "we\nb", "c"})
    EXPECT_EQ(containers_.Lookup(bad).error().code, Code::kNotFound) << bad;
  EXPECT_EQ(containers_.Get("../images").error().code, Code::kNotFound);
  std::vector<std::string> names;
  for (const ContainerStatus& s : Must(containers_.List())) names.push_back(s.record.name);
  EXPECT_THAT(names, ElementsAre("a2", "db", "web")) << "newest first";
}

TEST_F(StoreContainerTest, NamesAreUnique) {
  NewContainer web = Must(Create("web"));
  auto second = Create("web");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kExists);
  EXPECT_THAT(second.error().what, HasSubstr("\"web\" is already in use by " + web.id));
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_EQ(Names("containers").size(), 1u);
  ASSERT_TRUE(containers_.Remove(web.id, nullptr, true));
  EXPECT_THAT(Names("names"), IsEmpty());
  EXPECT_TRUE(Create("web"));
  for (const std::string& bad : {std::string("a b"), std::string("-x"), std::string("a/b"),
                                 std::string("\xc3\xa4"), std::string(256, 'a')})
    EXPECT_EQ(Create(bad).error().code, Code::kInvalid) << bad;
  EXPECT_TRUE(Create(std::string(255, 'a')));
  EXPECT_THAT(Must(containers_.Get(Must(Create()).id)).record.name, MatchesRegex("[a-z]+_[a-z]+"));
  EXPECT_THAT(RandomName(10), MatchesRegex("[a-z]+_[a-z]+[0-9]+"));
}

TEST_F(StoreContainerTest, AStaleClaimIsTakenOver) {
  const std::string dead(64, 'd');
  DeadStaging(dead, "web");
  NewContainer made = Must(Create("web"));
  EXPECT_EQ(NameHolder(store_, "web"), made.id);
  ReleaseName(store_, "web", dead);
  EXPECT_EQ(NameHolder(store_, "web"), made.id) << "only its own claim";

  // A claim whose container is on its way is not stale.
  const std::string coming(64, 'e');
  DeadStaging(coming, "db");
  auto lock = Must(FileLock::TryAcquire(store_.root(), "tmp/" + StagingIdOf(coming) + ".lock"));
  EXPECT_EQ(Create("db").error().code, Code::kExists);
  EXPECT_TRUE(Staging::Sweep(store_));
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_EQ(NameHolder(store_, "db"), coming);
  lock.reset();
  EXPECT_TRUE(Staging::Sweep(store_));
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_EQ(NameHolder(store_, "db"), std::nullopt);
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_EQ(Findings(store_), "");
}

TEST_F(StoreContainerTest, RemoveNeedsTheLock) {
  NewContainer made = Must(Create("web"));
  auto busy = containers_.Remove(made.id);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::kBusy);
  made.lock.Release();
  EXPECT_TRUE(containers_.Remove(made.id));
  EXPECT_TRUE(containers_.Remove(made.id)) << "gone is gone";
  EXPECT_EQ(containers_.Remove("../images").error().code, Code::kNotFound);
  EXPECT_THAT(Names("containers"), IsEmpty());
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

// Whoever takes a container to start it has it whole, however many remove it.
TEST_F(StoreContainerTest, RemoveKeepsTheLock) {
  for (int i = 0; i < 300; i++) {
    NewContainer made = Must(Create("web"));
    made.lock.Release();
    std::thread remover([&] { (void)containers_.Remove(made.id); });
    if (auto taken = containers_.Take(made.id); taken && *taken) {
      poll(nullptr, 0, 1);
      EXPECT_TRUE(ExistsAt(AT_FDCWD, made.directory + "/config.json")) << "round " << i;
      (*taken)->lock.Release();
    }
    remover.join();
    ASSERT_TRUE(containers_.Remove(made.id));
  }
}

TEST_F(StoreContainerTest, ARootThatIsPutUpForACopyIsNoRun) {
  NewContainer made = Must(Create("web"));
  made.lock.Release();
  auto taken = Must(containers_.Take(made.id, false));
  EXPECT_EQ(Must(containers_.Get(made.id)).phase, Phase::kMounted);
  EXPECT_EQ(StateOf(made.id), ContainerState::kCreated);
  taken->lock.Release();
  EXPECT_EQ(Must(containers_.Get(made.id)).phase, Phase::kNone);
  taken = Must(containers_.Take(made.id));
  EXPECT_EQ(Must(containers_.Get(made.id)).phase, Phase::kRunning)
      << "what the copy left says nothing any more";
}

TEST_F(StoreContainerTest, SharersAreFoundByTheirRecords) {
  NewContainer a = Must(Create("a"));
  ContainerRecord record = ContainerOf(image_, "b");
  record.pid_mode = record.ipc_mode = "container:" + a.id;
  record.labels["note"] = "container:nobody";
  NewContainer b = Must(containers_.Create(record, RuntimeSpec()));
  ContainerRecord network = ContainerOf(image_, "n");
  network.network_config.mode = "container:" + b.id;
  NewContainer n = Must(containers_.Create(network, RuntimeSpec()));
  EXPECT_THAT(Must(containers_.Sharers()),
              testing::UnorderedElementsAre(std::pair(a.id, b.id), std::pair(b.id, n.id)));
}

TEST_F(StoreContainerTest, AContainerWithAMalformedRecordCanBeRemoved) {
  NewContainer made = Must(Create("web"));
  made.lock.Release();
  ASSERT_TRUE(
      ReplaceFileAt(AT_FDCWD, made.directory + "/config.json", "{\"id\":", 0600, Durability::kVolatile));
  EXPECT_THAT(Must(containers_.List()), IsEmpty());
  EXPECT_EQ(containers_.Get(made.id).error().code, Code::kInvalid);
  EXPECT_THAT(Findings(store_), HasSubstr("containers/" + made.id + ": malformed record"));
  EXPECT_EQ(Must(containers_.Lookup(made.id.substr(0, 12))), made.id);
  EXPECT_TRUE(containers_.Remove(made.id));
  EXPECT_THAT(Names("names"), IsEmpty());
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

// A kernel upper holds files of subordinate ids, which their user may not remove outside a user namespace.
TEST_F(StoreContainerTest, FilesOfOtherIdsAreLeftForTheUserNamespace) {
  if (geteuid() == 0) GTEST_SKIP() << "root may remove everything";
  NewContainer made = Must(Create("web", true));
  auto as_container_root = [&](const std::string& script) {
    auto ran = RunForOutput(
        {.program = "unshare", .argv = {"unshare", "-Ur", "--map-auto", "sh", "-ec", script}}, "", 1000);
    return ran && ran->status.ShellCode() == 0;
  };
  if (!as_container_root("cd " + made.directory +
                         "/upper; mkdir -p var/cache; touch var/cache/f; chown -R 1:1 var")) {
    made.lock.Release();
    GTEST_SKIP() << "no subordinate ids here";
  }
  made.lock.Release();
  std::string left_over;
  auto removed = containers_.Remove(made.id, &left_over);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::kDenied) << removed.error().what;
  EXPECT_EQ(left_over, "tmp/" + made.id + ".gone");
  EXPECT_THAT(Names("names"), IsEmpty()) << "for its user it is gone";
  std::vector<std::string> all_left_over;
  EXPECT_TRUE(containers_.Sweep(&all_left_over));
  EXPECT_THAT(all_left_over, ElementsAre(left_over));
  EXPECT_THAT(Findings(store_), HasSubstr(left_over + ": left over"));
  ASSERT_TRUE(as_container_root("rm -rf " + (dir_ / "root/" + left_over)));
  EXPECT_TRUE(containers_.Remove(made.id, &left_over));
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(StoreContainerTest, SweepRemovesAutoRemoveContainersThatNobodyRuns) {
  NewContainer running = Must(Create("running", true)), dead = Must(Create("dead", true)),
               kept = Must(Create("kept"));
  dead.lock.Release();
  kept.lock.Release();
  EXPECT_THAT(Names("tmp").size(), 2u) << "one mark each";
  EXPECT_TRUE(Staging::Sweep(store_));
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_TRUE(containers_.Get(running.id));
  EXPECT_FALSE(containers_.Get(dead.id));
  EXPECT_TRUE(containers_.Get(kept.id));
  EXPECT_THAT(Names("tmp"), ElementsAre(running.id + ".rm"));
  EXPECT_EQ(Findings(store_), "");
  running.lock.Release();
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_THAT(Names("names"), ElementsAre("kept"));
  EXPECT_THAT(Names("tmp"), IsEmpty());
}

TEST_F(StoreContainerTest, AnInterruptedRemovalIsFinished) {
  NewContainer made = Must(Create("web", true));
  made.lock.Release();
  const std::string gone = "tmp/" + made.id + ".gone";
  ASSERT_TRUE(RenameAt(store_.root(), "containers/" + made.id, store_.root(), gone));
  EXPECT_EQ(containers_.Lookup("web").error().code, Code::kNotFound);
  EXPECT_THAT(Must(containers_.List()), IsEmpty());
  EXPECT_THAT(Findings(store_), HasSubstr("names/web: orphan"));
  EXPECT_TRUE(containers_.Sweep());
  EXPECT_THAT(Names("tmp"), IsEmpty());
  EXPECT_THAT(Names("names"), IsEmpty());
}

TEST_F(StoreContainerTest, AnImageThatWasRemovedMeanwhileIsNoticed) {
  ASSERT_TRUE(images_.RemoveName(image_, false));
  EXPECT_TRUE(CollectGarbage(store_));
  auto made = Create("web", true);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kNotFound);
  EXPECT_THAT(made.error().what, HasSubstr("pull it again"));
  for (const char* directory : {"tmp", "names", "containers"}) EXPECT_THAT(Names(directory), IsEmpty());
}

}  // namespace
}  // namespace wolffia
