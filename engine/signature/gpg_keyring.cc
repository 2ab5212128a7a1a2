#include "engine/signature/gpg_keyring.h"

#include "engine/base/base64.h"

namespace wolffia {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PGP ", kEnd = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kPublic = "PUBLIC KEY BLOCK-----";

std::string_view NextLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  return line;
}

// CRC-24 of RFC 4880, section 6.1.
uint32_t Checksum(std::string_view bytes) {
  uint32_t crc = 0xB704CE;
  for (const char c : bytes) {
    crc ^= static_cast<uint32_t>(static_cast<unsigned char>(c)) << 16;
    for (int bit = 0; bit < 8; ++bit) {
      crc <<= 1;
      if ((crc & 0x1000000) != 0) crc ^= 0x1864CFB;
    }
  }
  return crc & 0xFFFFFF;
}

// After the first line of a block: headers, an empty line, base64, a checksum that may be missing, the last
// line.
Result<std::string> Block(std::string_view& rest) {
  while (!NextLine(rest).empty())
    if (rest.empty()) return Fail(Code::kInvalid, "its armour ends early");
  std::string encoded, checksum;
  for (;;) {
    if (rest.empty()) return Fail(Code::kInvalid, "its armour ends early");
    const std::string_view line = NextLine(rest);
    if (line == kEnd) break;
    if (line.starts_with('=') && line.size() == 5)
      checksum = line.substr(1);
    else
      encoded += line;
  }
  auto bytes = FromBase64(encoded);
  if (!bytes || bytes->empty()) return Fail(Code::kInvalid, "its armour is no base64");
  if (checksum.empty()) return *bytes;
  const uint32_t crc = Checksum(*bytes);
  const std::string actual = {static_cast<char>(crc >> 16), static_cast<char>(crc >> 8),
                              static_cast<char>(crc)};
  if (FromBase64(checksum) != actual) return Fail(Code::kInvalid, "its armour has a wrong checksum");
  return *bytes;
}

}  // namespace

Result<std::string> ReadPublicKeys(std::string_view file) {
  // A public key packet (tag 6) comes first, in the old or the new format.
  const unsigned char first = file.empty() ? 0 : static_cast<unsigned char>(file[0]);
  if ((first & 0xC0) == 0xC0 ? (first & 0x3F) == 6 : (first & 0x80) != 0 && ((first >> 2) & 15) == 6)
    return std::string(file);
  std::string keys;
  for (std::string_view rest = file; !rest.empty();) {
    const std::string_view line = NextLine(rest);
    if (!line.starts_with(kBegin)) continue;  // text around a block is a remark
    if (line.substr(kBegin.size()) != kPublic)
      return Fail(Code::kInvalid,
                  "it holds something else than public keys (" + std::string(line.substr(0, 60)) + ")");
    keys += TRY(Block(rest));
  }
  if (keys.empty())
    return Fail(Code::kInvalid, "it holds no OpenPGP public key, neither armoured nor binary");
  return keys;
}

}  // namespace wolffia
