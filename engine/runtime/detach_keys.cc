#include "engine/runtime/detach_keys.h"

#include <optional>

#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

std::optional<char> KeyByte(std::string_view key) {
  if (key.size() == 1) return key[0];
  if (key == "DEL") return '\x7f';
  if (key.size() != 6 || !key.starts_with("ctrl-")) return std::nullopt;
  char letter = key[5];
  if (letter >= 'a' && letter <= 'z') return static_cast<char>(letter - 'a' + 1);
  if (letter == '@') return '\0';
  if (letter >= '[' && letter <= '_') return static_cast<char>(letter - '@');
  return std::nullopt;
}

}  // namespace

Result<std::string> ParseDetachKeys(std::string_view text) {
  std::string bytes;
  if (text.empty()) return bytes;
  for (std::string_view key : SplitFields(text, ',')) {
    std::optional<char> byte = KeyByte(key);
    if (!byte)
      return Fail(Code::kInvalid, "invalid detach keys: unknown character '" + std::string(key) + "' in \"" +
                                      std::string(text) +
                                      "\": keys are single characters or ctrl-a to ctrl-z, ctrl-@, ctrl-[, "
                                      "ctrl-\\, ctrl-], ctrl-^, ctrl-_, separated by commas");
    bytes += *byte;
  }
  return bytes;
}

bool DetachMatcher::Feed(std::string_view typed, std::string& out) {
  if (keys_.empty()) {
    out.append(typed);
    return false;
  }
  for (char byte : typed) {
    held_ += byte;
    if (held_ == keys_) return true;
    while (!held_.empty() && !keys_.starts_with(held_)) {  // the keys may begin inside what is held
      out += held_[0];
      held_.erase(0, 1);
    }
  }
  return false;
}

}  // namespace wolffia
