// The small syntax that flags and system files share: fields between separators, lines, decimal numbers.
// Views into the caller's text; nothing is copied.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wolffia {

// "a:b:c" -> a, b, c. An empty text gives one empty field. At most `most` fields: the last keeps its
// separators.
inline std::vector<std::string_view> SplitFields(std::string_view text, char separator,
                                                 size_t most = SIZE_MAX) {
  std::vector<std::string_view> fields;
  while (fields.size() + 1 < most) {
    size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    fields.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  fields.push_back(text);
  return fields;
}

// Of a text that dies with the expression nothing could be seen.
template <std::same_as<std::string> Temporary>
void SplitFields(Temporary&&, char, size_t = SIZE_MAX) = delete;

// Takes the next line off `rest` (without "\n"); false at the end.
inline bool NextLine(std::string_view& rest, std::string_view& line) {
  if (rest.empty()) return false;
  size_t end = rest.find('\n');
  line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return true;
}

// Decimal digits only, the whole text, within the type; nullopt otherwise (no sign, no blanks).
template <typename Number>
std::optional<Number> ParseDecimal(std::string_view text) {
  Number value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace wolffia
