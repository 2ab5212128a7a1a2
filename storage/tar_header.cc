#include "storage/tar_header.h"

#include <algorithm>
#include <charconv>

namespace wolffia {
namespace {

// POSIX sums unsigned bytes; old tars summed signed ones. The checksum field itself counts as spaces.
bool ChecksumHolds(std::string_view block) {
  int64_t stored = 0;
  if (!ParseTarNumber(block.substr(148, 8), stored)) return false;
  auto add = [&](size_t from, size_t to, uint32_t& sum, uint32_t& high) {
    for (size_t i = from; i < to; ++i) {
      auto byte = static_cast<unsigned char>(block[i]);
      sum += byte;
      high += byte >> 7;
    }
  };
  uint32_t sum = 8 * ' ', high = 0;
  add(0, 148, sum, high);
  add(156, kTarBlock, sum, high);
  return stored == sum || stored == int64_t{sum} - 256 * int64_t{high};
}

std::string_view TextField(std::string_view block, size_t at, size_t size) {
  std::string_view field = block.substr(at, size);
  return field.substr(0, field.find('\0'));
}

bool ParseBase256(std::string_view field, int64_t& value) {
  bool negative = (field[0] & 0x40) != 0;
  uint64_t sum = 0;
  for (size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<unsigned char>(field[i]);
    if (negative) byte = static_cast<unsigned char>(~byte);
    if (i == 0) byte &= 0x7f;
    if ((sum >> 56) != 0) return false;
    sum = sum << 8 | byte;
  }
  if ((sum >> 63) != 0) return false;
  value = negative ? ~static_cast<int64_t>(sum) : static_cast<int64_t>(sum);
  return true;
}

}  // namespace

bool ParseTarNumber(std::string_view field, int64_t& value) {
  value = 0;
  if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) return ParseBase256(field, value);
  constexpr std::string_view kPadding(" \0", 2);
  size_t first = field.find_first_not_of(kPadding);
  if (first == field.npos) return true;
  field = field.substr(first);
  field = field.substr(
      0, field.find_first_of(kPadding));  // what follows the number is not looked at, as in peers
  auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  return error == std::errc() && end == field.data() + field.size() && value >= 0;
}

bool ParseDecimal(std::string_view text, int64_t& value) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 10);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsZeroBlock(std::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

Result<TarHeader> ParseTarHeader(std::string_view block) {
  if (!ChecksumHolds(block)) return Fail(Code::kCorrupt, "the checksum of a tar header is wrong");
  TarHeader h;
  h.name = TextField(block, 0, 100);
  h.link_name = TextField(block, 157, 100);
  h.type = block[156];
  std::string_view magic = block.substr(257, 8);
  h.gnu = magic == std::string_view("ustar  \0", 8);
  bool ustar = magic.substr(0, 6) == std::string_view("ustar\0", 6);
  if (ustar) {
    bool star =
        block.substr(508, 4) == std::string_view("tar\0", 4);  // has times where ustar's prefix goes on
    std::string prefix(TextField(block, 345, star ? 131 : 155));
    if (!prefix.empty()) h.name = prefix + "/" + h.name;
  }
  int64_t mode = 0;
  bool numbers = ParseTarNumber(block.substr(100, 8), mode) && ParseTarNumber(block.substr(108, 8), h.uid) &&
                 ParseTarNumber(block.substr(116, 8), h.gid) &&
                 ParseTarNumber(block.substr(124, 12), h.size) &&
                 ParseTarNumber(block.substr(136, 12), h.mtime);
  if (numbers && (ustar || h.gnu))
    numbers = ParseTarNumber(block.substr(329, 8), h.device_major) &&
              ParseTarNumber(block.substr(337, 8), h.device_minor);
  if (!numbers) return Fail(Code::kCorrupt, "a number in a tar header is malformed");
  if (h.size < 0) return Fail(Code::kCorrupt, "a tar header has a negative size");
  h.mode = static_cast<uint32_t>(mode & 07777);
  return h;
}

}  // namespace wolffia
