// DetachKeys: the keys that end the client of an attached terminal and leave the container running. Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

inline constexpr const char* kDefaultDetachKeys = "ctrl-p,ctrl-q";

// "ctrl-p,ctrl-q" -> the bytes that a terminal sends for them; "" (no keys) for "". kInvalid in podman's
// words.
Result<std::string> ParseDetachKeys(std::string_view text);

// Finds the keys in what is typed, also where they come in several reads: bytes that may be the beginning of
// them are held back until it is decided.
class DetachMatcher {
 public:
  explicit DetachMatcher(std::string keys) : keys_(std::move(keys)) {}
  // Appends to `out` what is meant for the container. True: the keys came; nothing after them counts.
  bool Feed(std::string_view typed, std::string& out);

 private:
  std::string keys_, held_;
};

}  // namespace wolffia
