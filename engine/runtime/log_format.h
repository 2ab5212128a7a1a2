// The records of a container's log as bytes. Two formats:
//
//   k8s-file   2026-01-02T15:04:05.000000000+00:00 stdout F text\n          P instead of F: the line goes on
//   json-file  {"log":"text\n","stream":"stdout","time":"2026-01-02T15:04:05.000000000Z"}\n
//
// json-file is docker's: a record whose "log" does not end in a line feed is partial. JSON holds no bytes
// that are not UTF-8, so such a record has U+FFFD in "log" and its true bytes in one more member, "raw", in
// base64.
//
// Pure. Parsing never fails on what it does not know: a torn or foreign line is no record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

enum class LogFormat { kK8s, kJson };

struct LogRecord {
  int64_t time_ns = 0;
  int stream = 0;         // kStdout or kStderr of control_protocol.h
  bool partial = false;   // no line feed follows the text
  std::string_view text;  // without its line feed; valid until the reader's next record
};

// Longest text of a record that is written or read back.
inline constexpr size_t kMaxLogText = 1 << 20;
// Longest line of a file that may be a record: each byte of a text is at most six in JSON, and again in
// base64.
inline constexpr size_t kMaxLogLine = 8 * kMaxLogText;

inline constexpr size_t kLogTimeSize = 35;  // "2026-01-02T15:04:05.000000000+00:00"

// What the lines of one moment have in common.
class LogHeader {
 public:
  static constexpr size_t kK8sSize = kLogTimeSize + 10;
  LogHeader(int stream, int64_t time_ns);
  // "2026-01-02T15:04:05.000000000+00:00 stdout F ", of kK8sSize bytes and without its end.
  std::string_view K8s(bool partial) {
    k8s_[kK8sSize - 2] = partial ? 'P' : 'F';
    return {k8s_, kK8sSize};
  }
  // Adds a whole record of docker's, line feed and all.
  void AppendJson(std::string_view text, bool partial, std::string& out) const;
  // What stands before and after a whole line in docker's record.
  static constexpr std::string_view kJsonBefore = "{\"log\":\"";
  std::string_view json_after() const { return {json_after_, kJsonAfterSize}; }

 private:
  static constexpr size_t kJsonAfterSize = kLogTimeSize + 28;
  char k8s_[kK8sSize];
  char json_after_[kJsonAfterSize];
};

// True if every byte stands for itself in a JSON string.
bool IsPlainJson(std::string_view text);

// `line` is one line of the file without its line feed. `scratch` holds the text where it can't be a part of
// `line`.
std::optional<LogRecord> ParseLogRecord(LogFormat format, std::string_view line, std::string& scratch);

// Time in the form of the k8s format: kLogTimeSize bytes.
void FormatLogTime(int64_t time_ns, char* out);

}  // namespace wolffia
