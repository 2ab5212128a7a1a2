// LogReader: the records of a container's log, oldest first. Skips torn or foreign lines, survives truncation
// by hand (size < offset: starts again at 0).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "storage/container_parts.h"

namespace wolffia {

struct LogRecord {
  int64_t time_ns = 0;
  int stream = 0;  // kStdout or kStderr
  bool partial = false;
  std::string text;
};

struct LogSelection {
  int64_t since_ns = 0;
  int64_t until_ns = INT64_MAX;
  int64_t tail = -1;  // the last so many records; -1: all
};

class LogReader {
 public:
  static Result<LogReader> Open(const LogConfig& config, const std::string& dir, LogSelection selection);
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;
  ~LogReader();

  Result<std::optional<LogRecord>> Next();  // nullopt: nothing more yet

 private:
  class Impl;
  explicit LogReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
