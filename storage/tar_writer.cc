#include "storage/tar_writer.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "storage/tar_header.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxOctal8 = 07777777, kMaxOctal12 = 077777777777;
constexpr size_t kNameField = 100, kBufferSize = 128 << 10;

uint64_t PaddingOf(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

// "LENGTH KEY=VALUE\n", where the length counts its own digits.
void AddRecord(std::string& records, std::string_view key, std::string_view value) {
  size_t rest = key.size() + value.size() + 3, length = rest + 1;
  while (length != rest + std::to_string(length).size()) length = rest + std::to_string(length).size();
  records.append(std::to_string(length)).append(" ").append(key).append("=").append(value).append("\n");
}

// Nanoseconds count up from the second before, as PaxHeader reads them back: -1.25 is {-2, 750000000}.
std::string TimeText(int64_t seconds, uint32_t nanoseconds) {
  bool negative = seconds < 0;
  uint64_t whole = negative ? -static_cast<uint64_t>(seconds) : static_cast<uint64_t>(seconds);
  if (negative && nanoseconds != 0) {
    --whole;
    nanoseconds = 1'000'000'000 - nanoseconds;
  }
  std::string text = (negative ? "-" : "") + std::to_string(whole);
  if (nanoseconds == 0) return text;
  std::string digits = std::to_string(nanoseconds);
  text += "." + std::string(9 - digits.size(), '0') + digits;
  while (text.ends_with('0')) text.pop_back();
  return text;
}

char TypeOf(const LayerEntry& entry) {
  if (entry.hard_link) return '1';
  switch (entry.mode & S_IFMT) {
    case S_IFREG:
      return '0';
    case S_IFLNK:
      return '2';
    case S_IFCHR:
      return '3';
    case S_IFBLK:
      return '4';
    case S_IFDIR:
      return '5';
    case S_IFIFO:
      return '6';
    default:
      return 0;
  }
}

// The map that stands before the data of a sparse file (GNU tar manual, "PAX Format, Version 1.0"). A last
// extent without bytes says where the file ends.
std::string SparseMapText(const LayerEntry& entry) {
  std::string map = std::to_string(entry.extents.size() + 1) + "\n";
  for (const TarExtent& extent : entry.extents)
    map += std::to_string(extent.file_offset) + "\n" + std::to_string(extent.size) + "\n";
  map += std::to_string(entry.size) + "\n0\n";
  map.append(PaddingOf(map.size()), '\0');
  return map;
}

std::string PaxRecords(const LayerEntry& entry, const std::string& name, uint64_t size) {
  std::string records;
  if (entry.sparse) {
    AddRecord(records, "GNU.sparse.major", "1");
    AddRecord(records, "GNU.sparse.minor", "0");
    AddRecord(records, "GNU.sparse.name", name);
    AddRecord(records, "GNU.sparse.realsize", std::to_string(entry.size));
  } else if (name.size() > kNameField) {
    AddRecord(records, "path", name);
  }
  if (entry.link_target.size() > kNameField) AddRecord(records, "linkpath", entry.link_target);
  if (size > kMaxOctal12) AddRecord(records, "size", std::to_string(size));
  if (entry.uid > kMaxOctal8) AddRecord(records, "uid", std::to_string(entry.uid));
  if (entry.gid > kMaxOctal8) AddRecord(records, "gid", std::to_string(entry.gid));
  bool plain_time =
      entry.mtime_nsec == 0 && entry.mtime_sec >= 0 && static_cast<uint64_t>(entry.mtime_sec) <= kMaxOctal12;
  if (!plain_time) AddRecord(records, "mtime", TimeText(entry.mtime_sec, entry.mtime_nsec));
  for (const auto& [key, value] : entry.xattrs) AddRecord(records, "SCHILY.xattr." + key, value);
  return records;
}

void PutText(char* field, size_t size, std::string_view text) {
  memcpy(field, text.data(), std::min(size, text.size()));
}

// Octal digits and a NUL; what does not fit is in the pax header.
void PutOctal(char* field, size_t size, uint64_t value) {
  uint64_t most = (uint64_t{1} << 3 * (size - 1)) - 1;
  value = std::min(value, most);
  for (size_t i = size - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
}

}  // namespace

Result<> TarWriter::Put(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferSize && !buffer_.empty()) {
    TRY(sink_(buffer_));
    buffer_.clear();
  }
  if (bytes.size() >= kBufferSize) return sink_(bytes);
  buffer_ += bytes;
  return {};
}

Result<> TarWriter::Zeros(uint64_t size) {
  static constexpr char kZeros[64 << 10] = {};
  while (size > 0) {
    size_t step = std::min<uint64_t>(size, sizeof kZeros);
    TRY(Put({kZeros, step}));
    size -= step;
  }
  return {};
}

Result<> TarWriter::Block(char type, const std::string& name, const LayerEntry& entry, uint64_t size) {
  char block[kTarBlock] = {};
  PutText(block, kNameField, name);
  PutOctal(block + 100, 8, entry.mode & 07777);
  PutOctal(block + 108, 8, entry.uid);
  PutOctal(block + 116, 8, entry.gid);
  PutOctal(block + 124, 12, size);
  PutOctal(block + 136, 12, entry.mtime_sec < 0 ? 0 : static_cast<uint64_t>(entry.mtime_sec));
  block[156] = type;
  if (type == '1' || type == '2') PutText(block + 157, kNameField, entry.link_target);
  memcpy(block + 257, "ustar\00000", 8);
  if (type == '3' || type == '4') {
    PutOctal(block + 329, 8, major(entry.rdev));
    PutOctal(block + 337, 8, minor(entry.rdev));
  }
  memset(block + 148, ' ', 8);
  uint32_t sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  PutOctal(block + 148, 7, sum);
  block[154] = '\0';
  return Put({block, sizeof block});
}

Result<> TarWriter::Begin(const LayerEntry& entry) {
  TRY(EndEntry());
  char type = TypeOf(entry);
  if (type == 0) return Fail(Code::kUnsupported, "a tar has no entries of the type of " + entry.path);
  std::string name = entry.path, map;
  if (type == '5' && !name.ends_with('/')) name += '/';
  uint64_t size = type == '0' ? entry.size : 0;
  if (entry.sparse) {
    map = SparseMapText(entry);
    size = map.size();
    for (const TarExtent& extent : entry.extents) size += extent.size;
  }
  if (std::string records = PaxRecords(entry, name, size); !records.empty()) {
    LayerEntry header{.mode = 0644, .mtime_sec = entry.mtime_sec};
    TRY(Block('x', "PaxHeader", header, records.size()));
    records.append(PaddingOf(records.size()), '\0');
    TRY(Put(records));
  }
  TRY(Block(type, name, entry, size));
  if (entry.sparse) TRY(Put(map));
  left_ = size - map.size();
  padding_ = PaddingOf(size);
  return {};
}

Result<> TarWriter::Data(std::string_view bytes) {
  if (bytes.size() > left_) return Fail(Code::kInvalid, "more bytes than the header of a tar entry says");
  left_ -= bytes.size();
  return Put(bytes);
}

Result<> TarWriter::EndEntry() {
  TRY(Zeros(std::exchange(left_, 0)));
  return Zeros(std::exchange(padding_, 0));
}

Result<> TarWriter::Finish() {
  TRY(EndEntry());
  TRY(Zeros(2 * kTarBlock));
  return sink_(std::exchange(buffer_, {}));
}

}  // namespace wolffia
