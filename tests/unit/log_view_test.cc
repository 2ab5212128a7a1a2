// Flags and lines of `logs` and `events`: times, log options, filters, what is printed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cmd/event_view.h"
#include "cmd/log_printer.h"
#include "cmd/time_flag.h"
#include "engine/runtime/control_protocol.h"
#include "engine/runtime/event_reader.h"
#include "engine/runtime/log_config.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTime = 1767366245 * kSecond;  // 2026-01-02T15:04:05Z

TEST(TimeFlag, ReadsTimesAndDurations) {
  struct Case {
    const char* text;
    int64_t since, until;
  } cases[] = {
      {"2026-01-02T15:04:05Z", kTime, kTime},
      {"2026-01-02T15:04:05", kTime, kTime},
      {"2026-01-02 15:04:05", kTime, kTime},
      {"2026-01-02T15:04:05.000000006", kTime + 6, kTime + 6},
      {"2026-01-02T16:04:05.5+01:00", kTime + kSecond / 2, kTime + kSecond / 2},
      {"2026-01-02T15:04", kTime - 5 * kSecond, kTime - 5 * kSecond},
      {"2026-01-02T15", kTime - 245 * kSecond, kTime - 245 * kSecond},
      {"2026-01-02", 1767312000 * kSecond, 1767312000 * kSecond},
      {"2026-01-02+01:00", 1767308400 * kSecond, 1767308400 * kSecond},
      {"1767366245", kTime, kTime},
      {"1767366245.5", kTime + kSecond / 2, kTime + kSecond / 2},
      {"0", 0, 0},
      {"99999999999999", INT64_MAX, INT64_MAX},
      {"-99999999999999", INT64_MIN, INT64_MIN},
      {"10m", kTime - 600 * kSecond, kTime + 600 * kSecond},
      {"1h30m", kTime - 5400 * kSecond, kTime + 5400 * kSecond},
      {"-5s", kTime + 5 * kSecond, kTime - 5 * kSecond},
      {"2562047h", INT64_MIN, INT64_MAX},
  };
  for (const Case& c : cases) {
    auto since = ParseTimeFlag(c.text, TimeFlag::kSince, kTime),
         until = ParseTimeFlag(c.text, TimeFlag::kUntil, kTime);
    ASSERT_TRUE(since && until) << c.text;
    if (std::string(c.text) == "2562047h") {
      EXPECT_LT(*since, 0);
      EXPECT_EQ(*until, INT64_MAX);
      continue;
    }
    EXPECT_EQ(*since, c.since) << c.text;
    EXPECT_EQ(*until, c.until) << c.text;
  }
  for (const char* bad :
       {"", "x", "10", "2026-13-02", "2026-01-02T", "2026-01-02T15:04:05X", "10 m", "nan", "inf", "1e3x"}) {
    if (std::string(bad) == "10") continue;  // seconds
    EXPECT_FALSE(ParseTimeFlag(bad, TimeFlag::kSince, kTime)) << bad;
  }
}

TEST(LogFlags, AreReadInPodmansWords) {
  auto config = ParseLogFlags("json-file", {"max-size=10k", "max-file=3", "path=/x/y"});
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(*config, (LogConfig{.driver = "json-file", .path = "/x/y", .max_size = 10240, .max_file = 3}));
  EXPECT_EQ(*ParseLogFlags("", {}), LogConfig{});
  struct Bad {
    const char* driver;
    std::vector<std::string> options;
    const char* words;
  } bad[] = {
      {"syslog", {}, "invalid log driver \"syslog\""},
      {"journald", {}, "use k8s-file"},
      {"k8s-file", {"path"}, "KEY=VALUE"},
      {"k8s-file", {"path=x"}, "not absolute"},
      {"k8s-file", {"max-size=x"}, "max-size"},
      {"k8s-file", {"max-size=1k", "max-file=0"}, "from 1 to"},
      {"k8s-file", {"max-size=1k", "max-file=2x"}, "from 1 to"},
      {"k8s-file", {"max-file=2"}, "needs max-size"},
      {"k8s-file", {"mode=non-blocking"}, "unknown log option \"mode\""},
      {"none", {"path=/x"}, "writes no file"},
  };
  for (const Bad& c : bad) {
    auto result = ParseLogFlags(c.driver, c.options);
    ASSERT_FALSE(result) << c.words;
    EXPECT_THAT(result.error().what, HasSubstr(c.words));
  }
}

const Event kDied{.time_ns = kTime + 500'000'000,
                  .status = "died",
                  .id = std::string(64, 'a'),
                  .name = "web",
                  .image = "docker.io/library/debian:12",
                  .exit_code = 3,
                  .attributes = {{"x", "y"}}};
const Event kTag{
    .time_ns = kTime, .type = "image", .status = "tag", .id = std::string(64, 'b'), .name = "localhost/a:1"};
const Event kVolume{.time_ns = kTime, .type = "volume", .status = "create", .name = "data"};

TEST(EventLine, IsPodmans) {
  EXPECT_EQ(EventLine(kDied, true),
            "2026-01-02 15:04:05.5 +0000 UTC container died aaaaaaaaaaaa (image=docker.io/library/debian:12, "
            "name=web, x=y)");
  EXPECT_EQ(EventLine(kTag, false), "2026-01-02 15:04:05 +0000 UTC image tag " + kTag.id + " localhost/a:1");
  EXPECT_EQ(EventLine(kVolume, false), "2026-01-02 15:04:05 +0000 UTC volume create data");
  EXPECT_EQ(
      EventFields(kDied, true).dump(),
      R"({"ContainerExitCode":3,"ID":"aaaaaaaaaaaa","Image":"docker.io/library/debian:12","Name":"web",)"
      R"("Status":"died","Time":"2026-01-02T15:04:05.500000000Z","Type":"container","Attributes":{"x":"y"}})");
}

TEST(EventFilter, AlternativesOfAKeyAndAllKeys) {
  struct Case {
    std::vector<std::string> filters;
    bool died, tag, volume;
  } cases[] = {
      {{}, true, true, true},
      {{"type=container"}, true, false, false},
      {{"type=image", "type=volume"}, false, true, true},
      {{"event=die"}, true, false, false},
      {{"status=died", "event=tag", "type=image"}, false, true, false},
      {{"container=web"}, true, false, false},
      {{"container=aaaa"}, true, false, false},
      {{"container=we"}, false, false, false},
      {{"image=debian"}, true, false, false},
      {{"image=library/debian:12"}, true, false, false},
      {{"image=ebian"}, false, false, false},
      {{"image=sha256:bbbb"}, false, true, false},
      {{"image=a:1"}, false, true, false},
      {{"label=x"}, true, false, false},
      {{"label=x=z"}, false, false, false},
      {{"volume=data"}, false, false, true},
  };
  for (const Case& c : cases) {
    auto filter = EventFilter::Parse(c.filters);
    ASSERT_TRUE(filter);
    std::string name = c.filters.empty() ? "" : c.filters[0];
    EXPECT_EQ(filter->Matches(kDied), c.died) << name;
    EXPECT_EQ(filter->Matches(kTag), c.tag) << name;
    EXPECT_EQ(filter->Matches(kVolume), c.volume) << name;
  }
  auto bad = EventFilter::Parse({"pod=x"});
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().what, HasSubstr("invalid argument \"pod=x\""));
}

// What is printed for stdout and stderr, through files in their places.
class PrinterTest : public testing::Test {
 protected:
  std::string Printed(const std::vector<std::pair<LogRecord, bool>>& records, const LogLines& lines) {
    Fd saved(dup(STDOUT_FILENO)), file = *Open(dir_ / "out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file.get(), STDOUT_FILENO);
    {
      LogPrinter printer;
      LogPrinter::OpenLine open[2];
      for (const auto& [record, second] : records) {
        LogLines of_container = lines;
        if (!lines.prefix.empty()) of_container.prefix = second ? "b " : "a ";
        printer.Print(record, of_container, open[second]);
      }
      printer.Finish(kStdout, open[0]);
      printer.Finish(kStdout, open[1]);
      EXPECT_TRUE(printer.Flush());
    }
    dup2(saved.get(), STDOUT_FILENO);
    return *ReadFile(dir_ / "out", 1 << 20);
  }
  TempDir dir_;
};

TEST_F(PrinterTest, BeginsEachLineOnce) {
  LogRecord part{kTime, kStdout, true, "par"}, end{kTime + 6, kStdout, false, "tial"},
      line{kTime, kStdout, false, "x"};
  EXPECT_EQ(Printed({{part, false}, {end, false}, {line, false}, {part, false}}, {}), "partial\nx\npar");
  EXPECT_EQ(Printed({{part, false}, {end, false}, {line, false}}, {.timestamps = true}),
            "2026-01-02T15:04:05.000000000Z partial\n2026-01-02T15:04:05.000000000Z x\n");
  EXPECT_EQ(Printed({{part, false}, {line, true}, {end, false}, {part, true}},
                    {.prefix = "x", .whole_lines = true}),
            "b x\na partial\nb par\n");
}

std::vector<Event> Rest(EventReader& reader) {
  std::vector<Event> events;
  for (;;) {
    auto event = reader.Next();
    EXPECT_TRUE(event) << event.error().what;
    if (!event || !*event) return events;
    events.push_back(std::move(**event));
  }
}

bool Readable(int fd, int timeout_ms) {
  pollfd poll_fd{fd, POLLIN, 0};
  return poll(&poll_fd, 1, timeout_ms) == 1;
}

TEST(Events, AreReadBackAsWritten) {
  TempDir dir;
  Store store = *Store::Open({.root = dir / "root", .runroot = dir / "run"});
  auto reader = EventReader::Open(store, true);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(Rest(*reader).empty());
  EXPECT_FALSE(Readable(reader->fd(), 0));
  for (const Event& event : {kDied, kTag, kVolume}) {
    WriteEvent(store, event);
    EXPECT_TRUE(Readable(reader->fd(), 5000));
    EXPECT_THAT(Rest(*reader), testing::ElementsAre(event));
  }
  Event huge = kDied;
  huge.attributes["label"] = std::string(100 << 10, 'x');
  WriteEvent(store, huge);
  huge.attributes.clear();
  EXPECT_THAT(Rest(*reader), testing::ElementsAre(huge));
  Fd journal = *Open(dir / "run/events.log", O_WRONLY | O_APPEND);
  ASSERT_TRUE(WriteFull(journal.get(), "foreign\n{}\n[1]\n\n{\"time\":"));
  EXPECT_TRUE(Rest(*reader).empty());
  ASSERT_TRUE(WriteFull(journal.get(), "\n"));
  WriteEvent(store, kTag);
  EXPECT_THAT(Rest(*reader), testing::ElementsAre(kTag));
}

TEST(Events, NoneIsMissedByRotation) {
  TempDir dir;
  Store store = *Store::Open({.root = dir / "root", .runroot = dir / "run"});
  auto reader = EventReader::Open(store, true);
  ASSERT_TRUE(reader);
  size_t written = 0, read = 0;
  for (int round = 0; round < 3; round++) {
    {  // lines that are no events: it is about to be full
      Fd journal = *Open(dir / "run/events.log", O_WRONLY | O_APPEND | O_CREAT, 0600);
      for (int i = 0; i < 70; i++) ASSERT_TRUE(WriteFull(journal.get(), std::string(59'900, 'x') + "\n"));
    }
    for (int i = 0; i < 9; i++, written++) {
      WriteEvent(store, kDied);
      if (i % 4 == round) read += Rest(*reader).size();
    }
  }
  EXPECT_EQ(read + Rest(*reader).size(), written);
  EXPECT_TRUE(ExistsAt(dir.fd(), "run/events.log.1"));
  auto late = EventReader::Open(store, false);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->fd(), -1);
  size_t kept = Rest(*late).size();
  EXPECT_GE(kept, 9u);
  EXPECT_LT(kept, 27u);
}

TEST(Events, AreLostWithoutHarm) {
  TempDir dir;
  Store store = *Store::Open({.root = dir / "root", .runroot = dir / "run"});
  ASSERT_TRUE(RemoveTreeAt(AT_FDCWD, dir / "run"));
  WriteEvent(store, kTag);  // the directory is made again
  EXPECT_TRUE(ExistsAt(dir.fd(), "run/events.log"));
  ASSERT_TRUE(RemoveTreeAt(AT_FDCWD, dir / "run/events.log"));
  ASSERT_EQ(mkfifo((dir / "run/events.log").c_str(), 0600), 0);
  WriteEvent(store, kTag);
  auto reader = EventReader::Open(store, false);
  EXPECT_TRUE(!reader || !reader->Next());
}

}  // namespace
}  // namespace wolffia
