#include "engine/runtime/word_expansion.h"

namespace wolffia {
namespace {

constexpr int kMaxDepth = 16;           // of braces in braces
constexpr size_t kMaxLength = 1 << 20;  // of the result: $A$A$A of a long value grows

bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsOfName(char c) {
  return BeginsName(c) || (c >= '0' && c <= '9');
}

class Expander {
 public:
  Expander(std::string_view word, const VariableLookup& lookup) : word_(word), lookup_(lookup) {}

  Result<std::string> Expand() {
    std::string out = TRY(Until('\0', 0));
    return out;
  }

 private:
  bool AtEnd() const { return at_ == word_.size(); }
  std::unexpected<Error> Wrong(const char* why) const {
    return Fail(Code::kInvalid, "\"" + std::string(word_) + "\": " + why);
  }

  // Up to `end`, which is taken; '\0' is the end of the word.
  Result<std::string> Until(char end, int depth) {
    std::string out;
    while (!AtEnd()) {
      char c = word_[at_++];
      if (c == end && end != '\0') return out;
      if (c == '\'' && end != '"') {
        size_t close = word_.find('\'', at_);
        if (close == std::string_view::npos) return Wrong("unexpected end of word in single quotes");
        out += word_.substr(at_, close - at_);
        at_ = close + 1;
      } else if (c == '"') {
        out += TRY(Until('"', depth));
      } else if (c == '\\') {
        if (AtEnd()) return Wrong("a backslash at the end");
        out += word_[at_++];
      } else if (c == '$') {
        out += TRY(Variable(depth));
      } else {
        out += c;
      }
      if (out.size() > kMaxLength) return Wrong("the expanded word is too long");
    }
    if (end == '"') return Wrong("unexpected end of word in double quotes");
    if (end == '}') return Wrong("a brace that is not closed");
    return out;
  }

  std::string_view Name() {
    size_t begin = at_;
    if (!AtEnd() && BeginsName(word_[at_]))
      while (!AtEnd() && IsOfName(word_[at_])) at_++;
    return word_.substr(begin, at_ - begin);
  }

  // After the dollar sign.
  Result<std::string> Variable(int depth) {
    if (AtEnd() || (word_[at_] != '{' && !BeginsName(word_[at_]))) return std::string("$");
    if (word_[at_] != '{') return lookup_(Name()).value_or("");
    if (depth == kMaxDepth) return Wrong("too many braces in braces");
    at_++;
    std::string_view name = Name();
    if (name.empty() || AtEnd()) return Wrong("a brace without a variable's name");
    std::string value = lookup_(name).value_or("");
    char next = word_[at_++];
    if (next == '}') return value;
    char kind = next == ':' && !AtEnd() ? word_[at_++] : '\0';
    if (kind != '-' && kind != '+')
      return Wrong("in braces there are only ${NAME}, ${NAME:-WORD} and ${NAME:+WORD}");
    std::string word = TRY(Until('}', depth + 1));
    if (kind == '-') return value.empty() ? word : value;
    return value.empty() ? value : word;
  }

  std::string_view word_;
  const VariableLookup& lookup_;
  size_t at_ = 0;
};

}  // namespace

Result<std::string> ExpandWord(std::string_view word, const VariableLookup& lookup) {
  return Expander(word, lookup).Expand();
}

}  // namespace wolffia
