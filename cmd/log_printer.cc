#include "cmd/log_printer.h"

#include <unistd.h>

#include <cerrno>

#include "engine/base/fd.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {

void LogPrinter::Print(const LogRecord& record, const LogLines& lines, OpenLine& open) {
  std::string prefix;
  if (!open.begun) {
    prefix = lines.prefix;
    if (lines.timestamps) {
      char time[kLogTimeSize];
      FormatLogTime(record.time_ns, time);
      prefix.append(time, kLogTimeSize - 6) += "Z ";  // its zone is UTC
    }
  }
  open.begun = record.partial;
  if (lines.whole_lines && record.partial && open.held.size() < kMaxLogText) {
    open.held += prefix;
    open.held += record.text;
    return;
  }
  if (!open.held.empty()) Write(record.stream, open.held);
  open.held.clear();
  if (!prefix.empty()) Write(record.stream, prefix);
  Write(record.stream, record.text);
  if (!record.partial) Write(record.stream, "\n");
}

void LogPrinter::Finish(int stream, OpenLine& open) {
  if (!open.held.empty()) Write(stream, open.held + "\n");
  open.held.clear();
}

void LogPrinter::Write(int stream, std::string_view text) {
  if (stream != buffered_ || buffer_.size() + text.size() > kBuffer) (void)Flush();
  buffered_ = stream;
  buffer_ += text;
}

bool LogPrinter::Flush() {
  if (!failed_ && !buffer_.empty()) {
    auto written = WriteFull(buffered_ == kStderr ? STDERR_FILENO : STDOUT_FILENO, buffer_);
    failed_ = !written;
    if (failed_) errno_ = written.error().os_errno;
  }
  buffer_.clear();
  errno = errno_;
  return !failed_;
}

}  // namespace wolffia
