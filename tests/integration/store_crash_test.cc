// Processes that are killed at any moment, and processes that race: afterwards a sweep leaves nothing behind,
// and the check finds nothing wrong.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::IsEmpty;
using Clock = std::chrono::steady_clock;

constexpr auto kDuration = std::chrono::seconds(3);

// Runs `work` in a child until it returns. The child has no part in the test's clean-up.
pid_t Start(const std::function<void()>& work) {
  pid_t pid = fork();
  if (pid == 0) {
    work();
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  return pid;
}

int Await(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

class StoreCrashTest : public StoreFixture {
 protected:
  void SweepAll() {
    auto swept = Staging::Sweep(store_);
    EXPECT_TRUE(swept) << swept.error().what;
    swept = containers_.Sweep();
    EXPECT_TRUE(swept) << swept.error().what;
  }
  // After a sweep and a collection nothing is left that somebody does not own.
  void ExpectSound() {
    SweepAll();
    EXPECT_THAT(Names("tmp"), IsEmpty());
    EXPECT_TRUE(CollectGarbage(store_));
    EXPECT_EQ(Findings(store_), "");
    EXPECT_EQ(Names("names").size(), Names("containers").size());
  }
};

// One command after another, all kinds, for ever.
[[noreturn]] void Churn(const Store& store, int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  ImageStore images(store);
  ContainerStore containers(store);
  for (int round = 0;; ++round) {
    const std::string name = "h/a:" + std::to_string(random() % 3);
    Must(ImportImage(store, name, {{{"base", "b"}}, {{"f", std::to_string(random() % 5)}}}));
    auto image = images.ByName(name);
    if (!image) continue;
    auto one = containers.Create(ContainerOf(*image, "one", true), RuntimeSpec());
    auto two = containers.Create(ContainerOf(*image), RuntimeSpec());
    if (one) (void)containers.WriteStarted(one->id, {.pid = 1});
    if (one) (void)containers.Remove(one->id, nullptr, true);
    if (two && random() % 4 != 0) (void)containers.Remove(two->id, nullptr, true);
    (void)images.RemoveName(*image, random() % 2 == 0);
    (void)CollectGarbage(store);
    if (random() % 4 == 0) (void)Staging::Sweep(store);
    if (random() % 4 == 0) (void)containers.Sweep();
  }
}

TEST_F(StoreCrashTest, KilledAtAnyMoment) {
  std::mt19937 random(7);
  const auto end = Clock::now() + kDuration;
  int kills = 0;
  for (; Clock::now() < end; ++kills) {
    pid_t pid = Start([&] { Churn(Must(Reopen()), kills); });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 25'000));
    kill(pid, SIGKILL);
    ASSERT_EQ(WTERMSIG(Await(pid)), SIGKILL);
    if (kills % 8 == 0) ExpectSound();
    if (HasFailure()) break;
  }
  ExpectSound();
  RecordProperty("kills", kills);
}

TEST_F(StoreCrashTest, KilledBesideOthersThatGoOn) {
  pid_t lasting = Start([&] { Churn(Must(Reopen()), 1000); });
  std::mt19937 random(8);
  const auto end = Clock::now() + kDuration;
  for (int kills = 0; Clock::now() < end; ++kills) {
    pid_t pid = Start([&] { Churn(Must(Reopen()), kills); });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 25'000));
    kill(pid, SIGKILL);
    ASSERT_EQ(WTERMSIG(Await(pid)), SIGKILL);
  }
  kill(lasting, SIGKILL);
  EXPECT_EQ(WTERMSIG(Await(lasting)), SIGKILL) << "it met something that it could not do";
  ExpectSound();
}

// What a pull or a run has been told is there stays there, whatever collectors do.
TEST_F(StoreCrashTest, CollectionsBesidePulls) {
  std::vector<pid_t> collectors;
  for (int i = 0; i < 2; ++i)
    collectors.push_back(Start([&] {
      Store store = Must(Reopen());
      for (;;) Must(CollectGarbage(store));
    }));
  std::vector<pid_t> pulls;
  for (int i = 0; i < 2; ++i)
    pulls.push_back(Start([&, i] {
      Store store = Must(Reopen());
      ImageStore images(store);
      ContainerStore containers(store);
      const std::string name = "h/a:" + std::to_string(i);
      for (const auto end = Clock::now() + kDuration; Clock::now() < end;) {
        ImageRecord image =
            Must(ImportImage(store, name, {{{"base", "b"}}, {{"f", "x"}}}, std::to_string(i)));
        Must(images.OpenLower(image.chain, image.diff_ids));
        NewContainer made = Must(containers.Create(ContainerOf(image, "", true), RuntimeSpec()));
        Must(images.RemoveName(image, false));
        Must(images.OpenLower(image.chain, image.diff_ids));
        Must(containers.Remove(made.id, nullptr, true));
      }
    }));
  for (pid_t pid : pulls) EXPECT_EQ(Await(pid), 0);
  for (pid_t pid : collectors) {
    kill(pid, SIGKILL);
    EXPECT_EQ(WTERMSIG(Await(pid)), SIGKILL);
  }
  ExpectSound();
  EXPECT_THAT(Names("blobs/sha256"), IsEmpty());
}

// However many want a name, one has it.
TEST_F(StoreCrashTest, ANameHasOneHolder) {
  ImageRecord image = Must(ImportImage(store_, "h/a:1", {{{"f", "x"}}}));
  auto contend = [&] {
    Store store = Must(Reopen());
    ContainerStore containers(store);
    int held = 0;
    for (const auto end = Clock::now() + kDuration / 2; Clock::now() < end;) {
      auto made = containers.Create(ContainerOf(image, "web"), RuntimeSpec());
      if (!made) {
        if (made.error().code != Code::kExists && made.error().code != Code::kBusy) Must(std::move(made));
        continue;
      }
      // While we hold the name nobody else's record may say the same.
      for (const ContainerStatus& other : Must(containers.List()))
        if (other.record.name == "web" && other.record.id != made->id) _exit(2);
      if (Must(containers.Lookup("web")) != made->id) _exit(3);
      ++held;
      Must(containers.Remove(made->id, nullptr, true));
    }
    if (held == 0) _exit(4);
  };
  std::vector<pid_t> contenders;
  for (int i = 0; i < 3; ++i) contenders.push_back(Start(contend));
  for (pid_t pid : contenders) EXPECT_EQ(Await(pid), 0);
  ExpectSound();
  EXPECT_THAT(Names("names"), IsEmpty());
}

// Two that remove the same container, and two pulls of the same image, both succeed.
TEST_F(StoreCrashTest, TheSameWorkTwice) {
  for (int round = 0; round < 20; ++round) {
    pid_t pulls[2];
    for (pid_t& pid : pulls)
      pid = Start([&] { Must(ImportImage(Must(Reopen()), "h/a:1", {{{"f", std::to_string(round)}}})); });
    for (pid_t pid : pulls) ASSERT_EQ(Await(pid), 0);
    NewContainer made =
        Must(containers_.Create(ContainerOf(Must(images_.ByName("h/a:1")), "web", true), RuntimeSpec()));
    for (int i = 0; i < 50; ++i)
      Must(CreateFileAt(AT_FDCWD, made.directory + "/upper/" + std::to_string(i), "", 0600));
    pid_t removals[3];
    made.lock.Release();
    for (int i = 0; i < 3; ++i)
      removals[i] = Start([&, i] {
        Store store = Must(Reopen());
        auto removed = i == 0 ? ContainerStore(store).Sweep() : ContainerStore(store).Remove(made.id);
        if (!removed && removed.error().code != Code::kBusy) Must(std::move(removed));
      });
    for (pid_t pid : removals) ASSERT_EQ(Await(pid), 0);
    EXPECT_FALSE(containers_.Get(made.id));
  }
  ExpectSound();
}

}  // namespace
}  // namespace wolffia
