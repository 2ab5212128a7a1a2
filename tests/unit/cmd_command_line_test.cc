#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/command_line.h"
#include "cmd/filter.h"
#include "cmd/podman_flags.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

CommandLine Parse(const Words& words) {
  auto line = ParseCommandLine(words);
  if (!line) {
    ADD_FAILURE() << line.error().what;
    return {};
  }
  return *std::move(line);
}

TEST(CommandLine, RunStopsAtTheImage) {
  CommandLine line = Parse({"--root", "/r", "--log-level=debug", "run", "-i", "--rm", "-eA=1", "-e", "B=2",
                            "--env=C", "-v/x:/y", "--name", "n", "debian", "ls", "-l", "--rm=false"});
  EXPECT_EQ(line.verb->name, "run");
  EXPECT_EQ(line.global.String("root"), "/r");
  EXPECT_EQ(line.global.String("log-level"), "debug");
  EXPECT_TRUE(line.options.Bool("interactive"));
  EXPECT_TRUE(line.options.Bool("rm"));
  EXPECT_THAT(line.options.List("env"), ElementsAre("A=1", "B=2", "C"));
  EXPECT_THAT(line.options.List("volume"), ElementsAre("/x:/y"));
  EXPECT_EQ(line.options.String("name"), "n");
  EXPECT_THAT(line.arguments, ElementsAre("debian", "ls", "-l", "--rm=false"));
  EXPECT_FALSE(line.options.Has("workdir"));
}

TEST(CommandLine, BundlesEndInAValue) {
  CommandLine line = Parse({"run", "-iqe", "A=1", "-iw/tmp", "-u=7", "img"});
  EXPECT_TRUE(line.options.Bool("quiet"));
  EXPECT_THAT(line.options.List("env"), ElementsAre("A=1"));
  EXPECT_EQ(line.options.String("workdir"), "/tmp");
  EXPECT_EQ(line.options.String("user"), "7");
  EXPECT_THAT(line.arguments, ElementsAre("img"));
}

TEST(CommandLine, OptionsAfterArgumentsElsewhere) {
  CommandLine line = Parse({"rm", "a", "-f", "b", "--", "-c"});
  EXPECT_TRUE(line.options.Bool("force"));
  EXPECT_THAT(line.arguments, ElementsAre("a", "b", "-c"));
}

TEST(CommandLine, DashesEndTheOptionsOfRun) {
  CommandLine line = Parse({"run", "--rm", "--", "--odd", "--name", "x"});
  EXPECT_THAT(line.arguments, ElementsAre("--odd", "--name", "x"));
}

TEST(CommandLine, Kinds) {
  EXPECT_FALSE(Parse({"run", "--rm=false", "i"}).options.Bool("rm"));
  EXPECT_TRUE(Parse({"run", "--rm=1", "i"}).options.Bool("rm"));
  EXPECT_EQ(Parse({"pull", "i"}).options.MaybeBool("tls-verify"), std::nullopt);
  EXPECT_TRUE(Parse({"pull", "i"}).options.Bool("tls-verify"));
  EXPECT_EQ(Parse({"pull", "--tls-verify=false", "i"}).options.MaybeBool("tls-verify"), false);
  EXPECT_EQ(Parse({"ps", "-n", "-3"}).options.Int("last", 0), -3);
  EXPECT_EQ(Parse({"ps"}).options.Int("last", -1), -1);
  EXPECT_THAT(Parse({"run", "--cap-add=A,B", "--cap-add", "C", "i"}).options.List("cap-add"),
              ElementsAre("A", "B", "C"));
  EXPECT_THAT(Parse({"run", "-e", "A=1,2", "i"}).options.List("env"), ElementsAre("A=1,2"));
  EXPECT_EQ(Parse({"run", "--entrypoint=", "i"}).options.String("entrypoint"), "");
  EXPECT_TRUE(Parse({"run", "--entrypoint=", "i"}).options.Has("entrypoint"));
  EXPECT_EQ(Parse({"images"}).options.String("sort"), "created");
}

TEST(CommandLine, HelpAndVersion) {
  EXPECT_TRUE(Parse({"--help"}).help);
  EXPECT_TRUE(Parse({"-h"}).help);
  EXPECT_TRUE(Parse({"run", "--help"}).help);
  EXPECT_TRUE(Parse({"ps", "-h"}).help);
  EXPECT_EQ(Parse({"run", "-h", "name", "img"}).options.String("hostname"), "name");
  EXPECT_FALSE(Parse({"run", "img", "--help"}).help);
  EXPECT_TRUE(Parse({"-v"}).global.Bool("version"));
  EXPECT_EQ(Parse({}).verb, nullptr);
}

TEST(CommandLine, VerbsOfTwoWordsAndAliases) {
  EXPECT_EQ(Parse({"system", "check", "--repair"}).verb->name, "system check");
  EXPECT_EQ(Parse({"image", "ls"}).verb->name, "images");
  EXPECT_EQ(Parse({"container", "ls", "-a"}).verb->name, "ps");
  EXPECT_EQ(Parse({"image", "rm", "x"}).verb->name, "rmi");
  EXPECT_EQ(Parse({"--root=/r", "system", "info"}).verb->name, "info");
}

TEST(CommandLine, Errors) {
  struct Case {
    Words words;
    std::vector<std::string> contains;
  };
  const Case cases[] = {
      {{"rum"}, {"unrecognized command `wolffia rum`", "Did you mean this?", "run", "wolffia --help"}},
      {{"zzzzzz"}, {"unrecognized command `wolffia zzzzzz`", "wolffia --help"}},
      {{"system", "chekc"}, {"`wolffia system chekc`", "system check"}},
      {{"--rot", "/x", "ps"}, {"unknown flag: --rot", "--root"}},
      {{"images", "--fromat", "x"}, {"unknown flag: --fromat", "--format", "wolffia images --help"}},
      {{"ps", "-p", "img"}, {"unknown flag: -p", "podman and docker have it"}},
      {{"run", "-iy", "img"}, {"unknown flag: -y"}},
      {{"run", "--privileged", "img"}, {"unknown flag: --privileged", "podman and docker have it"}},
      {{"run", "--rdt-class", "img"}, {"unknown flag: --rdt-class (podman"}},
      {{"run", "-Z", "img"}, {"unknown flag: -Z\n"}},
      {{"run", "--name"}, {"flag needs an argument: --name"}},
      {{"run", "-e"}, {"flag needs an argument: -e"}},
      {{"run"}, {"wolffia run needs at least an argument", "IMAGE"}},
      {{"tag", "a"}, {"needs at least 2 arguments"}},
      {{"ps", "x"}, {"does not take the argument \"x\""}},
      {{"images", "a", "b"}, {"does not take the argument \"b\""}},
      {{"run", "--rm=maybe", "img"}, {"invalid argument \"maybe\" for --rm"}},
      {{"ps", "-n", "three"}, {"invalid argument \"three\" for -n: not a number"}},
      {{"ps", "--last=99999999999999999999"}, {"not a number"}},
  };
  for (const Case& c : cases) {
    auto line = ParseCommandLine(c.words);
    ASSERT_FALSE(line) << testing::PrintToString(c.words);
    EXPECT_EQ(line.error().code, Code::kInvalid);
    for (const std::string& text : c.contains) EXPECT_THAT(line.error().what, HasSubstr(text));
  }
}

TEST(CommandLine, Suggestions) {
  EXPECT_THAT(Suggest("rum", {"run", "rm", "rmi", "images"}), ElementsAre("rm", "run", "rmi"));
  EXPECT_THAT(Suggest("imag", {"run", "images"}), ElementsAre("images"));
  EXPECT_THAT(Suggest("qqqq", {"run", "rm"}), ElementsAre());
  EXPECT_THAT(Suggest("", {"run", "rm"}), ElementsAre());
}

TEST(CommandLine, NoFlagIsBothOursAndMissing) {
  for (const Verb& verb : Verbs())
    for (const Option& option : verb.options) {
      EXPECT_FALSE(IsPodmanFlag(verb.name, option.name)) << verb.name << " --" << option.name;
      EXPECT_FALSE(option.letter != 0 && IsPodmanFlag(verb.name, {&option.letter, 1}))
          << verb.name << " -" << option.letter;
    }
  EXPECT_FALSE(IsPodmanFlag("run", ""));
  EXPECT_FALSE(IsPodmanFlag("run", "t t"));
  EXPECT_TRUE(IsPodmanFlag("run", "privileged"));
}

TEST(Filter, Parse) {
  EXPECT_THAT(*ParseFilters({"label=a=b", "dangling="}),
              ElementsAre(Filter{"label", "a=b"}, Filter{"dangling", ""}));
  EXPECT_FALSE(ParseFilters({"label"}));
  EXPECT_FALSE(ParseFilters({"=x"}));
  EXPECT_TRUE(LabelMatches({{"a", "b"}}, "a"));
  EXPECT_TRUE(LabelMatches({{"a", "b=c"}}, "a=b=c"));
  EXPECT_FALSE(LabelMatches({{"a", "b"}}, "a="));
  EXPECT_FALSE(LabelMatches({}, "a"));
  EXPECT_TRUE(*Filter({"dangling", "true"}).Bool());
  EXPECT_FALSE(Filter({"dangling", "yes"}).Bool());
}

// As --since reads it, wherever a time is asked for.
TEST(Filter, Time) {
  constexpr int64_t kNow = 1'000'000'000'000'000'000, kDay = 86'400'000'000'000;
  EXPECT_EQ(*Filter({"until", "24h"}).Time(kNow), kNow - kDay);
  EXPECT_EQ(*Filter({"until", "1970-01-02"}).Time(kNow), kDay);
  EXPECT_EQ(*Filter({"until", "1970-01-02T00:00:00Z"}).Time(kNow), kDay);
  EXPECT_EQ(*Filter({"until", "86400.5"}).Time(kNow), kDay + 500'000'000);
  EXPECT_EQ(Filter({"until", "soon"}).Time(kNow).error().what.substr(0, 26), "invalid filter until=soon:");
}

}  // namespace
}  // namespace wolffia
