#include "cmd/help.h"

#include <algorithm>
#include <vector>

namespace wolffia {
namespace {

constexpr size_t kWidth = 100;

// "-e, --env NAME[=VALUE]"; options without a letter are indented so that the names line up.
std::string Spelling(const Option& option) {
  std::string text = option.letter != 0 ? std::string("-") + option.letter + ", " : "    ";
  text += "--" + std::string(option.name);
  if (TakesValue(option)) text += " " + std::string(option.value);
  return text;
}

// `text` in lines of at most kWidth, the later ones indented by `indent`.
std::string Wrap(std::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    size_t space = text.find(' ');
    std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? "" : text.substr(space + 1);
    bool first = column == indent;
    if (!first && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) {
      out += ' ';
      column++;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

std::string OptionList(std::span<const Option> options) {
  size_t width = 0;
  for (const Option& option : options) width = std::max(width, Spelling(option).size());
  std::string out;
  for (const Option& option : options) {
    std::string left = "  " + Spelling(option);
    left.resize(width + 5, ' ');
    std::string help(option.help);
    if (!option.fallback.empty()) help += " (default " + std::string(option.fallback) + ")";
    out += left + Wrap(help, left.size());
  }
  return out;
}

}  // namespace

std::string GeneralHelp() {
  std::string out =
      "Run containers as an ordinary user: no daemon, no privileges\n\nUsage:\n  wolffia [OPTIONS] VERB "
      "[ARGUMENTS]\n\nVerbs:\n";
  size_t width = 0;
  for (const Verb& verb : Verbs())
    if (!verb.hidden) width = std::max(width, verb.name.size());
  for (const Verb& verb : Verbs()) {
    if (verb.hidden) continue;
    std::string name(verb.name);
    name.resize(width + 3, ' ');
    out += "  " + name + std::string(verb.summary) + "\n";
  }
  out += "\nOptions:\n" + OptionList(GlobalOptions());
  return out + "\nSee 'wolffia VERB --help' for a verb, and 'man wolffia'.\n";
}

std::string HelpOf(const Verb& verb) {
  std::string name(verb.name);
  std::string out = std::string(verb.summary) + "\n\nUsage:\n  wolffia " + name;
  if (!verb.options.empty()) out += " [OPTIONS]";
  if (!verb.arguments.empty()) out += " " + std::string(verb.arguments);
  out += "\n";
  if (!verb.aliases.empty()) {
    out += "\nAliases:\n";
    std::string_view rest = verb.aliases;
    while (!rest.empty()) {
      size_t bar = rest.find('|');
      out += "  wolffia " + std::string(rest.substr(0, bar)) + "\n";
      rest = bar == std::string_view::npos ? "" : rest.substr(bar + 1);
    }
  }
  if (!verb.options.empty()) out += "\nOptions:\n" + OptionList(verb.options);
  std::ranges::replace(name, ' ', '-');
  return out + "\nSee 'man wolffia-" + name + "'.\n";
}

}  // namespace wolffia
