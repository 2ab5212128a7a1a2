#include "network/rate_option.h"

#include <charconv>
#include <cmath>

namespace wolffia {
namespace {

constexpr uint64_t kLeast = 8'000, kMost = 1'000'000'000'000;
constexpr std::string_view kExample = "; for example ingress=100mbit,egress=2.5mbit";

std::unexpected<Error> Malformed(std::string_view what, std::string_view why) {
  return Fail(Code::kInvalid,
              "--network-rate " + std::string(what) + ": " + std::string(why) + std::string(kExample));
}

Result<uint64_t> ParseRate(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return Malformed(text, "not a number");
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  std::string_view scale = unit.ends_with("bit") ? unit.substr(0, unit.size() - 3) : unit;
  if (scale.size() > 1) return Malformed(text, "unknown unit; there are bit, kbit, mbit, gbit and tbit");
  constexpr std::string_view kScales = "kmgt";
  if (!scale.empty()) {
    const size_t power = kScales.find(static_cast<char>(scale[0] | 0x20));
    if (power == std::string_view::npos)
      return Malformed(text, "unknown unit; there are bit, kbit, mbit, gbit and tbit");
    for (size_t i = 0; i <= power; i++) number *= 1000;
  }
  if (!(number >= static_cast<double>(kLeast) && number <= static_cast<double>(kMost)))
    return Malformed(text, "a rate is between 8kbit and 1tbit a second");
  return static_cast<uint64_t>(number);
}

}  // namespace

Result<NetworkRates> ParseNetworkRates(std::string_view text) {
  NetworkRates rates;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(word.size() == rest.size() ? word.size() : word.size() + 1);
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    if (equals == std::string_view::npos || (key != "ingress" && key != "egress"))
      return Malformed(word, "ingress=RATE, egress=RATE or both, with a comma between them");
    uint64_t& rate = key == "ingress" ? rates.ingress : rates.egress;
    if (rate != 0) return Malformed(text, std::string(key) + " is given twice");
    rate = TRY(ParseRate(word.substr(equals + 1)));
  }
  if (!rates.limited()) return Malformed(text.empty() ? "\"\"" : text, "names no rate");
  return rates;
}

}  // namespace wolffia
