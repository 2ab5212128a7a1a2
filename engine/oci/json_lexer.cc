#include "engine/oci/json_lexer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "engine/oci/quote.h"

namespace wolffia {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Ends a run of bytes that stand for themselves in a string.
bool EndsRun(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

}  // namespace

JsonLexer::JsonLexer(std::string_view text) : text_(text) {
  if (text.starts_with("\xef\xbb\xbf")) at_ = 3;
}

JsonLexer::Token JsonLexer::Bad(const char* fault) {
  fault_ = fault;
  return Token::kBad;
}

JsonLexer::Token JsonLexer::Next() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    at_++;
  if (at_ == text_.size()) {
    at_++;  // the byte that is missing
    return Token::kEnd;
  }
  const char c = text_[at_++];
  switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
      return static_cast<Token>(c);
    case '"':
      return String();
    case 't':
      return Word("true", Token::kTrue);
    case 'f':
      return Word("false", Token::kFalse);
    case 'n':
      return Word("null", Token::kNull);
    default:
      if (c == '-' || IsDigit(c)) return Number();
      return Bad("no JSON value begins with this byte");
  }
}

JsonLexer::Token JsonLexer::Word(std::string_view word, Token token) {
  if (text_.substr(at_ - 1, word.size()) != word) return Bad("neither true, false nor null");
  at_ += word.size() - 1;
  return token;
}

JsonLexer::Token JsonLexer::Number() {
  const size_t start = at_ - 1;
  auto here = [&](char c) { return at_ < text_.size() && text_[at_] == c; };
  auto digits = [&] {
    const size_t first = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) at_++;
    return at_ > first;
  };
  const bool negative = text_[start] == '-';
  at_ = negative ? start + 1 : start;
  if (here('0'))
    at_++;
  else if (!digits())
    return Bad("a minus sign without a number");
  bool whole = true;
  if (here('.')) {
    whole = false;
    at_++;
    if (!digits()) return Bad("no digit follows the decimal point");
  }
  if (here('e') || here('E')) {
    whole = false;
    at_++;
    if (here('+') || here('-')) at_++;
    if (!digits()) return Bad("an exponent without digits");
  }
  const char* const first = text_.data() + start;
  const char* const last = text_.data() + at_;
  if (whole && negative && std::from_chars(first, last, negative_).ec == std::errc()) return Token::kNegative;
  if (whole && !negative && std::from_chars(first, last, unsigned_).ec == std::errc())
    return Token::kUnsigned;
  // Too small for a double is nearly nothing, too large is no number.
  float_ = strtod(std::string(first, last).c_str(), nullptr);
  return std::isfinite(float_) ? Token::kFloat : Bad("a number that is too large");
}

JsonLexer::Token JsonLexer::String() {
  string_.clear();
  for (;;) {
    size_t end = at_;
    char seen = 0;
    for (; end < text_.size() && !EndsRun(text_[end]); end++) seen |= text_[end];
    const std::string_view run = text_.substr(at_, end - at_);
    at_ = end;
    if ((seen & 0x80) != 0 && !IsUtf8Text(run)) return Bad("a string that is not UTF-8");
    string_.append(run);
    if (at_ == text_.size()) return Bad("a string without its end");
    const char c = text_[at_++];
    if (c == '"') return Token::kString;
    if (c != '\\') return Bad("a control character in a string");
    if (!Escape()) return Bad("an escape that is none");
  }
}

bool JsonLexer::Escape() {
  if (at_ == text_.size()) return false;
  const char c = text_[at_++];
  static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  if (const size_t i = kFrom.find(c); i != std::string_view::npos) {
    string_ += kTo[i];
    return true;
  }
  uint32_t unit = 0;
  if (c != 'u' || !HexUnit(unit)) return false;
  if (unit >= 0xd800 && unit < 0xdc00) {  // the first half of a pair
    uint32_t low = 0;
    if (text_.substr(at_, 2) != "\\u") return false;
    at_ += 2;
    if (!HexUnit(low) || low < 0xdc00 || low >= 0xe000) return false;
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  } else if (unit >= 0xdc00 && unit < 0xe000) {
    return false;
  }
  AppendUtf8(unit, string_);
  return true;
}

bool JsonLexer::HexUnit(uint32_t& unit) {
  const std::string_view digits = text_.substr(at_, 4);
  const char* const end = digits.data() + digits.size();
  if (digits.size() != 4 ||
      !std::ranges::all_of(digits, [](char c) { return isxdigit(static_cast<unsigned char>(c)); }))
    return false;
  at_ += 4;
  return std::from_chars(digits.data(), end, unit, 16).ec == std::errc();
}

}  // namespace wolffia
