// Reading logs back: tails, times, rotation under the reader, truncation by hand.
#include "engine/runtime/log_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_writer.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// The texts of what a reader still has, one line each; "+" where a partial record ends.
std::string Texts(LogReader& reader) {
  std::string all;
  for (;;) {
    auto record = reader.Next();
    EXPECT_TRUE(record) << record.error().what;
    if (!record || !*record) return all;
    all += (*record)->text;
    all += (*record)->partial ? "+" : "\n";
  }
}

LogReader OpenLog(const TempDir& dir, const LogConfig& config = {}, const LogSelection& selection = {}) {
  auto reader = LogReader::Open(config, dir.path(), selection);
  EXPECT_TRUE(reader) << reader.error().what;
  return std::move(*reader);
}

void AppendText(const std::string& path, std::string_view text) {
  Fd fd = *Open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
  ASSERT_TRUE(WriteFull(fd.get(), text));
}

TEST(LogReader, TakesTheLastLines) {
  for (const char* driver : {"k8s-file", "json-file"}) {
    TempDir dir;
    LogConfig config{.driver = driver};
    auto log = LogWriter::Open(config, dir.path());
    ASSERT_TRUE(log);
    const std::string long_line(200'000, 'x');
    log->Write(kStdout, "one\ntw", kSecond);
    log->Flush(kSecond);
    log->Write(kStdout, "o\n" + long_line + "\nfour\nfi", 2 * kSecond);
    log->Flush(2 * kSecond);
    auto tail = [&](int64_t lines) {
      LogReader reader = OpenLog(dir, config, {.tail = lines});
      return Texts(reader);
    };
    EXPECT_EQ(tail(0), "");
    EXPECT_EQ(tail(1), "fi+");
    EXPECT_EQ(tail(2), "four\nfi+");
    EXPECT_EQ(tail(3), long_line + "\nfour\nfi+");
    EXPECT_EQ(tail(4), "tw+o\n" + long_line + "\nfour\nfi+");
    EXPECT_EQ(tail(5), "one\ntw+o\n" + long_line + "\nfour\nfi+");
    EXPECT_EQ(tail(500), tail(-1));
    AppendText(dir / "ctr.log", "torn, or foreign");
    EXPECT_EQ(tail(1), "fi+");
    AppendText(dir / "ctr.log", "\n");
    EXPECT_EQ(tail(1), "fi+");
  }
}

TEST(LogReader, SelectsByTimeRecordByRecord) {
  TempDir dir;
  auto log = LogWriter::Open({}, dir.path());
  ASSERT_TRUE(log);
  for (int second : {1, 2, 9, 3, 4}) log->Write(kStdout, std::to_string(second) + "\n", second * kSecond);
  LogReader since = OpenLog(dir, {}, {.since_ns = 3 * kSecond});
  EXPECT_EQ(Texts(since), "9\n3\n4\n");
  LogReader until = OpenLog(dir, {}, {.until_ns = 3 * kSecond, .snapshot = true});
  EXPECT_EQ(Texts(until), "1\n2\n3\n");  // the clock was set back behind 9
  LogReader growing = OpenLog(dir, {}, {.until_ns = 3 * kSecond});
  EXPECT_EQ(Texts(growing), "1\n2\n");
  EXPECT_TRUE(growing.PastUntil());
}

// A log that grows as fast as it is read would never end.
TEST(LogReader, ASnapshotEndsWhereTheLogEnded) {
  for (uint64_t max_size : {uint64_t{0}, uint64_t{200}}) {
    TempDir dir;
    LogConfig config{.max_size = max_size, .max_file = 3};
    auto log = LogWriter::Open(config, dir.path());
    ASSERT_TRUE(log);
    for (int i = 0; i < 7; i++) log->Write(kStdout, std::to_string(i) + "\n", 0);
    LogReader reader = OpenLog(dir, config, {.snapshot = true});
    for (int i = 10; i < 14; i++) log->Write(kStdout, std::to_string(i) + "\n", 0);
    EXPECT_EQ(Texts(reader), "0\n1\n2\n3\n4\n5\n6\n");
    LogReader late = OpenLog(dir, config, {.snapshot = true});
    for (int i = 20; i < 60; i++) log->Write(kStdout, std::to_string(i) + "\n", 0);
    std::string texts = Texts(late);
    EXPECT_EQ(texts.find("20\n"), std::string::npos) << texts;
  }
}

TEST(LogReader, GoesOnWhereTheLogHasGrown) {
  TempDir dir;
  LogReader reader = OpenLog(dir);  // not there yet
  EXPECT_EQ(Texts(reader), "");
  auto log = LogWriter::Open({}, dir.path());
  ASSERT_TRUE(log);
  EXPECT_EQ(Texts(reader), "");
  log->Write(kStdout, "a\n", 0);
  EXPECT_EQ(Texts(reader), "a\n");
  AppendText(dir / "ctr.log", "1970-01-01T00:00:00Z stdout F be");
  EXPECT_EQ(Texts(reader), "");
  AppendText(dir / "ctr.log", "tween\n");
  EXPECT_EQ(Texts(reader), "between\n");
  ASSERT_EQ(truncate((dir / "ctr.log").c_str(), 0), 0);  // by hand
  EXPECT_EQ(Texts(reader), "");
  log->Write(kStdout, "c\n", 0);
  EXPECT_EQ(Texts(reader), "c\n");
}

TEST(LogReader, FollowsRotation) {
  for (int max_file : {1, 2, 5}) {
    TempDir dir;
    LogConfig config{.max_size = 200, .max_file = max_file};
    auto log = LogWriter::Open(config, dir.path());
    ASSERT_TRUE(log);
    LogReader reader = OpenLog(dir, config);
    std::string written, read;
    for (int i = 0; i < 40; i++) {
      std::string line = std::to_string(i) + "\n";
      log->Write(kStdout, line, 0);
      written += line;
      read += Texts(reader);
    }
    EXPECT_EQ(read, written) << max_file;
    LogReader again = OpenLog(dir, config);
    std::string kept = Texts(again);
    EXPECT_TRUE(written.ends_with(kept));
    EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), (max_file - 1) * 5);  // the log itself is new
    LogReader tail = OpenLog(dir, config, {.tail = 6});
    EXPECT_EQ(Texts(tail), max_file == 5 ? "34\n35\n36\n37\n38\n39\n" : kept);
  }
}

// Several rotations while the reader looked away: all files that are still there, in order.
TEST(LogReader, CatchesUpOverRotations) {
  TempDir dir;
  LogConfig config{.max_size = 200, .max_file = 5};
  auto log = LogWriter::Open(config, dir.path());
  ASSERT_TRUE(log);
  log->Write(kStdout, "begin\n", 0);
  LogReader reader = OpenLog(dir, config), late = OpenLog(dir, config);
  EXPECT_EQ(Texts(reader), "begin\n");
  std::string written;
  for (int i = 10; i < 23; i++) {
    log->Write(kStdout, std::to_string(i) + "\n", 0);
    written += std::to_string(i) + "\n";
  }
  EXPECT_EQ(Texts(reader), written);
  EXPECT_EQ(Texts(late), "begin\n" + written);
  for (int i = 30; i < 90; i++) log->Write(kStdout, std::to_string(i) + "\n", 0);
  std::string rest = Texts(reader);
  EXPECT_TRUE(rest.ends_with("88\n89\n")) << rest;
  EXPECT_FALSE(rest.empty());
}

TEST(LogReader, SkipsLinesTooLongToBeRecords) {
  TempDir dir;
  AppendText(dir / "ctr.log", "1970-01-01T00:00:00Z stdout F a\n");
  AppendText(dir / "ctr.log",
             "1970-01-01T00:00:00Z stdout F " + std::string(kMaxLogLine + (1 << 20), 'x') + "\n");
  AppendText(dir / "ctr.log", "foreign\n1970-01-01T00:00:00Z stderr F b\n");
  LogReader reader = OpenLog(dir);
  EXPECT_EQ(Texts(reader), "a\nb\n");
  LogReader tail = OpenLog(dir, {}, {.tail = 2});
  EXPECT_EQ(Texts(tail), "a\nb\n");
}

TEST(LogReader, RefusesWhatItCannotRead) {
  TempDir dir;
  auto none = LogReader::Open({.driver = "none"}, dir.path(), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnsupported);
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(LogReader::Open({.path = dir / "fifo"}, dir.path(), {}));
}

}  // namespace
}  // namespace wolffia
