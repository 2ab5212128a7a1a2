// The pump between pipes: what containers write reaches log and clients, and no client holds up more than it
// may.
#include "engine/runtime/output_pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <thread>

#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_reader.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

class PumpTest : public testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    pump_.OnDrained([this] {
      drained_++;
      if (stop_when_drained_) loop_.Stop();
    });
  }

  // The container's end of a new source.
  Fd Source(int stream) {
    Pipe pipe = *MakePipe();
    auto added = pump_.AddSource(std::move(pipe.read), stream);
    EXPECT_TRUE(added);
    return std::move(pipe.write);
  }

  struct Attached {
    OutputPump::ClientId id;
    Fd out;
  };
  Attached Client(bool lossless) {
    Pipe pipe = *MakePipe();
    OutputPump::Sink sink;
    sink.out = std::move(pipe.write);
    sink.lossless = lossless;
    sink.overrun = [this](int stream, int64_t bytes) {
      EXPECT_EQ(stream, kStdout);
      overrun_ += bytes;
    };
    auto id = pump_.AddClient(std::move(sink));
    EXPECT_TRUE(id);
    return {*id, std::move(pipe.read)};
  }

  void RunFor(int64_t nanoseconds) {
    loop_.After(nanoseconds, [this] { loop_.Stop(); });
    ASSERT_TRUE(loop_.Run());
  }
  void RunUntilDrained() {
    if (drained_ > 0) return;
    stop_when_drained_ = true;
    auto guard = loop_.After(20'000 * kMillisecond, [this] {
      ADD_FAILURE() << "not drained";
      loop_.Stop();
    });
    ASSERT_TRUE(loop_.Run());
    loop_.Cancel(guard);
  }

  std::string Log() {
    auto reader = LogReader::Open({}, dir_.path(), {});
    EXPECT_TRUE(reader);
    std::string all;
    for (;;) {
      auto record = reader->Next();
      EXPECT_TRUE(record);
      if (!record || !*record) return all;
      all += (*record)->text;
      if (!(*record)->partial) all += '\n';
    }
  }

  static std::string ReadAvailable(int fd) {
    int size = 0;
    ioctl(fd, FIONREAD, &size);
    std::string data(static_cast<size_t>(size), 0);
    EXPECT_EQ(ReadFull(fd, data.data(), data.size()).value_or(0), data.size());
    return data;
  }
  static void MakeNonblocking(const Fd& fd) { fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

  // Writes until the pipe is full.
  static std::string Fill(const Fd& fd) {
    MakeNonblocking(fd);
    std::string all, line;
    for (int i = 0;; i++) {
      line = std::to_string(i) + "\n";
      if (write(fd.get(), line.data(), line.size()) < 0) return all;
      all += line;
    }
  }

  TempDir dir_;
  EventLoop loop_ = *EventLoop::Create();
  LogWriter log_ = *LogWriter::Open({}, dir_.path());
  int drained_ = 0;
  bool stop_when_drained_ = false;
  int64_t overrun_ = 0;
  OutputPump pump_{loop_, log_, [] { return int64_t{1767366245'000000006}; }};
};

TEST_F(PumpTest, LogsBothStreamsToTheirEnds) {
  EXPECT_TRUE(pump_.Drained());
  Fd out = Source(kStdout), err = Source(kStderr);
  EXPECT_FALSE(pump_.Drained());
  ASSERT_TRUE(WriteFull(out.get(), "one\ntwo"));
  ASSERT_TRUE(WriteFull(err.get(), "three\n"));
  out.Reset();
  RunFor(5 * kMillisecond);
  EXPECT_EQ(drained_, 0);
  err.Reset();
  RunUntilDrained();
  EXPECT_EQ(drained_, 1);
  EXPECT_EQ(Log(), "three\ntwo" == Log() ? Log() : "one\nthree\ntwo");
}

TEST_F(PumpTest, GivesTheLogAPromptAfterAMoment) {
  Fd out = Source(kStdout);
  ASSERT_TRUE(WriteFull(out.get(), "$ "));
  RunFor(200 * kMillisecond);
  EXPECT_EQ(Log(), "$ ");
}

TEST_F(PumpTest, AFullLosslessClientHoldsUpItsStreamAlone) {
  Fd out = Source(kStdout), err = Source(kStderr);
  Attached client = Client(true);
  std::string sent;
  for (int i = 0; i < 6; i++) {
    sent += Fill(out);
    RunFor(10 * kMillisecond);
  }
  EXPECT_TRUE(Fill(out).empty());
  ASSERT_TRUE(WriteFull(err.get(), "seen\n"));
  RunFor(10 * kMillisecond);
  EXPECT_NE(Log().find("seen\n"), std::string::npos);
  out.Reset();
  err.Reset();
  RunFor(50 * kMillisecond);
  EXPECT_EQ(drained_, 0) << "the client has not read yet";
  std::string received;
  std::thread reader([&] {
    while (received.size() < sent.size()) {
      char buffer[4096];
      ssize_t n = read(client.out.get(), buffer, sizeof buffer);
      if (n <= 0) return;
      received.append(buffer, static_cast<size_t>(n));
    }
  });
  RunUntilDrained();
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST_F(PumpTest, ALosslessClientThatGoesHoldsUpNothing) {
  for (bool removed : {true, false}) {
    Fd out = Source(kStdout);
    Attached client = Client(true);
    for (int i = 0; i < 6; i++) {
      Fill(out);
      RunFor(5 * kMillisecond);
    }
    ASSERT_TRUE(Fill(out).empty());
    if (removed)
      pump_.RemoveClient(client.id);
    else
      client.out.Reset();
    RunFor(10 * kMillisecond);
    EXPECT_FALSE(Fill(out).empty());
    out.Reset();
    RunUntilDrained();
    drained_ = 0;
  }
}

TEST_F(PumpTest, ALossyClientIsToldWhatItMissed) {
  Fd out = Source(kStdout);
  Attached client = Client(false);
  std::string sent;
  for (int i = 0; i < 6; i++) {
    sent += Fill(out);
    RunFor(10 * kMillisecond);
  }
  EXPECT_FALSE(Fill(out).empty()) << "a lossy client held up the container";
  RunFor(10 * kMillisecond);
  EXPECT_EQ(overrun_, 0);
  std::string received = ReadAvailable(client.out.get());
  EXPECT_TRUE(sent.starts_with(received));
  MakeNonblocking(out);
  ASSERT_TRUE(WriteFull(out.get(), "end\n"));
  RunFor(10 * kMillisecond);
  EXPECT_EQ(ReadAvailable(client.out.get()), "end\n");
  EXPECT_GE(overrun_, static_cast<int64_t>(sent.size() - received.size()));
  out.Reset();
  RunUntilDrained();
}

// The pipe's other end is held by a process that outlives the container.
TEST_F(PumpTest, AbandonTakesWhatIsThereAndNoMore) {
  Fd out = Source(kStdout), err = Source(kStderr);
  Attached client = Client(true);
  std::string sent;
  for (int i = 0; i < 6; i++) {
    sent += Fill(out);
    RunFor(5 * kMillisecond);
  }
  pump_.Abandon();
  RunFor(20 * kMillisecond);
  EXPECT_EQ(drained_, 0);
  std::string received;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n; received.size() < sent.size() && (n = read(client.out.get(), buffer, sizeof buffer)) > 0;)
      received.append(buffer, static_cast<size_t>(n));
  });
  RunUntilDrained();
  reader.join();
  EXPECT_EQ(received, sent);
  EXPECT_EQ(Log(), sent);
  EXPECT_LT(write(out.get(), "x", 1), 0);  // closed, though we still hold it
}

TEST_F(PumpTest, ReadsAPtyToItsEnd) {
  Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(grantpt(master.get()) | unlockpt(master.get()), 0);
  Fd slave = *Open(ptsname(master.get()), O_RDWR | O_NOCTTY);
  ASSERT_TRUE(pump_.AddSource(std::move(master), kStdout));
  ASSERT_TRUE(WriteFull(slave.get(), "a\nb"));
  RunFor(50 * kMillisecond);
  slave.Reset();
  RunUntilDrained();
  EXPECT_EQ(Log(), "a\r\nb");
}

TEST_F(PumpTest, ClientsStayForTheNextStart) {
  Attached client = Client(true);
  for (const char* text : {"first\n", "second\n"}) {
    Fd out = Source(kStdout);
    ASSERT_TRUE(WriteFull(out.get(), text));
    out.Reset();
    RunUntilDrained();
    EXPECT_EQ(std::exchange(drained_, 0), 1);
    EXPECT_EQ(ReadAvailable(client.out.get()), text);
  }
}

// An idle pump sleeps: after the burst's timers nothing wakes it.
TEST_F(PumpTest, IsIdleWhenNothingComes) {
  Fd out = Source(kStdout);
  ASSERT_TRUE(WriteFull(out.get(), "x\n"));
  RunFor(2500 * kMillisecond);
  timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  RunFor(300 * kMillisecond);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  EXPECT_LT((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec,
            5 * kMillisecond);
}

}  // namespace
}  // namespace wolffia
