// Digest: the name of content, "sha256:" and 64 lower-case hexadecimal digits (OCI image spec, descriptor.md,
// "Digests"). Other algorithms are refused: the store names its files by sha256. Only Parse and hashing make
// one, so a Digest is always safe as a file name.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

class Digest {
 public:
  Digest() = default;                                  // empty: names nothing
  static Result<Digest> Parse(std::string_view text);  // "sha256:<64 hex>"
  static Result<Digest> OfHex(std::string_view hex);   // "<64 hex>"
  const std::string& hex() const { return hex_; }
  std::string str() const { return "sha256:" + hex_; }
  bool empty() const { return hex_.empty(); }
  auto operator<=>(const Digest&) const = default;

 private:
  std::string hex_;
};

}  // namespace wolffia
