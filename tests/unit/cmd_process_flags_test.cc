// The flags of `run` about the process, its namespaces and its health; and the small languages that they are
// written in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/duration.h"
#include "cmd/run_flags.h"
#include "engine/base/file.h"
#include "engine/runtime/environment.h"
#include "engine/runtime/oom_score.h"
#include "engine/runtime/time_zone.h"
#include "engine/runtime/word_expansion.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<RunRequest> Read(std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  words.push_back("img");
  CommandLine line = TRY(ParseCommandLine(words));
  return ReadRunFlags(line.options, Settings(), {}, "/here");
}

// The record's health check, from flags over an image's.
Result<std::optional<HealthConfig>> HealthOf(std::vector<std::string> words,
                                             std::optional<HealthcheckConfig> image = std::nullopt) {
  RunRequest request = TRY(Read(std::move(words)));
  ImageConfig config;
  config.healthcheck = std::move(image);
  ContainerRecord record;
  TRY(FillHealth(request, config, record));
  return record.health;
}

TEST(ProcessFlags, Everything) {
  auto request = Read({"--env-host",
                       "--env-merge=A=$B",
                       "--unsetenv",
                       "X",
                       "--unsetenv-all",
                       "--pidfile=p",
                       "--conmon-pidfile",
                       "/q",
                       "--tz=local",
                       "--umask",
                       "0077",
                       "--group-add",
                       "5,disk",
                       "--sysctl",
                       "net.core.somaxconn=1=2",
                       "--domainname=d",
                       "--passwd=false",
                       "--no-hosts",
                       "--read-only-tmpfs=false",
                       "--name=n",
                       "--replace",
                       "--device=/dev/null:/dev/x:rwm"});
  ASSERT_TRUE(request) << request.error().what;
  const ProcessFlags& flags = request->process;
  EXPECT_TRUE(flags.env_host && flags.unset_all_env && request->lifecycle.replace);
  EXPECT_THAT(flags.env_merge, ElementsAre("A=$B"));
  EXPECT_THAT(flags.unset_env, ElementsAre("X"));
  EXPECT_EQ(flags.pid_file, "/here/p");
  EXPECT_EQ(flags.monitor_pid_file, "/q");
  EXPECT_EQ(flags.time_zone, "local");
  EXPECT_EQ(flags.umask, 077u);
  EXPECT_THAT(flags.groups, ElementsAre("5", "disk"));
  EXPECT_EQ(flags.sysctl.at("net.core.somaxconn"), "1=2");
  EXPECT_EQ(flags.domain_name, "d");
  EXPECT_FALSE(flags.passwd_entry || flags.hosts_file || flags.scratch || flags.keep_groups);
  EXPECT_THAT(flags.devices, ElementsAre(DeviceRequest{"/dev/null", "/dev/x"}));
  auto none = Read({});
  EXPECT_TRUE(none->process.passwd_entry && none->process.hosts_file && none->process.scratch);
  EXPECT_TRUE(Read({"--group-add", "keep-groups"})->process.keep_groups);
}

TEST(ProcessFlags, LabelFilesGiveWayToLabels) {
  TempDir dir;
  const std::string path = dir.path() + "/labels";
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, path, "# no\n\n a=1\r\nb\nc=x=y\n", 0600));
  auto request = Read({"--label-file", path, "--label", "a=2"});
  ASSERT_TRUE(request) << request.error().what;
  const std::map<std::string, std::string> expected = {{"a", "2"}, {"b", ""}, {"c", "x=y"}};
  EXPECT_EQ(request->labels, expected);
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, path + "2", "=1\n", 0600));
  EXPECT_THAT(Read({"--label-file", path + "2"}).error().what, HasSubstr("unable to process labels"));
}

TEST(ProcessFlags, Errors) {
  struct Case {
    std::vector<std::string> words;
    const char* contains;
  };
  const Case cases[] = {
      {{"--umask=9"}, "invalid umask string 9"},
      {{"--umask=7777"}, "invalid umask"},
      {{"--umask="}, "invalid umask"},
      {{"--group-add=keep-groups,5"},
       "the '--group-add keep-groups' option is not allowed with any other --group-add options"},
      {{"--sysctl=foo"}, "foo is invalid, sysctl values must be in the form of KEY=VALUE"},
      {{"--replace"}, "cannot replace container without --name being set"},
      {{"--oom-score-adj=1001"}, "must be from -1000 to 1000"},
      {{"--device=null"}, "absolute"},
      {{"--device=/dev/null:q"}, "invalid device mode: \"q\""},
      {{"--device=/dev/null:r"}, "leave the permissions out"},
      {{"--device=/a:/b:/c"}, "HOST-DEVICE"},
      {{"--label-file=/nonexistent"}, "unable to process labels"},
      {{"--pid=foo"}, "unrecognized namespace mode foo passed"},
      {{"--pid=none"}, "unrecognized namespace mode none"},
      {{"--ipc=container:"}, "unrecognized namespace mode"},
      {{"--uts=ns:/proc/1/ns/uts"}, "own containers only"},
      {{"--uts=host", "--hostname=x"}, "cannot set hostname when running in the host UTS namespace"},
      {{"--uts=container:a", "--hostname=x"}, "cannot set hostname"},
      {{"--ipc=host", "--shm-size=1m"}, "cannot set shmsize when running in the host IPC Namespace"},
      {{"--health-cmd=x", "--no-healthcheck"}, "cannot specify both --no-healthcheck and --health-cmd"},
      {{"--health-cmd="}, "must define a healthcheck command"},
      {{"--health-cmd=[\"CMD\"]"}, "must define a healthcheck command"},
      {{"--health-cmd=[1]"}, "not an array of strings"},
      {{"--health-cmd=x", "--health-interval=y"}, "time: invalid duration \"y\""},
      {{"--health-cmd=x", "--health-timeout=0s"}, "greater than 0"},
      {{"--health-cmd=x", "--health-start-period=-1s"}, "0 seconds or greater"},
      {{"--health-cmd=x", "--health-retries=0"}, "greater than 0"},
      {{"--health-cmd=x", "--health-on-failure=x"}, "supported actions are none,kill,restart,stop"},
      {{"--health-startup-retries=1"}, "--health-startup-cmd"},
  };
  for (const Case& c : cases) {
    auto request = Read(c.words);
    ASSERT_FALSE(request) << testing::PrintToString(c.words);
    EXPECT_THAT(request.error().what, HasSubstr(c.contains));
  }
}

TEST(NamespaceFlags, Modes) {
  auto request = Read({"--pid=host", "--ipc=container:a", "--uts=private"});
  ASSERT_TRUE(request) << request.error().what;
  EXPECT_EQ(request->namespaces.pid, "host");
  EXPECT_EQ(request->namespaces.ipc, "container:a");
  EXPECT_EQ(request->namespaces.uts, "");
  EXPECT_EQ(Read({"--ipc=private"})->namespaces.ipc, "private");
  EXPECT_EQ(Read({"--ipc=none"})->namespaces.ipc, "none");
  EXPECT_EQ(Read({"--ipc=shareable"})->namespaces.ipc, "");
}

TEST(HealthFlags, CommandsAreReadAsPodmanDoes) {
  struct Case {
    const char* text;
    std::vector<std::string> command;
    bool shell;
  };
  const Case cases[] = {
      {"test -e /x", {"test -e /x"}, true}, {"[\"a\", \"b c\"]", {"a", "b c"}, false},
      {"[\"a b\"]", {"a b"}, true},         {"[\"CMD-SHELL\", \"a b\"]", {"a b"}, true},
      {"CMD a  b", {"a", "b"}, false},      {"CMD-SHELL a  b", {"a  b"}, true},
  };
  for (const Case& c : cases) {
    auto health = HealthOf({std::string("--health-cmd=") + c.text});
    ASSERT_TRUE(health && *health) << c.text;
    EXPECT_EQ((*health)->command, c.command) << c.text;
    EXPECT_EQ((*health)->shell, c.shell) << c.text;
  }
  EXPECT_FALSE(*HealthOf({"--health-cmd=none"}));
}

TEST(HealthFlags, EachOverTheImages) {
  HealthcheckConfig image{
      .test = {"CMD", "probe"}, .interval_ns = 5'000'000'000, .timeout_ns = -1, .retries = 7};
  auto health = HealthOf({}, image);
  ASSERT_TRUE(health && *health);
  EXPECT_THAT((*health)->command, ElementsAre("probe"));
  EXPECT_EQ((*health)->interval_ns, 5'000'000'000);
  EXPECT_EQ((*health)->timeout_ns, 30'000'000'000) << "nonsense of an image's";
  EXPECT_EQ((*health)->retries, 7);
  health = HealthOf({"--health-interval=disable", "--health-on-failure=kill"}, image);
  EXPECT_EQ((*health)->interval_ns, 0);
  EXPECT_EQ((*health)->on_failure, "kill");
  EXPECT_EQ((*health)->retries, 7);
  EXPECT_FALSE(*HealthOf({"--no-healthcheck"}, image));
  EXPECT_FALSE(*HealthOf({}, HealthcheckConfig{.test = {"NONE"}}));
  EXPECT_FALSE(*HealthOf({}, HealthcheckConfig{.test = {"CMD"}}));
  EXPECT_THAT(HealthOf({"--health-retries=2"}).error().what, HasSubstr("without a health check"));
  EXPECT_THAT(HealthOf({"--health-on-failure=kill"}).error().what,
              HasSubstr("cannot set on-failure action to kill without a health check"));
}

TEST(Words, Expanded) {
  auto expand = [](std::string_view word) {
    return ExpandWord(word, [](std::string_view name) -> std::optional<std::string> {
      if (name == "A") return "1 2";
      if (name == "EMPTY") return "";
      return std::nullopt;
    });
  };
  const std::pair<const char*, const char*> cases[] = {
      {"x", "x"},
      {"$A/$B.", "1 2/."},
      {"${A}b", "1 2b"},
      {"'$A'\"$A\"\\$A", "$A1 2$A"},
      {"${B:-d$A}${EMPTY:-e}${A:-f}", "d1 2e1 2"},
      {"${A:+y}${B:+n}", "y"},
      {"$", "$"},
      {"$1", "$1"},
      {"a\"b'c\"", "ab'c"},
  };
  for (const auto& [word, expected] : cases) {
    auto got = expand(word);
    ASSERT_TRUE(got) << word << ": " << got.error().what;
    EXPECT_EQ(*got, expected) << word;
  }
  for (const char* bad : {"'a", "\"a", "${A", "${A:-x", "${}", "${A:?x}", "${A%x}", "a\\"})
    EXPECT_FALSE(expand(bad)) << bad;
  std::string deep;
  for (int i = 0; i < 100; i++) deep += "${B:-";
  EXPECT_FALSE(expand(deep + std::string(100, '}')));
}

TEST(Words, MergedIntoTheEnvironment) {
  Environment env;
  env.Set("PATH", "/bin");
  ASSERT_TRUE(env.Merge("PATH=/opt:${PATH}"));
  ASSERT_TRUE(env.Merge("NEW=a=b"));
  env.Set("GONE", "x");
  env.Remove("GONE");
  EXPECT_THAT(env.entries(), ElementsAre("PATH=/opt:/bin", "NEW=a=b"));
  EXPECT_FALSE(env.Merge("PATH"));
  EXPECT_FALSE(env.Merge("=x"));
}

TEST(Durations, AsGoReadsThem) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"1s", 1'000'000'000},
      {"1h2m3s", 3'723'000'000'000},
      {"1.5s", 1'500'000'000},
      {".5ms", 500'000},
      {"-2us", -2'000},
      {"+1ns", 1},
      {"1\xc2\xb5s", 1'000},
      {"2562047h", 9'223'369'200'000'000'000},
  };
  for (const auto& [text, expected] : cases) {
    auto got = ParseDuration(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(*got, expected) << text;
  }
  for (const char* bad : {"", "1", "s", "1x", "1s 2s", "-", "1s-2s", ".s", "9999999999h", "1.2.3s", "1d"})
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  EXPECT_EQ(ParseDuration("x").error().what, "time: invalid duration \"x\"");
  EXPECT_EQ(ParseDuration("15").error().what, "time: missing unit in duration \"15\"");
}

TEST(TimeZones, BeneathTheirDirectory) {
  TempDir dir;
  const std::string zones = dir.path() + "/usr/share/zoneinfo";
  ASSERT_TRUE(MakeDirectories(zones + "/Area"));
  ASSERT_TRUE(MakeDirectories(dir.path() + "/etc"));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, zones + "/Area/City", "TZif2 city", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, zones + "/UTC", "TZif2 utc", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, zones + "/zone.tab", "text", 0600));
  EXPECT_EQ(*ReadTimeZone("Area/City", dir.path()), "TZif2 city");
  EXPECT_EQ(*ReadTimeZone("local", dir.path()), "TZif2 utc") << "without /etc/localtime";
  for (const char* bad : {"Nope", "", "zone.tab", "Area", "../zoneinfo/UTC", "/etc/passwd", "Area/"})
    EXPECT_THAT(ReadTimeZone(bad, dir.path()).error().what, HasSubstr("unknown time zone")) << bad;
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, dir.path() + "/etc/localtime", "TZif2 own", 0600));
  EXPECT_EQ(*ReadTimeZone("local", dir.path()), "TZif2 own");
}

TEST(Devices, Found) {
  auto one = FindDevices({"/dev/null", "/dev/x"});
  ASSERT_TRUE(one) << one.error().what;
  EXPECT_THAT(*one, ElementsAre(DeviceRequest{"/dev/null", "/dev/x"}));
  EXPECT_EQ(FindDevices({"/dev/nope", "/dev/nope"}).error().code, Code::kNotFound);
  EXPECT_EQ(FindDevices({"/etc/passwd", "/dev/p"}).error().code, Code::kInvalid);
  TempDir dir;
  EXPECT_EQ(FindDevices({dir.path(), "/dev/d"}).error().code, Code::kNotFound);
}

TEST(OomScore, OwnValueIsAlwaysAllowedAndKept) {
  std::string before = *ReadFile("/proc/self/oom_score_adj", 64);
  EXPECT_TRUE(CheckOomScore(std::stol(before)));
  EXPECT_TRUE(CheckOomScore(1000));
  EXPECT_EQ(*ReadFile("/proc/self/oom_score_adj", 64), before);
}

}  // namespace
}  // namespace wolffia
