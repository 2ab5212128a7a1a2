#include "engine/oci/quote.h"

namespace wolffia {
namespace {

uint8_t ByteAt(std::string_view text, size_t at) {
  return static_cast<uint8_t>(text[at]);
}

// The length of the well-formed UTF-8 sequence at `at`, 0 if there is none (RFC 3629, section 4).
size_t SequenceLength(std::string_view text, size_t at) {
  const uint8_t lead = ByteAt(text, at);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80, high = 0xbf;  // what the second byte may be
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (length == 0 || text.size() - at < length) return 0;
  if (ByteAt(text, at + 1) < low || ByteAt(text, at + 1) > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((ByteAt(text, at + i) & 0xc0) != 0x80) return 0;
  return length;
}

// C1 controls (U+0080 to U+009F) move a terminal's cursor just as C0 does.
bool IsControl(std::string_view text, size_t at, size_t length) {
  if (length == 1) return ByteAt(text, at) < 0x20 || ByteAt(text, at) == 0x7f;
  return length == 2 && ByteAt(text, at) == 0xc2 && ByteAt(text, at + 1) < 0xa0;
}

}  // namespace

std::string Printable(std::string_view text, size_t limit) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (out.size() >= limit) return out + "...";
    const size_t length = SequenceLength(text, at);
    if (length > 0 && !IsControl(text, at, length)) {
      out += text.substr(at, length);
      at += length;
      continue;
    }
    for (size_t n = length == 0 ? 1 : length; n > 0; n--, at++) {
      out += "\\x";
      out += "0123456789abcdef"[ByteAt(text, at) >> 4];
      out += "0123456789abcdef"[ByteAt(text, at) & 15];
    }
  }
  return out;
}

std::string Quote(std::string_view text, size_t limit) {
  return "'" + Printable(text, limit) + "'";
}

bool IsUtf8Text(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    if (length == 0 || text[at] == 0) return false;
    at += length;
  }
  return true;
}

void AppendUtf8(uint32_t character, std::string& out) {
  if (character < 0x80) {
    out += static_cast<char>(character);
    return;
  }
  static constexpr uint32_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  const int tails = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  out += static_cast<char>(kLead[tails] | character >> (6 * tails));
  for (int i = tails - 1; i >= 0; i--) out += static_cast<char>(0x80 | (character >> (6 * i) & 0x3f));
}

}  // namespace wolffia
