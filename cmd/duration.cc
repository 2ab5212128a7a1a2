#include "cmd/duration.h"

#include <optional>

namespace wolffia {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
constexpr Unit kUnits[] = {{"ns", 1},
                           {"us", 1'000},
                           {"\xc2\xb5s", 1'000},  // micro sign
                           {"\xce\xbcs", 1'000},  // Greek mu
                           {"ms", 1'000'000},
                           {"s", 1'000'000'000},
                           {"m", 60'000'000'000},
                           {"h", 3'600'000'000'000}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes "1.5h" off the text; nullopt if there is none or it is too long for 63 bits.
std::optional<int64_t> TakePart(std::string_view& text, std::string_view& unit) {
  int64_t whole = 0, fraction = 0, scale = 1;
  bool digits = false;
  for (; !text.empty() && IsDigit(text[0]); text.remove_prefix(1), digits = true)
    if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, text[0] - '0', &whole))
      return std::nullopt;
  if (text.starts_with('.'))
    for (text.remove_prefix(1); !text.empty() && IsDigit(text[0]); text.remove_prefix(1), digits = true) {
      if (scale >= 1'000'000'000) continue;  // finer than a nanosecond of a second
      fraction = fraction * 10 + (text[0] - '0');
      scale *= 10;
    }
  if (!digits) return std::nullopt;
  size_t end = text.find_first_of(".0123456789");
  unit = text.substr(0, end);
  text.remove_prefix(unit.size());
  for (const Unit& each : kUnits) {
    if (each.name != unit) continue;
    int64_t value = 0;
    int64_t part = static_cast<int64_t>(static_cast<__int128>(fraction) * each.nanoseconds / scale);
    if (__builtin_mul_overflow(whole, each.nanoseconds, &value) ||
        __builtin_add_overflow(value, part, &value))
      return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace

Result<int64_t> ParseDuration(std::string_view text) {
  auto invalid = [&] { return Fail(Code::kInvalid, "time: invalid duration \"" + std::string(text) + "\""); };
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  int64_t sum = 0;
  while (!rest.empty()) {
    std::string_view unit;
    std::optional<int64_t> part = TakePart(rest, unit);
    if (!part && unit.empty() && rest.empty() && IsDigit(text.back()))
      return Fail(Code::kInvalid, "time: missing unit in duration \"" + std::string(text) + "\"");
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return invalid();
  }
  return negative ? -sum : sum;
}

}  // namespace wolffia
