// Option, Verb: the command line as data. One constexpr table (verb_table.cc) says everything that a verb
// accepts, and parsing, --help, completion and the man-page check all come from it, so that they cannot
// disagree.
#pragma once

#include <span>
#include <string_view>

namespace wolffia {

enum class OptionKind {
  kBool,       // --flag, --flag=true, --flag=false
  kString,     // the last one counts
  kInt,        // decimal, may be negative
  kList,       // may be repeated, each value as it is
  kCommaList,  // may be repeated, and each value is split at commas
};

// What a shell offers for the value of an option or for an argument.
enum class Completes {
  kNothing,
  kFiles,
  kDirectories,
  kImages,
  kContainers,
  kImagesAndContainers,
  kWords,
  kVerbs
};

struct Option {
  std::string_view name;  // without "--"
  char letter = 0;        // the short form, or 0
  OptionKind kind = OptionKind::kBool;
  std::string_view value;     // placeholder in help: "FILE"
  std::string_view help;      // one line, no full stop
  std::string_view fallback;  // default value; empty: none
  Completes completes = Completes::kNothing;
  std::string_view words;  // kWords: the choices, separated by spaces
};

struct Verb {
  std::string_view name;       // may be two words: "system check"
  std::string_view aliases;    // separated by '|'
  std::string_view arguments;  // after "[OPTIONS]" in the usage line
  std::string_view summary;
  std::span<const Option> options;
  int min_arguments = 0;
  int max_arguments = -1;  // -1: no limit
  Completes completes = Completes::kNothing;
  std::string_view words;
  bool stops_at_argument = false;  // options end at the first argument: what follows belongs to the container
  bool heavy = false;              // executed by wolffia-image, which links TLS and hashing
  bool hidden = false;             // between our own programs
};

std::span<const Option> GlobalOptions();
std::span<const Verb> Verbs();

// By name or alias; nullptr if there is none.
const Verb* FindVerb(std::string_view name);
const Option* FindOption(std::span<const Option> options, std::string_view name);
const Option* FindOption(std::span<const Option> options, char letter);

inline bool TakesValue(const Option& option) {
  return option.kind != OptionKind::kBool;
}

}  // namespace wolffia
