// Base64 (RFC 4648), with padding. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

std::string Base64(std::string_view bytes);
// Strict, but padding may be missing; nullopt if malformed.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace wolffia
