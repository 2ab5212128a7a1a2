#include "engine/base/context.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace wolffia {

Context Context::OfProcess() {
  Context context;
  for (char** e = environ; *e != nullptr; e++) {
    std::string_view entry = *e;
    size_t equals = entry.find('=');
    if (equals != std::string_view::npos)
      context.env.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  context.log_sink = [](LogLevel level, std::string_view line) {
    static constexpr const char* kNames[] = {"error", "warning", "info", "debug", "trace"};
    std::string out = std::string(kNames[static_cast<int>(level)]) + ": " + std::string(line) + "\n";
    (void)!write(STDERR_FILENO, out.data(), out.size());
  };
  context.now = [] {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  return context;
}

std::optional<std::string> Context::Env(std::string_view name) const {
  auto it = env.find(name);
  if (it == env.end() || it->second.empty()) return std::nullopt;
  return it->second;
}

std::string FormatTime(int64_t nanoseconds) {
  int64_t fraction = nanoseconds % 1'000'000'000;
  time_t seconds = nanoseconds / 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    seconds--;
  }
  tm parts;
  gmtime_r(&seconds, &parts);
  char text[64];
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + n, sizeof text - n, ".%09ldZ", static_cast<long>(fraction));
  return text;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  std::string copy(text);
  tm parts{};
  char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  int64_t fraction = 0;
  if (*rest == '.') {
    int64_t unit = 100'000'000;
    for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10) fraction += (*rest - '0') * unit;
  }
  int64_t offset = 0;
  if (*rest == '+' || *rest == '-') {
    int hours = 0, minutes = 0, length = 0;
    if (sscanf(rest + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2) return std::nullopt;
    offset = (hours * 3600 + minutes * 60) * (*rest == '-' ? -1 : 1);
    rest += 1 + length;
  } else if (*rest == 'Z' || *rest == 'z') {
    rest++;
  } else {
    return std::nullopt;
  }
  if (*rest != 0) return std::nullopt;
  return (int64_t{timegm(&parts)} - offset) * 1'000'000'000 + fraction;
}

}  // namespace wolffia
