// LogPrinter: records of logs as `wolffia logs` prints them: stdout's to standard output, stderr's to
// standard error, in their order, each line with its prefix once.
//
// A line that comes in partial records is printed as it comes; where lines of several containers meet it
// waits for its end.
#pragma once

#include <map>
#include <string>

#include "engine/runtime/log_format.h"

namespace wolffia {

struct LogLines {
  std::string prefix;  // before each line: a name or an id, and a space
  bool timestamps = false;
  bool whole_lines = false;  // lines of others may come in between
};

class LogPrinter {
 public:
  LogPrinter() = default;
  LogPrinter(const LogPrinter&) = delete;

  // `open` belongs to the container and the record's stream: what is known of its unfinished line.
  struct OpenLine {
    bool begun = false;
    std::string held;
  };
  void Print(const LogRecord& record, const LogLines& lines, OpenLine& open);
  // The end of a container's log: an unfinished line that was held back.
  void Finish(int stream, OpenLine& open);
  // False if nobody reads standard output or standard error any more; errno says why.
  bool Flush();

 private:
  void Write(int stream, std::string_view text);

  static constexpr size_t kBuffer = 64 << 10;
  std::string buffer_;
  int buffered_ = 0;  // the stream of buffer_
  bool failed_ = false;
  int errno_ = 0;
};

}  // namespace wolffia
