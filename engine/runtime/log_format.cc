#include "engine/runtime/log_format.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "engine/base/base64.h"
#include "engine/oci/quote.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {
namespace {

void PutDigits(char* at, int64_t value, int count) {
  for (int i = count - 1; i >= 0; i--, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

// Bytes of the well-formed UTF-8 character at the front of `text`; 0 if there is none.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  auto is_tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return is_tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogate
    return is_tail(1) && is_tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return is_tail(1) && is_tail(2) && is_tail(3) ? 4 : 0;
  }
  return 0;
}

// True for what stands for itself in a JSON string.
bool IsPlain(char c) {
  return static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x80 && c != '"' && c != '\\';
}

void AppendEscape(char c, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[c & 15];
  }
}

// The inside of a JSON string; false if bytes had to be replaced by U+FFFD.
bool AppendJsonText(std::string_view text, std::string& out) {
  bool exact = true;
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && IsPlain(text[plain])) plain++;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    size_t length = Utf8Length(text);
    if (length > 1) {
      out.append(text.substr(0, length));
    } else if (length == 1) {
      AppendEscape(text[0], out);
    } else {
      out += "\xef\xbf\xbd";
      exact = false;
      length = 1;
    }
    text.remove_prefix(length);
  }
  return exact;
}

// Reads one JSON object whose members may be anything, and keeps those that a log has. Bounded by the line's
// length; no recursion.
class JsonLine {
 public:
  explicit JsonLine(std::string_view text) : rest_(text) {}

  bool Parse(std::string& log) {
    if (!Take('{')) return false;
    do {
      std::string key;
      if (!String(key) || !Take(':')) return false;
      if (key == "log") {
        log.clear();
        has_log_ = String(log);
        if (!has_log_) return false;
      } else if (key == "stream" || key == "time" || key == "raw") {
        std::string& to = key == "stream" ? stream : key == "time" ? time : raw;
        to.clear();
        if (!String(to)) return false;
      } else if (!Skip()) {
        return false;
      }
    } while (Take(','));
    if (!Take('}')) return false;
    Space();
    return has_log_ && rest_.empty();
  }

  std::string stream, time, raw;

 private:
  void Space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
  }
  bool Take(char c) {
    Space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool String(std::string& out) {
    if (!Take('"')) return false;
    for (;;) {
      size_t plain = 0;
      while (plain < rest_.size() && rest_[plain] != '"' && rest_[plain] != '\\') plain++;
      out.append(rest_.substr(0, plain));
      rest_.remove_prefix(plain);
      if (rest_.empty()) return false;
      char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (!Escape(out)) return false;
    }
  }

  bool Escape(std::string& out) {
    if (rest_.empty()) return false;
    char c = rest_[0];
    rest_.remove_prefix(1);
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (size_t i = kFrom.find(c); i != std::string_view::npos) {
      out += kTo[i];
      return true;
    }
    uint32_t unit = 0;
    if (c != 'u' || !Unit(unit)) return false;
    if (unit >= 0xd800 && unit < 0xdc00 && rest_.starts_with("\\u")) {
      std::string_view before = rest_;
      uint32_t low = 0;
      rest_.remove_prefix(2);
      if (Unit(low) && low >= 0xdc00 && low < 0xe000)
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      else
        rest_ = before;
    }
    if (unit >= 0xd800 && unit < 0xe000) unit = 0xfffd;
    AppendUtf8(unit, out);
    return true;
  }

  bool Unit(uint32_t& unit) {
    if (rest_.size() < 4) return false;
    for (int i = 0; i < 4; i++) {
      char c = rest_[static_cast<size_t>(i)];
      int digit = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
      if (digit < 0) return false;
      unit = unit << 4 | static_cast<uint32_t>(digit);
    }
    rest_.remove_prefix(4);
    return true;
  }

  // A value of any kind: brackets are counted, not checked, for it is foreign and thrown away.
  bool Skip() {
    int depth = 0;
    std::string ignored;
    do {
      Space();
      if (rest_.empty()) return false;
      char c = rest_[0];
      if (c == '"') {
        ignored.clear();
        if (!String(ignored)) return false;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return true;
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
      rest_.remove_prefix(1);
    } while (depth > 0 || (!rest_.empty() && rest_[0] != ',' && rest_[0] != '}'));
    return true;
  }

  std::string_view rest_;
  bool has_log_ = false;
};

int StreamNamed(std::string_view name) {
  return name == "stdout" ? kStdout : name == "stderr" ? kStderr : 0;
}

// RFC 3339 with up to nine digits of fraction. By hand: a log has millions of them.
std::optional<int64_t> ParseLogTime(std::string_view text) {
  auto number = [&](size_t at, size_t count) -> int64_t {
    int64_t value = 0;
    for (size_t i = at; i < at + count; i++) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  int64_t year = number(0, 4), month = number(5, 2), day = number(8, 2);
  int64_t hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60)
    return std::nullopt;
  size_t at = 19;
  int64_t fraction = 0;
  if (text[at] == '.') {
    int64_t unit = 100'000'000;
    for (at++; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++, unit /= 10)
      fraction += (text[at] - '0') * unit;
  }
  int64_t offset = 0;
  std::string_view zone = text.substr(at);
  if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
    int64_t hours = number(at + 1, 2), minutes = number(at + 4, 2);
    if (hours < 0 || minutes < 0) return std::nullopt;
    offset = (hours * 60 + minutes) * (zone[0] == '-' ? -60 : 60);
  } else if (zone != "Z") {
    return std::nullopt;
  }
  // Days since 1970 of the proleptic Gregorian calendar; years begin in March, so that leap days end them.
  int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset;
  if (seconds > INT64_MAX / 1'000'000'000 - 1 || seconds < INT64_MIN / 1'000'000'000 + 1) return std::nullopt;
  return seconds * 1'000'000'000 + fraction;
}

std::optional<LogRecord> ParseK8s(std::string_view line) {
  size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  auto time = ParseLogTime(line.substr(0, space));
  std::string_view rest = line.substr(space + 1);
  if (!time || rest.size() < 9 || rest[6] != ' ' || rest[8] != ' ') return std::nullopt;
  int stream = StreamNamed(rest.substr(0, 6));
  if (stream == 0 || (rest[7] != 'F' && rest[7] != 'P')) return std::nullopt;
  return LogRecord{*time, stream, rest[7] == 'P', rest.substr(9)};
}

std::optional<LogRecord> ParseJsonRecord(std::string_view line, std::string& scratch) {
  JsonLine parsed(line);
  if (!parsed.Parse(scratch)) return std::nullopt;
  auto time = ParseLogTime(parsed.time);
  int stream = StreamNamed(parsed.stream);
  if (!time || stream == 0) return std::nullopt;
  if (!parsed.raw.empty())
    if (auto bytes = FromBase64(parsed.raw)) scratch = std::move(*bytes);
  std::string_view text = scratch;
  bool partial = !text.ends_with('\n');
  if (!partial) text.remove_suffix(1);
  return LogRecord{*time, stream, partial, text};
}

}  // namespace

void FormatLogTime(int64_t time_ns, char* out) {
  int64_t fraction = time_ns % 1'000'000'000;
  time_t seconds = time_ns / 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    seconds--;
  }
  tm parts{};
  gmtime_r(&seconds, &parts);
  memcpy(out, "0000-00-00T00:00:00.000000000+00:00", kLogTimeSize);
  PutDigits(out, (parts.tm_year + 1900) % 10000, 4);
  PutDigits(out + 5, parts.tm_mon + 1, 2);
  PutDigits(out + 8, parts.tm_mday, 2);
  PutDigits(out + 11, parts.tm_hour, 2);
  PutDigits(out + 14, parts.tm_min, 2);
  PutDigits(out + 17, parts.tm_sec, 2);
  PutDigits(out + 20, fraction, 9);
}

LogHeader::LogHeader(int stream, int64_t time_ns) {
  FormatLogTime(time_ns, k8s_);
  memcpy(k8s_ + kLogTimeSize, stream == kStderr ? " stderr F " : " stdout F ", kK8sSize - kLogTimeSize);
  static constexpr char kForm[] =
      "\\n\",\"stream\":\"stdout\",\"time\":\"0000-00-00T00:00:00.000000000Z\"}\n";
  static_assert(sizeof kForm - 1 == kJsonAfterSize);
  memcpy(json_after_, kForm, kJsonAfterSize);
  memcpy(json_after_ + 14, k8s_ + kLogTimeSize + 1, 6);
  memcpy(json_after_ + 30, k8s_, kLogTimeSize - 6);
}

void LogHeader::AppendJson(std::string_view text, bool partial, std::string& out) const {
  out += kJsonBefore;
  const bool exact = AppendJsonText(text, out);
  out += json_after().substr(partial ? 2 : 0);
  if (exact) return;
  out.resize(out.size() - 2);
  out += ",\"raw\":\"" + Base64(partial ? std::string(text) : std::string(text) + "\n") + "\"}\n";
}

// Eight bytes at once: a borrow reaches a byte only from one that is none of ours either.
bool IsPlainJson(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes * 0x80;
  while (text.size() >= sizeof(uint64_t)) {
    uint64_t bytes;
    memcpy(&bytes, text.data(), sizeof bytes);
    const uint64_t quote = bytes ^ kOnes * '"', backslash = bytes ^ kOnes * '\\';
    const uint64_t control = bytes - kOnes * 0x20;
    if (((bytes | control | (quote - kOnes) | (backslash - kOnes)) & kHigh) != 0) return false;
    text.remove_prefix(sizeof bytes);
  }
  return std::ranges::all_of(text, IsPlain);
}

std::optional<LogRecord> ParseLogRecord(LogFormat format, std::string_view line, std::string& scratch) {
  return format == LogFormat::kK8s ? ParseK8s(line) : ParseJsonRecord(line, scratch);
}

}  // namespace wolffia
