#include "engine/registry/challenge.h"

namespace wolffia {
namespace {

constexpr size_t kMaxHeader = 8192;

bool IsTokenChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\t') ++at_;
  }
  // Also empty list elements: ", ,".
  void SkipSeparators() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == ',') ++at_;
  }
  bool Take(char c) {
    if (Peek() != c || AtEnd()) return false;
    ++at_;
    return true;
  }
  std::string_view Token() {
    size_t start = at_;
    while (!AtEnd() && IsTokenChar(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  // The rest of a token68 that began with `Token()`: "/" and "=" are no token characters.
  std::string_view Token68() {
    size_t start = at_;
    while (!AtEnd() && (IsTokenChar(text_[at_]) || text_[at_] == '/')) ++at_;
    while (Peek() == '=') ++at_;
    return text_.substr(start, at_ - start);
  }
  bool Quoted(std::string& value) {
    while (!AtEnd()) {
      char c = text_[at_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (AtEnd()) return false;
        c = text_[at_++];
      }
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
      value += c;
    }
    return false;
  }
  size_t position() const { return at_; }
  void Rewind(size_t to) { at_ = to; }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// One name=value. False, with nothing consumed, if what follows is no parameter (the next challenge).
Result<bool> TakeParameter(Scanner& scanner, Challenge& challenge) {
  size_t start = scanner.position();
  std::string name = Lower(scanner.Token());
  scanner.SkipSpace();
  if (name.empty() || !scanner.Take('=')) {
    scanner.Rewind(start);
    return false;
  }
  scanner.SkipSpace();
  std::string value;
  if (scanner.Take('"')) {
    if (!scanner.Quoted(value)) return Fail(Code::kInvalid, "a quoted value is malformed");
  } else {
    value = scanner.Token();
    if (value.empty()) return Fail(Code::kInvalid, "parameter " + name + " has no value");
  }
  if (!challenge.params.emplace(name, value).second)
    return Fail(Code::kInvalid, "parameter " + name + " appears twice");
  scanner.SkipSpace();
  if (!scanner.AtEnd() && scanner.Peek() != ',') return Fail(Code::kInvalid, "a comma is missing");
  return true;
}

Result<Challenge> TakeChallenge(Scanner& scanner) {
  Challenge challenge;
  challenge.scheme = Lower(scanner.Token());
  if (challenge.scheme.empty()) return Fail(Code::kInvalid, "an authentication scheme is missing");
  if (!scanner.AtEnd() && scanner.Peek() != ' ' && scanner.Peek() != ',')
    return Fail(Code::kInvalid, "the authentication scheme is malformed");
  scanner.SkipSpace();
  if (scanner.AtEnd() || scanner.Peek() == ',') return challenge;
  size_t start = scanner.position();
  if (!TRY(TakeParameter(scanner, challenge))) {
    scanner.Rewind(start);
    challenge.params[""] = scanner.Token68();
    scanner.SkipSpace();
    if (challenge.params[""].empty() || (!scanner.AtEnd() && scanner.Peek() != ','))
      return Fail(Code::kInvalid, "a parameter is malformed");
    return challenge;
  }
  for (;;) {
    size_t before = scanner.position();
    scanner.SkipSeparators();
    if (scanner.AtEnd()) break;
    if (!TRY(TakeParameter(scanner, challenge))) {
      scanner.Rewind(before);
      break;
    }
  }
  return challenge;
}

}  // namespace

Result<std::vector<Challenge>> ParseChallenges(std::string_view header) {
  if (header.size() > kMaxHeader) return Fail(Code::kInvalid, "WWW-Authenticate is too long");
  Scanner scanner(header);
  std::vector<Challenge> challenges;
  for (scanner.SkipSeparators(); !scanner.AtEnd(); scanner.SkipSeparators())
    challenges.push_back(TRY_WITH(TakeChallenge(scanner), "WWW-Authenticate"));
  return challenges;
}

}  // namespace wolffia
