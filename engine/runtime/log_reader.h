// LogReader: the records of a container's log, oldest first: rotated files, then the log itself. Next may be
// asked again after it said that there is no more: it goes on where the log has grown, through rotations.
//
// Skips torn and foreign lines. A line without its line feed is not there yet; at the end of a rotated file
// it never comes. Survives truncation by hand: a file that is shorter than what was read starts again at its
// beginning. A reader that is so slow that its file was rotated away goes on with the oldest one that is
// left.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/runtime/log_format.h"
#include "storage/container_parts.h"

namespace wolffia {

struct LogSelection {
  int64_t since_ns = INT64_MIN;
  int64_t until_ns = INT64_MAX;
  int64_t tail = -1;      // the last so many lines, counted before the times select; -1: all
  bool snapshot = false;  // no more than what is there at Open, however fast the log grows
};

class LogReader {
 public:
  // kUnsupported for the driver "none", in podman's words. A log that is not there (yet) is empty.
  static Result<LogReader> Open(const LogConfig& config, const std::string& container_dir,
                                const LogSelection& selection);
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;
  ~LogReader();

  // The record's text is valid until the next call. nullopt: nothing more yet.
  Result<std::optional<LogRecord>> Next();
  // The clock of the last record read is this far beyond `until`: nothing that comes can be wanted.
  bool PastUntil() const;

 private:
  class Impl;
  explicit LogReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
