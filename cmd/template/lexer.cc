#include "cmd/template/lexer.h"

#include <algorithm>

namespace wolffia {
namespace {

using Token = TemplateToken;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IsDigit(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

void AppendUtf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// The code point at the start of well-formed text, and how many bytes it takes.
std::pair<uint32_t, size_t> DecodeUtf8(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size == 1 || size > text.size()) return {lead, 1};
  uint32_t code = lead & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; i++) code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3f);
  return {code, size};
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> Lex() {
    bool trim_next = false;
    while (at_ < source_.size()) {
      size_t open = std::min(source_.find("{{", at_), source_.size());
      std::string_view text = source_.substr(at_, open - at_);
      size_t text_at = at_;
      if (trim_next)
        while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
      bool trims = Starts(open, "{{-") && open + 3 < source_.size() && IsSpace(source_[open + 3]);
      if (trims) text = TrimRight(text);
      if (!text.empty()) Push(Token::kText, std::string(text), text_at);
      if (open == source_.size()) break;
      at_ = open + (trims ? 3 : 2);
      trim_next = TRY(LexAction(open));
    }
    Push(Token::kEnd, "", source_.size());
    return std::move(tokens_);
  }

 private:
  bool Starts(size_t at, std::string_view what) const {
    return source_.substr(std::min(at, source_.size())).starts_with(what);
  }
  void Push(Token::Kind kind, std::string text, size_t at, bool space = false) {
    tokens_.push_back({kind, std::move(text), at, space});
  }
  std::unexpected<Error> Wrong(size_t at, std::string_view what) const {
    return TemplateError(source_, at, what);
  }

  // Until after "}}". True if it ended in a trim marker.
  Result<bool> LexAction(size_t open) {
    size_t inside = at_;
    while (inside < source_.size() && IsSpace(source_[inside])) inside++;
    if (Starts(inside, "/*")) return LexComment(inside);
    Push(Token::kOpen, "", open);
    while (true) {
      bool space = false;
      while (at_ < source_.size() && IsSpace(source_[at_])) {
        space = true;
        at_++;
      }
      if (at_ >= source_.size()) return Wrong(open, "unclosed action");
      if (space && Starts(at_, "-}}")) return Close(3, true);
      if (Starts(at_, "}}")) return Close(2, false);
      TRY(LexToken(space));
    }
  }

  bool Close(size_t size, bool trims) {
    Push(Token::kClose, "", at_);
    at_ += size;
    return trims;
  }

  Result<bool> LexComment(size_t at) {
    size_t end = source_.find("*/", at + 2);
    if (end == std::string_view::npos) return Wrong(at, "unclosed comment");
    at_ = end + 2;
    size_t spaces = at_;
    while (spaces < source_.size() && IsSpace(source_[spaces])) spaces++;
    bool trims = spaces > at_ && Starts(spaces, "-}}");
    if (!trims && !Starts(at_, "}}")) return Wrong(at, "comment ends before closing delimiter");
    at_ = trims ? spaces + 3 : at_ + 2;
    return trims;
  }

  Result<> LexToken(bool space) {
    size_t start = at_;
    char c = source_[at_];
    auto single = [&](Token::Kind kind, size_t size = 1) -> Result<> {
      at_ += size;
      Push(kind, "", start, space);
      return {};
    };
    switch (c) {
      case '|':
        return single(Token::kPipe);
      case '(':
        return single(Token::kLeft);
      case ')':
        return single(Token::kRight);
      case ',':
        return single(Token::kComma);
      case '=':
        return single(Token::kAssign);
      case ':':
        if (Starts(at_, ":=")) return single(Token::kDeclare, 2);
        return Wrong(start, "expected :=");
      case '"':
        return LexString(space);
      case '`':
        return LexRawString(space);
      case '\'':
        return LexCharacter(space);
      case '$': {
        at_++;
        std::string name = "$" + Word();
        Push(Token::kVariable, std::move(name), start, space);
        return {};
      }
      default:
        break;
    }
    bool signed_number = (c == '-' || c == '+') && at_ + 1 < source_.size() && IsDigit(source_[at_ + 1]);
    bool fraction = c == '.' && at_ + 1 < source_.size() && IsDigit(source_[at_ + 1]);
    if (IsDigit(c) || signed_number || fraction) return LexNumber(space);
    if (c == '.') {
      at_++;
      std::string name = Word();
      if (name.empty()) return single(Token::kDot, 0);
      Push(Token::kField, std::move(name), start, space);
      return {};
    }
    if (IsWord(c)) {
      Push(Token::kIdentifier, Word(), start, space);
      return {};
    }
    return Wrong(start, std::string("unexpected \"") + c + "\" in action");
  }

  std::string Word() {
    size_t start = at_;
    while (at_ < source_.size() && IsWord(source_[at_])) at_++;
    return std::string(source_.substr(start, at_ - start));
  }

  Result<> LexNumber(bool space) {
    size_t start = at_++;
    auto continues = [&](char c) {
      char before = source_[at_ - 1];
      return IsWord(c) || c == '.' || ((c == '-' || c == '+') && (before == 'e' || before == 'E'));
    };
    while (at_ < source_.size() && continues(source_[at_])) at_++;
    Push(Token::kNumber, std::string(source_.substr(start, at_ - start)), start, space);
    return {};
  }

  Result<> LexRawString(bool space) {
    size_t start = at_;
    size_t end = source_.find('`', start + 1);
    if (end == std::string_view::npos) return Wrong(start, "unterminated raw quoted string");
    at_ = end + 1;
    Push(Token::kString, std::string(source_.substr(start + 1, end - start - 1)), start, space);
    return {};
  }

  Result<> LexString(bool space) {
    size_t start = at_++;
    std::string text;
    while (at_ < source_.size() && source_[at_] != '"') {
      if (source_[at_] == '\n') break;
      if (source_[at_] != '\\') {
        text += source_[at_++];
        continue;
      }
      TRY(Escape(text, start));
    }
    if (at_ >= source_.size() || source_[at_] != '"') return Wrong(start, "unterminated quoted string");
    at_++;
    Push(Token::kString, std::move(text), start, space);
    return {};
  }

  Result<> LexCharacter(bool space) {
    size_t start = at_++;
    std::string text;
    if (Starts(at_, "\\")) {
      TRY(Escape(text, start));
    } else if (at_ < source_.size() && source_[at_] != '\'' && source_[at_] != '\n') {
      size_t size = DecodeUtf8(source_.substr(at_)).second;
      text = source_.substr(at_, size);
      at_ += size;
    }
    if (text.empty() || !Starts(at_, "'")) return Wrong(start, "malformed character constant");
    at_++;
    Push(Token::kCharacter, std::to_string(DecodeUtf8(text).first), start, space);
    return {};
  }

  // A backslash sequence of Go's interpreted strings, at at_.
  Result<> Escape(std::string& text, size_t start) {
    at_++;
    if (at_ >= source_.size()) return Wrong(start, "unterminated quoted string");
    char c = source_[at_++];
    static constexpr std::string_view kFrom = "abfnrtv\\\"'", kTo = "\a\b\f\n\r\t\v\\\"'";
    if (size_t simple = kFrom.find(c); simple != std::string_view::npos) {
      text += kTo[simple];
      return {};
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : (c >= '0' && c <= '7') ? 3 : 0;
    bool octal = digits == 3;
    if (octal) at_--;
    if (digits == 0 || at_ + digits > source_.size()) return Wrong(at_ - 1, "unknown escape sequence");
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++) {
      char d = source_[at_++];
      int value = IsDigit(d)             ? d - '0'
                  : d >= 'a' && d <= 'f' ? d - 'a' + 10
                  : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                         : 99;
      if (value >= (octal ? 8 : 16)) return Wrong(at_ - 1, "malformed escape sequence");
      code = code * (octal ? 8 : 16) + static_cast<uint32_t>(value);
    }
    if (octal ? code > 0xff : code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      return Wrong(at_ - 1, "escape sequence is no character");
    if (octal || c == 'x')
      text += static_cast<char>(code);
    else
      AppendUtf8(text, code);
    return {};
  }

  std::string_view source_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::unexpected<Error> TemplateError(std::string_view source, size_t position, std::string_view what) {
  std::string_view before = source.substr(0, position);
  auto line = 1 + std::ranges::count(before, '\n');
  size_t newline = before.rfind('\n');
  size_t column = newline == std::string_view::npos ? position + 1 : position - newline;
  return Fail(Code::kInvalid,
              "template:" + std::to_string(line) + ":" + std::to_string(column) + ": " + std::string(what));
}

Result<std::vector<TemplateToken>> LexTemplate(std::string_view source) {
  return Lexer(source).Lex();
}

}  // namespace wolffia
