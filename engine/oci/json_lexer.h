// JsonLexer: the tokens of a JSON text (RFC 8259), strictly: what is not JSON, or not UTF-8, is a kBad token.
// Not recursive, allocates only for strings; a byte order mark at the front is skipped. Of a record of a
// container the library's own lexer took 95 instructions a byte, which was half of the time of `ps`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wolffia {

class JsonLexer {
 public:
  enum class Token : char {
    kObjectOpen = '{',
    kObjectClose = '}',
    kArrayOpen = '[',
    kArrayClose = ']',
    kColon = ':',
    kComma = ',',
    kString = '"',
    kUnsigned = '0',  // fits uint64_t
    kNegative = '-',  // fits int64_t, and is negative
    kFloat = '.',     // any other number; finite
    kTrue = 't',
    kFalse = 'f',
    kNull = 'n',
    kEnd = '$',
    kBad = '!',
  };

  explicit JsonLexer(std::string_view text);

  Token Next();

  // Of the last token. The string may be moved from.
  std::string& string() { return string_; }
  uint64_t unsigned_number() const { return unsigned_; }
  int64_t negative_number() const { return negative_; }
  double float_number() const { return float_; }
  const char* fault() const { return fault_; }  // of kBad: why, half a sentence
  size_t position() const { return at_; }       // bytes read so far

 private:
  Token Bad(const char* fault);
  Token Word(std::string_view word, Token token);
  Token Number();
  Token String();
  bool Escape();
  bool HexUnit(uint32_t& unit);

  std::string_view text_;
  size_t at_ = 0;
  std::string string_;
  uint64_t unsigned_ = 0;
  int64_t negative_ = 0;
  double float_ = 0;
  const char* fault_ = "";
};

}  // namespace wolffia
