#include "cmd/human.h"

#include <cstdio>
#include <iterator>

#include "engine/base/context.h"

namespace wolffia {

std::string HumanSize(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  // 999.5 would print as 1e+03 with three digits.
  while (size >= 999.5 && unit + 1 < std::size(kUnits)) {
    size /= 1000;
    unit++;
  }
  char text[32];
  snprintf(text, sizeof text, "%.3g %s", size, kUnits[unit]);
  return text;
}

std::string HumanDuration(int64_t nanoseconds) {
  int64_t seconds = nanoseconds / 1'000'000'000;
  int64_t minutes = seconds / 60;
  int64_t hours = (seconds + 1800) / 3600;  // to the nearest
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return std::to_string(seconds) + " seconds";
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return std::to_string(minutes) + " minutes";
  if (hours == 1) return "About an hour";
  // Each unit is used up to about two of the next one, so that no figure is coarser than one half.
  struct Unit {
    int64_t below_hours, hours;
    const char* name;
  };
  static constexpr Unit kUnits[] = {
      {48, 1, " hours"}, {14 * 24, 24, " days"}, {60 * 24, 7 * 24, " weeks"}, {730 * 24, 30 * 24, " months"}};
  for (const Unit& unit : kUnits)
    if (hours < unit.below_hours) return std::to_string(hours / unit.hours) + unit.name;
  return std::to_string(hours / (365 * 24)) + " years";
}

std::string HumanAgo(int64_t then_ns, int64_t now_ns) {
  return HumanDuration(now_ns > then_ns ? now_ns - then_ns : 0) + " ago";
}

std::string LongTime(int64_t nanoseconds) {
  std::string text = FormatTime(nanoseconds);  // 2026-11-22T01:11:07.000000000Z
  return text.substr(0, 10) + " " + text.substr(11, 8) + " +0000 UTC";
}

std::string TerminalText(std::string_view message) {
  std::string text(message);
  for (size_t i = 0; i < text.size(); i++) {
    auto byte = static_cast<unsigned char>(text[i]);
    bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    // U+0080 to U+009F, which some terminals obey too.
    bool second = i > 0 && text[i - 1] == '\xc2' && byte >= 0x80 && byte < 0xa0;
    if (second) text[i - 1] = '?';
    if (control || second) text[i] = '?';
  }
  return text;
}

}  // namespace wolffia
