#include "engine/oci/digest.h"

#include <algorithm>

#include "engine/oci/quote.h"

namespace wolffia {

Result<Digest> Digest::OfHex(std::string_view hex) {
  const bool lower_hex =
      std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (hex.size() != 64 || !lower_hex)
    return Fail(Code::kInvalid, "digest " + Quote(hex) + " is not 64 lower-case hexadecimal digits");
  Digest digest;
  digest.hex_ = hex;
  return digest;
}

Result<Digest> Digest::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    return Fail(Code::kInvalid, "digest " + Quote(text) + " has no algorithm (sha256:...)");
  if (text.substr(0, colon) != "sha256")
    return Fail(Code::kInvalid,
                "digest algorithm " + Quote(text.substr(0, colon), 32) + " is not supported, only sha256 is");
  return OfHex(text.substr(colon + 1));
}

}  // namespace wolffia
