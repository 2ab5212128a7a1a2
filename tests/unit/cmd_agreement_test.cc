// Option table, --help, manual pages and completion say the same of every verb: every option in all of them,
// none extra.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "cmd/completion.h"
#include "cmd/help.h"

namespace wolffia {
namespace {

using Names = std::set<std::string>;  // "--env" and "-e"

Names OfTable(std::span<const Option> options) {
  Names names;
  for (const Option& option : options) {
    names.insert("--" + std::string(option.name));
    if (option.letter != 0) names.insert(std::string("-") + option.letter);
  }
  return names;
}

Names Matches(const std::string& text, const std::string& pattern) {
  Names names;
  std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    for (size_t group = 1; group < it->size(); group++)
      if ((*it)[group].matched) names.insert((*it)[group]);
  names.erase("--help");
  return names;
}

std::string PageName(std::string_view verb) {
  std::string name(verb);
  std::ranges::replace(name, ' ', '-');
  return name.empty() ? "wolffia.1.md" : "wolffia-" + name + ".1.md";
}

std::string Page(std::string_view verb) {
  std::ifstream file(WOLFFIA_MAN_DIR "/" + PageName(verb));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Names OfHelp(const std::string& help) {
  return Matches(help, R"(\n  (?:(-\w), |    )(--[\w-]+))");
}

Names OfPage(const std::string& page) {
  return Matches(page, R"(\n\*\*(--[\w-]+)\*\*(?:, \*\*(-\w)\*\*)?)");
}

// The part of a script that is about one verb.
std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  from += begin.size();
  return text.substr(from, text.find(end, from) - from);
}

Names OfBash(std::string_view verb) {
  static const std::string script = *CompletionScript("bash");
  std::string section = Between(script, "\n    '" + std::string(verb) + "')", ";;");
  std::string words = Between(section, "compgen -W '", "'");
  return Matches(words, R"((?:^| )(--?[\w-]+))");
}

Names OfZsh(std::string_view verb) {
  static const std::string script = *CompletionScript("zsh");
  std::string begin = verb.empty() ? "_arguments -S" : "\n    '" + std::string(verb) + "')";
  std::string section = Between(script, begin, verb.empty() ? "[[ $state" : ";;\n");
  return Matches(section, R"(\n        '\*?(--?[\w-]+)[=+]?\[)");
}

Names OfFish(std::string_view verb) {
  static const std::string script = *CompletionScript("fish");
  std::string condition = "__fish_use_subcommand";
  if (!verb.empty()) condition = "__fish_seen_subcommand_from " + std::string(verb);
  if (size_t space = verb.find(' '); space != std::string_view::npos)
    condition = "__fish_seen_subcommand_from " + std::string(verb.substr(0, space)) +
                "; and __fish_seen_subcommand_from " + std::string(verb.substr(space + 1));
  Names names;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("complete -c wolffia -n '" + condition + "' ")) continue;
    for (const std::string& name : Matches(line, R"( -l ([\w-]+))")) names.insert("--" + name);
    for (const std::string& name : Matches(line.substr(0, line.find(" -d ")), R"( -s (\w))"))
      names.insert("-" + name);
  }
  return names;
}

TEST(Agreement, EveryVerb) {
  for (const Verb& verb : Verbs()) {
    if (verb.hidden) continue;
    SCOPED_TRACE(verb.name);
    Names table = OfTable(verb.options);
    EXPECT_EQ(OfHelp(HelpOf(verb)), table);
    EXPECT_EQ(OfPage(Page(verb.name)), table) << PageName(verb.name);
    EXPECT_EQ(OfBash(verb.name), table);
    EXPECT_EQ(OfZsh(verb.name), table);
    EXPECT_EQ(OfFish(verb.name), table);
  }
}

TEST(Agreement, GlobalOptions) {
  Names table = OfTable(GlobalOptions());
  EXPECT_EQ(OfHelp(GeneralHelp()), table);
  EXPECT_EQ(OfPage(Page("")), table);
  EXPECT_EQ(OfZsh(""), table);
  EXPECT_EQ(OfFish(""), table);
}

TEST(Agreement, GeneralPageNamesEveryVerb) {
  std::string page = Page("");
  for (const Verb& verb : Verbs()) {
    if (verb.hidden) continue;
    std::string name = PageName(verb.name);
    EXPECT_THAT(page, testing::HasSubstr("**" + name.substr(0, name.find('.')) + "**(1)"));
    EXPECT_THAT(GeneralHelp(), testing::HasSubstr("\n  " + std::string(verb.name) + " "));
    EXPECT_THAT(Page(verb.name), testing::StartsWith("% " + name.substr(0, name.find('.')) + " 1 "));
  }
}

TEST(Agreement, TableIsSound) {
  for (const Verb& verb : Verbs()) {
    SCOPED_TRACE(verb.name);
    EXPECT_EQ(FindVerb(verb.name), &verb);
    std::set<char> letters;
    for (const Option& option : verb.options) {
      SCOPED_TRACE(option.name);
      EXPECT_EQ(TakesValue(option), !option.value.empty());
      EXPECT_FALSE(option.help.ends_with('.'));
      EXPECT_EQ(option.completes == Completes::kWords, !option.words.empty());
      EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second);
    }
    EXPECT_TRUE(std::ranges::is_sorted(verb.options, {}, &Option::name));
  }
}

TEST(Completion, UnknownShell) {
  EXPECT_EQ(CompletionScript("tcsh").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace wolffia
