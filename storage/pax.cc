#include "storage/pax.h"

#include <limits>

#include "storage/tar_header.h"

namespace wolffia {
namespace {

constexpr std::string_view kXattr = "SCHILY.xattr.";
constexpr std::string_view kSparse = "GNU.sparse.";

std::unexpected<Error> Malformed(std::string_view what) {
  return Fail(Code::kCorrupt, "a pax header is malformed: " + std::string(what));
}

// Takes "LENGTH KEY=VALUE\n" off the front; the length counts all of it.
Result<std::pair<std::string_view, std::string_view>> TakeRecord(std::string_view& records) {
  size_t space = records.substr(0, 20).find(' ');
  int64_t length = 0;
  if (space == records.npos || !ParseDecimal(records.substr(0, space), length))
    return Malformed("a record without a length");
  auto size = static_cast<uint64_t>(length);
  if (size > records.size() || size < space + 3 || records[size - 1] != '\n')
    return Malformed("a record of the wrong length");
  std::string_view record = records.substr(space + 1, size - space - 2);
  records.remove_prefix(size);
  size_t equals = record.find('=');
  if (equals == record.npos || equals == 0) return Malformed("a record without a key");
  std::string_view key = record.substr(0, equals);
  if (key.find('\0') != key.npos) return Malformed("a key with a NUL byte");
  return std::pair(key, record.substr(equals + 1));
}

// "-1.25" is 1.25 s before 1970: seconds round down, nanoseconds count up. Digits beyond nine are dropped.
bool ParseTime(std::string_view text, int64_t& seconds, uint32_t& nanoseconds) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  size_t dot = text.find('.');
  if (!ParseDecimal(text.substr(0, dot), seconds)) return false;
  nanoseconds = 0;
  uint32_t unit = 100'000'000;
  if (dot != text.npos)
    for (char c : text.substr(dot + 1)) {
      if (c < '0' || c > '9') return false;
      nanoseconds += static_cast<uint32_t>(c - '0') * unit;
      unit /= 10;
    }
  if (!negative) return true;
  seconds = -seconds;
  if (nanoseconds == 0) return true;
  --seconds;  // at least -INT64_MAX before
  nanoseconds = 1'000'000'000 - nanoseconds;
  return true;
}

Result<> SetNumber(std::string_view key, std::string_view value, std::optional<int64_t>& number) {
  number.reset();
  if (value.empty()) return {};
  int64_t parsed = 0;
  if (!ParseDecimal(value, parsed)) return Malformed(std::string(key) + " is not a number");
  number = parsed;
  return {};
}

Result<> SetText(std::string_view key, std::string_view value, std::optional<std::string>& text) {
  text.reset();
  if (value.find('\0') != value.npos) return Malformed(std::string(key) + " has a NUL byte");
  if (!value.empty()) text = value;
  return {};
}

Result<> AppendMap(std::string_view value, size_t max_map, std::vector<int64_t>& map) {
  while (!value.empty()) {
    size_t comma = std::min(value.find(','), value.size());
    int64_t number = 0;
    if (!ParseDecimal(value.substr(0, comma), number)) return Malformed("a sparse map that is not numbers");
    if (map.size() >= max_map) return Malformed("a sparse map with too many parts");
    map.push_back(number);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return {};
}

// In version 0.0 offset and numbytes come as pairs of records, so a record repeats and the order counts.
Result<> SetSparse(std::string_view key, std::string_view value, size_t max_map, PaxSparse& sparse) {
  bool odd = sparse.map.size() % 2 != 0;
  if (key == "major" || key == "minor") {
    (key == "major" ? sparse.major : sparse.minor) = value;
  } else if (key == "name") {
    if (value.find('\0') != value.npos) return Malformed("GNU.sparse.name has a NUL byte");
    sparse.name = value;
  } else if (key == "size" || key == "realsize") {
    return SetNumber(key, value, sparse.size);
  } else if (key == "map") {
    sparse.map.clear();
    return AppendMap(value, max_map, sparse.map);
  } else if (key == "offset" || key == "numbytes") {
    if (odd != (key == "numbytes") || value.find(',') != value.npos || value.empty())
      return Malformed("a sparse map out of order");
    return AppendMap(value, max_map, sparse.map);
  }
  return {};
}

Result<> SetRecord(std::string_view key, std::string_view value, size_t max_map, PaxHeader& header) {
  if (key == "path") return SetText(key, value, header.path);
  if (key == "linkpath") return SetText(key, value, header.link_path);
  if (key == "size") return SetNumber(key, value, header.size);
  if (key == "uid") return SetNumber(key, value, header.uid);
  if (key == "gid") return SetNumber(key, value, header.gid);
  if (key == "mtime") {
    header.mtime_sec.reset();
    if (value.empty()) return {};
    int64_t seconds = 0;
    if (!ParseTime(value, seconds, header.mtime_nsec)) return Malformed("mtime is not a time");
    header.mtime_sec = seconds;
    return {};
  }
  if (key.starts_with(kXattr)) {
    header.xattrs.emplace_back(key.substr(kXattr.size()), value);
    return {};
  }
  if (!key.starts_with(kSparse)) return {};
  if (!header.sparse) header.sparse.emplace();
  return SetSparse(key.substr(kSparse.size()), value, max_map, *header.sparse);
}

}  // namespace

Result<PaxHeader> PaxHeader::Parse(std::string_view records, size_t max_map) {
  PaxHeader header;
  while (!records.empty()) {
    auto [key, value] = TRY(TakeRecord(records));
    TRY(SetRecord(key, value, max_map, header));
  }
  return header;
}

}  // namespace wolffia
