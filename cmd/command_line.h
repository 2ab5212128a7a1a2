// CommandLine: what the user typed, understood by the option table with the conventions of podman and docker:
// --flag=value, --flag value, -f value, -fVALUE, -it bundles, "--" ends the options, and for `run` the first
// argument ends them. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cmd/option.h"
#include "engine/base/result.h"

namespace wolffia {

// The options that were given. Asking for one that the verb does not have aborts: the table and its users
// belong together.
class OptionValues {
 public:
  OptionValues() = default;
  explicit OptionValues(std::span<const Option> options) : options_(options) {}
  bool Has(std::string_view name) const;
  bool Bool(std::string_view name) const;           // false, or the default
  std::string String(std::string_view name) const;  // the last value; the default if not given
  int64_t Int(std::string_view name, int64_t otherwise) const;
  std::vector<std::string> List(std::string_view name) const;  // in the order given, comma lists split
  std::optional<bool> MaybeBool(std::string_view name) const;
  // All, in the order given, values as typed.
  const std::vector<std::pair<const Option*, std::string>>& given() const { return values_; }

  // Checks the value against the option's kind.
  Result<> Add(const Option& option, std::string_view typed, std::string_view value);

 private:
  const Option& Known(std::string_view name) const;
  std::span<const Option> options_;
  std::vector<std::pair<const Option*, std::string>> values_;
};

struct CommandLine {
  const Verb* verb = nullptr;  // nullptr: only global options were given
  OptionValues global, options;
  std::vector<std::string> arguments;
  bool help = false;
};

// `argv` without the program's name. kInvalid: an unknown flag or verb (with a suggestion and where help is),
// a missing or malformed value, too few or too many arguments.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& argv);

// The candidates that `typed` may have meant, best first, at most three.
std::vector<std::string> Suggest(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace wolffia
