#include "engine/runtime/environment.h"

#include <algorithm>

#include "engine/runtime/text_fields.h"
#include "engine/runtime/word_expansion.h"

namespace wolffia {
namespace {

bool IsNamed(const std::string& entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

}  // namespace

void Environment::Set(std::string_view name, std::string_view value) {
  std::string entry = std::string(name) + "=" + std::string(value);
  for (std::string& e : entries_)
    if (IsNamed(e, name)) {
      e = std::move(entry);
      return;
    }
  entries_.push_back(std::move(entry));
}

void Environment::SetDefault(std::string_view name, std::string_view value) {
  if (!Has(name)) Set(name, value);
}

bool Environment::Has(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const std::string& e) { return IsNamed(e, name); });
}

std::optional<std::string> Environment::Get(std::string_view name) const {
  for (const std::string& entry : entries_)
    if (IsNamed(entry, name)) return entry.substr(name.size() + 1);
  return std::nullopt;
}

void Environment::Remove(std::string_view name) {
  std::erase_if(entries_, [&](const std::string& entry) { return IsNamed(entry, name); });
}

Result<> Environment::Apply(std::string_view entry, const Context& context) {
  size_t equals = entry.find('=');
  std::string_view name = entry.substr(0, equals);
  if (name.empty())
    return Fail(Code::kInvalid, "environment variable \"" + std::string(entry) + "\" has no name");
  if (entry.find('\0') != std::string_view::npos)
    return Fail(Code::kInvalid, "environment variable " + std::string(name.data()) + " has a NUL byte");
  if (equals != std::string_view::npos) {
    Set(name, entry.substr(equals + 1));
  } else if (name.ends_with('*')) {
    name.remove_suffix(1);
    for (auto it = context.env.lower_bound(name); it != context.env.end() && it->first.starts_with(name);
         ++it)
      Set(it->first, it->second);
  } else if (auto it = context.env.find(name); it != context.env.end()) {
    Set(name, it->second);
  }
  return {};
}

Result<> Environment::ApplyFile(std::string_view text, std::string_view name, const Context& context) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  int number = 0;
  for (std::string_view line; NextLine(text, line);) {
    number++;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t\v\f"), line.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::string where = std::string(name) + ":" + std::to_string(number);
    if (std::string_view variable = line.substr(0, line.find('='));
        variable.find_first_of(" \t") != std::string_view::npos)
      return Fail(Code::kInvalid, where + ": variable \"" + std::string(variable) + "\" contains whitespace");
    TRY_WITH(Apply(line, context), where);
  }
  return {};
}

Result<> Environment::Merge(std::string_view entry) {
  size_t equals = entry.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return Fail(Code::kInvalid, "\"" + std::string(entry) + "\" must be NAME=WORD");
  std::string value =
      TRY(ExpandWord(entry.substr(equals + 1), [this](std::string_view name) { return Get(name); }));
  Set(entry.substr(0, equals), value);
  return {};
}

}  // namespace wolffia
