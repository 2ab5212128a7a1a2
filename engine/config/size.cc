#include <cstdint>

#include "engine/config/settings.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

// "k", "KiB", "kb": the power of 1024; -1 for anything else.
int PowerOf(std::string_view suffix) {
  if (suffix.empty()) return 0;
  constexpr std::string_view kLetters = "bkmgtp";
  const char letter = static_cast<char>(suffix[0] | 0x20);
  const size_t power = kLetters.find(letter);
  std::string_view rest = suffix.substr(1);
  if (power == std::string_view::npos) return -1;
  if (power > 0 && rest.starts_with('i')) {
    rest.remove_prefix(1);
    if (rest.empty()) return -1;
  }
  if (power > 0 && (rest == "b" || rest == "B")) rest.remove_prefix(1);
  return rest.empty() ? static_cast<int>(power) : -1;
}

std::unexpected<Error> BadSize(std::string_view text, const char* why) {
  return Fail(Code::kInvalid, "size " + Quote(text) + " " + why);
}

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  constexpr const char* kForm = "is not a number of bytes, or one with a suffix (512m, 10GiB)";
  size_t at = 0;
  unsigned __int128 value = 0, divisor = 1;  // of the digits, with and without those after the point
  bool point = false;
  for (; at < text.size() && ((text[at] >= '0' && text[at] <= '9') || (text[at] == '.' && !point)); at++) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    if (at >= 24) return BadSize(text, "has too many digits");
    value = value * 10 + static_cast<unsigned>(text[at] - '0');
    if (point) divisor *= 10;
  }
  if (at == 0 || text[at - 1] == '.' || text[0] == '.') return BadSize(text, kForm);
  while (at < text.size() && text[at] == ' ') at++;
  const int power = PowerOf(text.substr(at));
  if (power < 0 || (power == 0 && point)) return BadSize(text, kForm);
  for (int i = 0; i < power; i++) {
    // 24 digits and 1024^5 need 131 bits; what does not fit here is far above the limit below.
    if (value >> 117 != 0) return BadSize(text, "is too large");
    value *= 1024;
  }
  value /= divisor;
  if (value > INT64_MAX) return BadSize(text, "is too large");
  return static_cast<uint64_t>(value);
}

}  // namespace wolffia
