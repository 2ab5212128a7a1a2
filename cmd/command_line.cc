#include "cmd/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>

#include "cmd/podman_flags.h"

namespace wolffia {
namespace {

std::optional<bool> ParseBool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); j++) {
      size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string HelpHint(const Verb* verb) {
  std::string command = verb != nullptr ? "wolffia " + std::string(verb->name) : "wolffia";
  return "\nSee '" + command + " --help'";
}

std::string DidYouMean(std::string_view typed, const std::vector<std::string>& candidates,
                       std::string_view prefix) {
  std::string out;
  for (const std::string& s : Suggest(typed, candidates)) out += "\n\t" + std::string(prefix) + s;
  return out.empty() ? out : "\n\nDid you mean this?" + out + "\n";
}

std::unexpected<Error> UnknownVerb(std::string_view typed) {
  std::vector<std::string> names;
  for (const Verb& verb : Verbs())
    if (!verb.hidden) names.emplace_back(verb.name);
  return Fail(Code::kInvalid, "unrecognized command `wolffia " + std::string(typed) + "`" +
                                  DidYouMean(typed, names, "") + HelpHint(nullptr));
}

std::unexpected<Error> UnknownFlag(const Verb* verb, std::span<const Option> options, std::string_view name) {
  std::string dashes = name.size() == 1 ? "-" : "--";
  std::string what = "unknown flag: " + dashes + std::string(name);
  if (verb != nullptr && IsPodmanFlag(verb->name, name)) {
    what += " (podman and docker have it, this version of wolffia does not)";
  } else if (name.size() > 1) {
    std::vector<std::string> names;
    for (const Option& option : options) names.emplace_back(option.name);
    what += DidYouMean(name, names, "--");
  }
  return Fail(Code::kInvalid, what + HelpHint(verb));
}

// Walks the words once; `i` is the next unread one.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& argv) : argv_(argv) {}

  Result<CommandLine> Read() {
    line_.global = OptionValues(GlobalOptions());
    TRY(ReadOptions(GlobalOptions(), line_.global, true));
    if (i_ == argv_.size()) return std::move(line_);
    TRY(ReadVerb());
    line_.options = OptionValues(line_.verb->options);
    TRY(ReadOptions(line_.verb->options, line_.options, line_.verb->stops_at_argument));
    for (; i_ < argv_.size(); i_++) line_.arguments.push_back(argv_[i_]);
    if (!line_.help) TRY(CheckCount());
    return std::move(line_);
  }

 private:
  // Two words first: "system check" before "system".
  Result<> ReadVerb() {
    const std::string& first = argv_[i_];
    if (i_ + 1 < argv_.size()) {
      line_.verb = FindVerb(first + " " + argv_[i_ + 1]);
      if (line_.verb != nullptr) {
        i_ += 2;
        return {};
      }
    }
    line_.verb = FindVerb(first);
    if (line_.verb == nullptr) {
      bool group = first == "system" || first == "container";
      return UnknownVerb(group && i_ + 1 < argv_.size() ? first + " " + argv_[i_ + 1] : first);
    }
    i_++;
    return {};
  }

  Result<> ReadOptions(std::span<const Option> options, OptionValues& values, bool stop_at_argument) {
    while (i_ < argv_.size()) {
      std::string_view word = argv_[i_];
      if (word == "--") {
        i_++;
        return {};
      }
      if (word.size() < 2 || word[0] != '-') {
        if (stop_at_argument) return {};
        line_.arguments.emplace_back(word);
        i_++;
        continue;
      }
      i_++;
      if (word[1] == '-')
        TRY(ReadLong(options, values, word.substr(2)));
      else
        TRY(ReadShort(options, values, word));
    }
    return {};
  }

  Result<> ReadLong(std::span<const Option> options, OptionValues& values, std::string_view word) {
    size_t equals = word.find('=');
    std::string_view name = word.substr(0, equals);
    if (name == "help") {
      line_.help = true;
      return {};
    }
    const Option* option = FindOption(options, name);
    if (option == nullptr) return UnknownFlag(line_.verb, options, name);
    std::string typed = "--" + std::string(name);
    if (equals != std::string_view::npos) return values.Add(*option, typed, word.substr(equals + 1));
    if (!TakesValue(*option)) return values.Add(*option, typed, "true");
    return values.Add(*option, typed, TRY(NextWord(typed)));
  }

  // A bundle: bools, of which the last letter may take a value, in the rest of the word or the next one.
  Result<> ReadShort(std::span<const Option> options, OptionValues& values, std::string_view word) {
    for (size_t at = 1; at < word.size(); at++) {
      const Option* option = FindOption(options, word[at]);
      if (option == nullptr && word[at] == 'h') {
        line_.help = true;
        continue;
      }
      if (option == nullptr) return UnknownFlag(line_.verb, options, word.substr(at, 1));
      std::string typed = {'-', word[at]};
      std::string_view rest = word.substr(at + 1);
      if (rest.starts_with('=')) return values.Add(*option, typed, rest.substr(1));
      if (!TakesValue(*option)) {
        TRY(values.Add(*option, typed, "true"));
        continue;
      }
      return values.Add(*option, typed, rest.empty() ? TRY(NextWord(typed)) : std::string(rest));
    }
    return {};
  }

  Result<std::string> NextWord(const std::string& typed) {
    if (i_ == argv_.size())
      return Fail(Code::kInvalid, "flag needs an argument: " + typed + HelpHint(line_.verb));
    return argv_[i_++];
  }

  Result<> CheckCount() const {
    const Verb& verb = *line_.verb;
    int count = static_cast<int>(line_.arguments.size());
    std::string name = "wolffia " + std::string(verb.name);
    if (count < verb.min_arguments) {
      std::string wanted =
          verb.min_arguments == 1 ? "an argument" : std::to_string(verb.min_arguments) + " arguments";
      return Fail(Code::kInvalid, name + " needs at least " + wanted + ": " + name + " " +
                                      std::string(verb.arguments) + HelpHint(&verb));
    }
    if (verb.max_arguments >= 0 && count > verb.max_arguments)
      return Fail(Code::kInvalid, name + " does not take the argument \"" +
                                      line_.arguments[static_cast<size_t>(verb.max_arguments)] + "\"" +
                                      HelpHint(&verb));
    return {};
  }

  const std::vector<std::string>& argv_;
  size_t i_ = 0;
  CommandLine line_;
};

}  // namespace

const Option& OptionValues::Known(std::string_view name) const {
  const Option* option = FindOption(options_, name);
  if (option == nullptr) abort();
  return *option;
}

bool OptionValues::Has(std::string_view name) const {
  const Option* option = &Known(name);
  return std::ranges::any_of(values_, [&](const auto& v) { return v.first == option; });
}

std::string OptionValues::String(std::string_view name) const {
  const Option& option = Known(name);
  std::string value(option.fallback);
  for (const auto& [given, text] : values_)
    if (given == &option) value = text;
  return value;
}

bool OptionValues::Bool(std::string_view name) const {
  return ParseBool(String(name)).value_or(false);
}

std::optional<bool> OptionValues::MaybeBool(std::string_view name) const {
  if (!Has(name)) return std::nullopt;
  return Bool(name);
}

int64_t OptionValues::Int(std::string_view name, int64_t otherwise) const {
  std::string text = String(name);
  std::from_chars(text.data(), text.data() + text.size(), otherwise);
  return otherwise;
}

std::vector<std::string> OptionValues::List(std::string_view name) const {
  const Option& option = Known(name);
  std::vector<std::string> list;
  for (const auto& [given, text] : values_) {
    if (given != &option) continue;
    std::string_view rest = text;
    size_t comma;
    while (option.kind == OptionKind::kCommaList && (comma = rest.find(',')) != std::string_view::npos) {
      list.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(comma + 1);
    }
    list.emplace_back(rest);
  }
  return list;
}

Result<> OptionValues::Add(const Option& option, std::string_view typed, std::string_view value) {
  auto malformed = [&](std::string_view wanted) {
    return Fail(Code::kInvalid, "invalid argument \"" + std::string(value) + "\" for " + std::string(typed) +
                                    ": not " + std::string(wanted));
  };
  if (option.kind == OptionKind::kBool && !ParseBool(value)) return malformed("true or false");
  if (option.kind == OptionKind::kInt) {
    int64_t number;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) return malformed("a number");
  }
  values_.emplace_back(&option, value);
  return {};
}

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& argv) {
  return Reader(argv).Read();
}

std::vector<std::string> Suggest(std::string_view typed, const std::vector<std::string>& candidates) {
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(typed, candidate);
    bool prefix = typed.size() >= 2 && candidate.starts_with(typed);
    if (distance <= 2 && distance < candidate.size())
      near.emplace_back(distance, candidate);
    else if (prefix)
      near.emplace_back(3, candidate);
  }
  std::ranges::sort(near);
  std::vector<std::string> out;
  for (size_t i = 0; i < near.size() && i < 3; i++) out.push_back(near[i].second);
  return out;
}

}  // namespace wolffia
