#include "cmd/time_flag.h"

#include <charconv>
#include <cmath>

#include "cmd/duration.h"
#include "engine/base/context.h"

namespace wolffia {
namespace {

constexpr std::string_view kForm = "2006-01-02T15:04:05";
constexpr size_t kDate = 10, kHour = 13, kMinute = 16;

bool LooksLike(std::string_view text, std::string_view form) {
  for (size_t i = 0; i < form.size(); i++) {
    bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] >= '0' && form[i] <= '9' ? !digit : text[i] != form[i]) return false;
  }
  return true;
}

// RFC 3339, of which the end may be missing: seconds, minutes, hours, the zone.
std::optional<int64_t> ParseMoment(std::string_view text) {
  size_t zone = text.find_first_of("Z+-", kDate);
  std::string moment(text.substr(0, zone)), offset(zone == std::string_view::npos ? "Z" : text.substr(zone));
  if (size_t space = moment.find(' '); space != std::string::npos) moment[space] = 'T';
  for (size_t length : {kDate, kHour, kMinute})
    if (moment.size() == length && LooksLike(moment, kForm.substr(0, length))) {
      static constexpr std::string_view kMidnight = "T00:00:00";
      moment += kMidnight.substr(length - kDate);
      break;
    }
  if (moment.size() < kForm.size() || !LooksLike(moment, kForm)) return std::nullopt;
  return ParseTime(moment + offset);
}

int64_t Clamped(double nanoseconds) {
  if (nanoseconds >= 9.2e18) return INT64_MAX;
  if (nanoseconds <= -9.2e18) return INT64_MIN;
  return static_cast<int64_t>(nanoseconds);
}

std::optional<int64_t> ParseSeconds(std::string_view text) {
  double seconds = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(seconds))
    return std::nullopt;
  double whole = 0;
  double fraction = std::modf(seconds, &whole);  // apart, so that whole seconds stay exact
  if (std::fabs(whole) > 9.2e9) return whole > 0 ? INT64_MAX : INT64_MIN;
  return Clamped(whole) * 1'000'000'000 + Clamped(fraction * 1e9);
}

}  // namespace

Result<int64_t> ParseTimeFlag(std::string_view text, TimeFlag flag, int64_t now_ns) {
  if (text.size() >= kDate)
    if (auto moment = ParseMoment(text)) return *moment;
  if (auto seconds = ParseSeconds(text)) return *seconds;
  auto duration = ParseDuration(text);
  if (!duration)
    return Fail(Code::kInvalid,
                "\"" + std::string(text) +
                    "\" is no time: use RFC 3339 (2026-01-02T15:04:05Z), seconds since 1970, or a "
                    "duration (10m)");
  int64_t moment = 0;
  if (flag == TimeFlag::kSince ? __builtin_sub_overflow(now_ns, *duration, &moment)
                               : __builtin_add_overflow(now_ns, *duration, &moment))
    return (*duration < 0) == (flag == TimeFlag::kSince) ? INT64_MAX : INT64_MIN;
  return moment;
}

Result<TimeRange> ReadTimeRange(const OptionValues& options, int64_t now_ns) {
  TimeRange range;
  if (options.Has("since"))
    range.since_ns = TRY_WITH(ParseTimeFlag(options.String("since"), TimeFlag::kSince, now_ns), "--since");
  if (options.Has("until"))
    range.until_ns = TRY_WITH(ParseTimeFlag(options.String("until"), TimeFlag::kUntil, now_ns), "--until");
  return range;
}

}  // namespace wolffia
