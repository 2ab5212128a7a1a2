// Context: what a function may know of the world besides its arguments: environment, clock, log. Made once by
// main, passed down by reference, replaced in tests. No singletons, no globals.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

enum class LogLevel { kError, kWarn, kInfo, kDebug, kTrace };

class Context {
 public:
  std::map<std::string, std::string, std::less<>> env;
  LogLevel log_level = LogLevel::kWarn;
  // Where log lines go (without newline); main sets it. Only what explains the engine's work at the asked
  // level, never an error that is also returned.
  std::function<void(LogLevel, std::string_view)> log_sink;
  // Nanoseconds since 1970, UTC.
  std::function<int64_t()> now;

  // The real environment and clock, logging to stderr.
  static Context OfProcess();

  std::optional<std::string> Env(std::string_view name) const;  // nullopt also when it is empty
  void Log(LogLevel level, std::string_view line) const {
    if (level <= log_level && log_sink) log_sink(level, line);
  }
  void Warn(std::string_view line) const { Log(LogLevel::kWarn, line); }
  void Debug(std::string_view line) const { Log(LogLevel::kDebug, line); }
};

// RFC 3339 with nanoseconds, UTC: "2026-01-02T03:04:05.000000006Z".
std::string FormatTime(int64_t nanoseconds);
// The inverse, also with a numeric offset; nullopt if malformed.
std::optional<int64_t> ParseTime(std::string_view text);

}  // namespace wolffia
