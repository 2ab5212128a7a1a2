// Records as bytes, and the file that holds them: partial lines, rotation, a disk that is full.
#include "engine/runtime/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_format.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr int64_t kNow = 1767366245'000000006;  // 2026-01-02T15:04:05.000000006Z
const std::string kOut = "2026-01-02T15:04:05.000000006+00:00 stdout ";
const std::string kErr = "2026-01-02T15:04:05.000000006+00:00 stderr ";

std::string Content(const std::string& path) {
  return ReadFile(path, size_t{256} << 20).value_or("<none>");
}

struct Written {
  int stream;
  std::string bytes;
};

std::string LogOf(const std::string& driver, const std::vector<Written>& writes, bool flush = true) {
  TempDir dir;
  {
    auto log = LogWriter::Open({.driver = driver}, dir.path());
    EXPECT_TRUE(log) << log.error().what;
    for (const Written& write : writes) log->Write(write.stream, write.bytes, kNow);
    EXPECT_TRUE(!flush || writes.empty() || log->lost() == 0);
    if (flush) log->Flush(kNow);
    EXPECT_TRUE(!flush || !log->unfinished());
  }
  return Content(dir / "ctr.log");
}

TEST(LogWriter, MakesARecordOfEachLine) {
  const std::string nul("a\0b", 3);
  struct Case {
    std::vector<Written> writes;
    std::string expected;
  } cases[] = {
      {{}, ""},
      {{{kStdout, "one\n"}}, kOut + "F one\n"},
      {{{kStdout, "one\ntwo\n"}}, kOut + "F one\n" + kOut + "F two\n"},
      {{{kStdout, "\n\n"}}, kOut + "F \n" + kOut + "F \n"},
      {{{kStdout, "o"}, {kStdout, "n"}, {kStdout, "e\nt"}}, kOut + "F one\n" + kOut + "P t\n"},
      {{{kStdout, "o"}, {kStderr, "e\n"}, {kStdout, "k\n"}}, kErr + "F e\n" + kOut + "F ok\n"},
      {{{kStderr, "a\r\nb\r"}}, kErr + "F a\r\n" + kErr + "P b\r\n"},
      {{{kStdout, nul + "\n"}}, kOut + "F " + nul + "\n"},
      {{{kStdout, "\xff\xfe\n"}}, kOut + "F \xff\xfe\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(LogOf("k8s-file", c.writes), c.expected);
  EXPECT_EQ(LogOf("k8s-file", {{kStdout, "waits"}}, false), "");
  EXPECT_EQ(LogOf("none", {{kStdout, "x\n"}}), "<none>");
}

TEST(LogWriter, WritesDockersJson) {
  auto json = [](std::string_view text, std::string_view more = "") {
    return "{\"log\":\"" + std::string(text) +
           "\",\"stream\":\"stdout\",\"time\":\"2026-01-02T15:04:05.000000006Z\"" + std::string(more) + "}\n";
  };
  struct Case {
    std::string bytes, expected;
  } cases[] = {
      {"one\n", json("one\\n")},
      {"part", json("part")},
      {"a\"b\\c\td\r\n", json("a\\\"b\\\\c\\td\\r\\n")},
      {std::string("\0\x1b[m\n", 5), json("\\u0000\\u001b[m\\n")},
      {"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n", json("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\\n")},
      {"\xff\n", json("\xef\xbf\xbd\\n", ",\"raw\":\"/wo=\"")},
      {"\xed\xa0\x80", json("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", ",\"raw\":\"7aCA\"")},
  };
  for (const Case& c : cases) EXPECT_EQ(LogOf("json-file", {{kStdout, c.bytes}}), c.expected);
}

// Whatever was written comes back from the records, in both formats.
TEST(LogFormat, KnowsWhatNeedsNoEscape) {
  EXPECT_TRUE(IsPlainJson(""));
  for (int byte = 0; byte < 256; byte++) {
    const bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    for (size_t at = 0; at < 19; at++)
      for (char beside : {' ', '!', '#', '[', ']', '\x7f'}) {
        std::string text(19, beside);
        text[at] = static_cast<char>(byte);
        EXPECT_EQ(IsPlainJson(text), plain) << byte << " at " << at << " beside " << beside;
      }
  }
}

// Large writes reserve room ahead; it is given back, and nothing of it is ever read.
TEST(LogWriter, ReservesNothingForLong) {
  for (const char* driver : {"k8s-file", "json-file"}) {
    TempDir dir;
    auto log = std::move(LogWriter::Open({.driver = driver}, dir.path()).value());
    std::string lines, read;
    for (int i = 0; i < 10'000; i++) lines += "line " + std::to_string(i) + "\n";
    for (int i = 0; i < 20; i++) log.Write(kStdout, lines, kNow);
    log.Release();
    struct stat info;
    ASSERT_EQ(stat((dir / "ctr.log").c_str(), &info), 0);
    EXPECT_LT(info.st_blocks * 512, info.st_size + (1 << 20));
    const LogFormat format = driver[0] == 'k' ? LogFormat::kK8s : LogFormat::kJson;
    const std::string content = Content(dir / "ctr.log");
    std::string scratch;
    for (size_t at = 0, end; (end = content.find('\n', at)) != std::string::npos; at = end + 1) {
      auto record = ParseLogRecord(format, std::string_view(content).substr(at, end - at), scratch);
      ASSERT_TRUE(record && !record->partial);
      read += std::string(record->text) + "\n";
    }
    EXPECT_EQ(read.size(), 20 * lines.size());
    EXPECT_EQ(read.substr(19 * lines.size()), lines);
  }
}

TEST(LogFormat, ReadsWhatItWrote) {
  std::string noise;
  uint32_t seed = 1;
  for (int i = 0; i < 20000; i++) {
    seed = seed * 1664525 + 1013904223;
    noise += static_cast<char>(seed >> 24);
  }
  const std::string megabyte(1 << 20, 'x');
  for (const std::string& bytes : {noise, megabyte + "x\n", megabyte + megabyte + megabyte + "\nend\n",
                                   std::string(70000, 'y') + "\nz"}) {
    for (LogFormat format : {LogFormat::kK8s, LogFormat::kJson}) {
      std::string log = LogOf(format == LogFormat::kK8s ? "k8s-file" : "json-file", {{kStdout, bytes}});
      std::string back, scratch;
      for (size_t at = 0; at < log.size();) {
        size_t feed = log.find('\n', at);
        ASSERT_NE(feed, std::string::npos);
        auto record = ParseLogRecord(format, std::string_view(log).substr(at, feed - at), scratch);
        ASSERT_TRUE(record) << log.substr(at, 100);
        EXPECT_EQ(record->time_ns, kNow);
        EXPECT_EQ(record->stream, kStdout);
        EXPECT_LE(record->text.size(), kMaxLogText);
        back += record->text;
        if (!record->partial) back += '\n';
        at = feed + 1;
      }
      EXPECT_EQ(back, bytes);
    }
  }
}

TEST(LogFormat, SkipsWhatIsNoRecord) {
  const std::string time = "2026-01-02T15:04:05.000000006+00:00";
  std::string scratch;
  for (const std::string& line : std::initializer_list<std::string>{
           "", "x", time, time + " stdout", time + " stdout F", time + " stdxxx F a", time + " stdout X a",
           "2026-13-02T15:04:05Z stdout F a", "2026-01-02T15:04:05 stdout F a"})
    EXPECT_FALSE(ParseLogRecord(LogFormat::kK8s, line, scratch)) << line;
  for (const char* line :
       {"", "{}", "[]", "{\"log\":\"a\"", "{\"log\":1,\"stream\":\"stdout\"}",
        "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"x\"}", "{\"log\":\"\\u12\"}", "{\"log\":\"\\x\"}",
        "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-01-02T15:04:05Z\"} x"})
    EXPECT_FALSE(ParseLogRecord(LogFormat::kJson, line, scratch)) << line;
}

TEST(LogFormat, ReadsForeignForms) {
  std::string scratch;
  auto k8s = ParseLogRecord(LogFormat::kK8s, "2026-01-02T16:04:05.5+01:00 stderr P  a b ", scratch);
  ASSERT_TRUE(k8s);
  EXPECT_EQ(k8s->time_ns, 1767366245'500000000);
  EXPECT_EQ(k8s->stream, kStderr);
  EXPECT_TRUE(k8s->partial);
  EXPECT_EQ(k8s->text, " a b ");
  auto json = ParseLogRecord(LogFormat::kJson,
                             R"( {"attrs":{"a":["}",1]}, "log":"\u00e9\ud83d\ude00\ud800\/\n" ,"x":null,)"
                             R"("stream":"stdout","time":"2026-01-02T15:04:05Z"} )",
                             scratch);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text, "\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd/");
  EXPECT_FALSE(json->partial);
}

TEST(LogWriter, EndsATornRecord) {
  TempDir dir;
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, dir / "ctr.log", "2026-01", 0600));
  auto log = LogWriter::Open({}, dir.path());
  ASSERT_TRUE(log);
  log->Write(kStdout, "a\n", kNow);
  EXPECT_EQ(Content(dir / "ctr.log"), "2026-01\n" + kOut + "F a\n");
  struct stat info;
  ASSERT_EQ(stat((dir / "ctr.log").c_str(), &info), 0);
}

TEST(LogWriter, RefusesWhatIsNoFile) {
  TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  auto fifo = LogWriter::Open({.path = dir / "fifo"}, dir.path());
  ASSERT_FALSE(fifo);
  EXPECT_NE(fifo.error().what.find("is not a file"), std::string::npos) << fifo.error().what;
  EXPECT_FALSE(LogWriter::Open({.path = dir / "no/such"}, dir.path()));
}

TEST(LogWriter, RotatesAtTheEndOfARecord) {
  TempDir dir;
  auto log = LogWriter::Open({.max_size = 100, .max_file = 3}, dir.path());
  ASSERT_TRUE(log);
  std::string lines;
  for (char c = 'a'; c <= 'i'; c++) lines += std::string(1, c) + "\n";
  log->Write(kStdout, lines, kNow);  // 46 bytes a record: three in a file
  EXPECT_EQ(Content(dir / "ctr.log"), "");
  EXPECT_EQ(Content(dir / "ctr.log.1"), kOut + "F g\n" + kOut + "F h\n" + kOut + "F i\n");
  EXPECT_EQ(Content(dir / "ctr.log.2"), kOut + "F d\n" + kOut + "F e\n" + kOut + "F f\n");
  EXPECT_FALSE(ExistsAt(dir.fd(), "ctr.log.3"));
  EXPECT_FALSE(ExistsAt(dir.fd(), "ctr.log.new"));

  auto single = LogWriter::Open({.path = dir / "single", .max_size = 100}, dir.path());
  ASSERT_TRUE(single);
  single->Write(kStdout, "a\nb\nc\nd\n", kNow);
  EXPECT_EQ(Content(dir / "single"), kOut + "F d\n");
  EXPECT_FALSE(ExistsAt(dir.fd(), "single.1"));
  ASSERT_EQ(truncate((dir / "single").c_str(), 0),
            0);  // by hand: nothing is rotated before it has grown again
  single->Write(kStdout, "e\nf\n", kNow);
  EXPECT_EQ(Content(dir / "single"), kOut + "F e\n" + kOut + "F f\n");
}

// A limit of the file size stands for a disk that is full. What did not fit is counted; no half record stays.
TEST(LogWriter, CountsWhatAFullDiskDidNotTake) {
  TempDir dir;
  signal(SIGXFSZ, SIG_IGN);
  rlimit before, small;
  getrlimit(RLIMIT_FSIZE, &before);
  small = {100, before.rlim_max};
  for (const std::string& big : {std::string("c"), std::string(300 << 10, 'c')}) {
    auto log = LogWriter::Open({}, dir.path());
    ASSERT_TRUE(log);
    log->Write(kStdout, "a\nb\n", kNow);
    setrlimit(RLIMIT_FSIZE, &small);
    log->Write(kStdout, big + "\n", kNow);
    EXPECT_EQ(Content(dir / "ctr.log"), kOut + "F a\n" + kOut + "F b\n");
    EXPECT_EQ(log->lost(), static_cast<int64_t>(big.size()));
    setrlimit(RLIMIT_FSIZE, &before);
    log->Write(kStdout, "d\n", kNow);
    EXPECT_EQ(Content(dir / "ctr.log"), kOut + "F a\n" + kOut + "F b\n" + kOut + "F d\n");
    ASSERT_EQ(unlink((dir / "ctr.log").c_str()), 0);
  }
}

}  // namespace
}  // namespace wolffia
