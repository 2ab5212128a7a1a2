#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ctime>

#include "engine/base/event_loop.h"

namespace wolffia {
namespace {

using testing::ElementsAre;

constexpr int64_t kMillisecond = 1'000'000;

struct Pipe {
  Pipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    read = Fd(fds[0]);
    write = Fd(fds[1]);
  }
  void Fill() const { EXPECT_EQ(::write(write.get(), "x", 1), 1); }
  void Empty() const {
    char byte;
    EXPECT_EQ(::read(read.get(), &byte, 1), 1);
  }
  Fd read, write;
};

class EventLoopTest : public testing::Test {
 protected:
  void Run() { ASSERT_TRUE(loop_.Run()); }
  void StopAfter(int64_t milliseconds) {
    loop_.After(milliseconds * kMillisecond, [this] { loop_.Stop(); });
  }
  // How often `fd` was ready until the loop had nothing else to do for a moment.
  int Wakes(int fd, uint32_t events, int64_t milliseconds = 5000) {
    int count = 0;
    EXPECT_TRUE(loop_.Watch(fd, events, [&](uint32_t) {
      if (++count == 100) loop_.Stop();
    }));
    StopAfter(milliseconds);
    Run();
    loop_.Forget(fd);
    return count;
  }

  EventLoop loop_ = *EventLoop::Create();
};

TEST_F(EventLoopTest, TellsWhatIsReady) {
  Pipe pipe;
  pipe.Fill();
  uint32_t seen = 0;
  ASSERT_TRUE(loop_.Watch(pipe.read.get(), EPOLLIN, [&](uint32_t events) {
    seen = events;
    pipe.Empty();
    pipe.write.Reset();
    if (loop_.Change(pipe.read.get(), 0)) loop_.Stop();
  }));
  Run();
  EXPECT_EQ(seen, uint32_t{EPOLLIN});
  ASSERT_TRUE(loop_.Watch(1000, EPOLLIN, [](uint32_t) {}).error().os_errno == EBADF);
  EXPECT_EQ(loop_.Change(1000, EPOLLIN).error().os_errno, EBADF);
  loop_.Forget(1000);
  EXPECT_EQ(loop_.Watch(pipe.read.get(), EPOLLIN, [](uint32_t) {}).error().os_errno, EEXIST);
}

TEST_F(EventLoopTest, ChangeToNothingWaitsForErrorsOnly) {
  Pipe pipe;
  pipe.Fill();
  EXPECT_EQ(Wakes(pipe.read.get(), EPOLLIN), 100) << "level-triggered";
  EXPECT_EQ(Wakes(pipe.read.get(), 0, 20), 0);
  pipe.write.Reset();
  EXPECT_EQ(Wakes(pipe.read.get(), 0), 100) << "a hang-up is always told";
}

TEST_F(EventLoopTest, ACallbackMayForgetItself) {
  Pipe pipe;
  pipe.Fill();
  int calls = 0;
  // What the callback holds must outlive the call that lets it go.
  auto held = std::make_shared<std::string>(1000, 'x');
  std::weak_ptr<std::string> watched = held;
  ASSERT_TRUE(loop_.Watch(pipe.read.get(), EPOLLIN, [&, held = std::move(held)](uint32_t) {
    loop_.Forget(pipe.read.get());
    calls += static_cast<int>(held->size()) / 1000;
  }));
  StopAfter(20);
  Run();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(watched.expired());
}

// Both are ready in one batch; whichever comes first lets the other go, whose event must not be told to it
// nor to a new watch that has got its number.
TEST_F(EventLoopTest, AnEventOfAForgottenDescriptorIsDropped) {
  Pipe pipes[2], quiet;
  int calls = 0, wrong = 0;
  for (int i : {0, 1}) {
    pipes[i].Fill();
    ASSERT_TRUE(loop_.Watch(pipes[i].read.get(), EPOLLIN, [&, i](uint32_t) {
      calls++;
      const int other = pipes[1 - i].read.get();
      for (int fd : {pipes[i].read.get(), other}) loop_.Forget(fd);
      ASSERT_EQ(dup2(quiet.read.get(), other), other);
      ASSERT_TRUE(loop_.Watch(other, EPOLLIN, [&](uint32_t) { wrong++; }));
    }));
  }
  StopAfter(20);
  Run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(wrong, 0);
}

TEST_F(EventLoopTest, TimersInTheirOrder) {
  std::vector<int> order;
  for (int i : {3, 1, 2}) loop_.After(i * 50 * kMillisecond, [&order, i] { order.push_back(i); });
  const auto cancelled = loop_.After(kMillisecond, [&] { order.push_back(-1); });
  loop_.After(0, [&] {
    order.push_back(0);
    loop_.Cancel(cancelled);
    loop_.Cancel(cancelled);
    loop_.Cancel(9999);
    loop_.After(-5, [&] { order.push_back(10); });
  });
  StopAfter(200);
  Run();
  EXPECT_THAT(order, ElementsAre(0, 10, 1, 2, 3));
}

TEST_F(EventLoopTest, ATimerThatIsCancelledByAnotherOfTheSameMomentDoesNotRun) {
  bool ran = false;
  EventLoop::TimerId second = 0;
  loop_.After(0, [&] { loop_.Cancel(second); });
  second = loop_.After(0, [&] { ran = true; });
  StopAfter(10);
  Run();
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, ATimerOfZeroAgainAndAgainStarvesNobody) {
  Pipe pipe;
  pipe.Fill();
  int64_t turns = 0;
  std::function<void()> again = [&] {
    if (++turns < 1'000'000) loop_.After(0, again);
  };
  again();
  ASSERT_TRUE(loop_.Watch(pipe.read.get(), EPOLLIN, [&](uint32_t) { loop_.Stop(); }));
  Run();
  EXPECT_LT(turns, 100);
}

TEST_F(EventLoopTest, ATimeBeyondAllClocksIsNever) {
  bool ran = false;
  loop_.After(INT64_MAX, [&] { ran = true; });
  loop_.After(INT64_MAX - 1, [&] { ran = true; });
  StopAfter(20);
  Run();
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, StopBeforeRunEndsTheNextRunOnly) {
  int ran = 0;
  loop_.Stop();
  loop_.After(0, [&] {
    ran++;
    loop_.Stop();
  });
  Run();
  EXPECT_EQ(ran, 0);
  Run();
  EXPECT_EQ(ran, 1);
}

TEST_F(EventLoopTest, StopEndsTheBatch) {
  Pipe pipes[2];
  int calls = 0;
  for (Pipe& pipe : pipes) {
    pipe.Fill();
    ASSERT_TRUE(loop_.Watch(pipe.read.get(), EPOLLIN, [&](uint32_t) {
      calls++;
      loop_.Stop();
    }));
  }
  Run();
  EXPECT_EQ(calls, 1);
}

// An idle container costs nothing: the thread sleeps until its timer.
TEST_F(EventLoopTest, SleepsWhileNothingIsDue) {
  auto cpu = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  Pipe pipe;
  ASSERT_TRUE(loop_.Watch(pipe.read.get(), EPOLLIN, [](uint32_t) {}));
  loop_.After(3'600'000 * kMillisecond, [] {});
  StopAfter(200);
  const int64_t before = cpu();
  Run();
  EXPECT_LT(cpu() - before, 50 * kMillisecond);
}

}  // namespace
}  // namespace wolffia
