// TomlDocument: a TOML file as a small tree that remembers where each key and value stood, so that whatever
// is wrong with one is reported as "FILE:LINE:COLUMN: KEY: what". The parser's own (heavy) types stay in
// toml_document.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct TomlPlace {
  uint32_t line = 0, column = 0;  // from 1
};

struct TomlMember;

struct TomlValue {
  enum class Kind { kString, kInteger, kBoolean, kArray, kTable, kOther };  // kOther: floats, dates
  Kind kind = Kind::kOther;
  std::string text;  // never with a NUL
  int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlValue> items;     // kArray
  std::vector<TomlMember> members;  // kTable, sorted by key
  TomlPlace place;

  static TomlValue OfText(std::string_view text);
  const TomlValue* Find(std::string_view key) const;  // nullptr if there is none
};

struct TomlMember {
  std::string key;
  TomlPlace place;
  TomlValue value;
};

// A value without a place in a file: what environment and flags give.
Result<std::string> TextOf(const TomlValue& value);
Result<int64_t> IntegerOf(const TomlValue& value);
Result<bool> BooleanOf(const TomlValue& value);
Result<std::vector<std::string>> StringsOf(const TomlValue& value);

class TomlDocument {
 public:
  // kInvalid for a syntax error; `file` is only named, not read.
  static Result<TomlDocument> Parse(std::string_view text, std::string file);

  const TomlValue& root() const { return root_; }
  const std::string& file() const { return file_; }

  std::unexpected<Error> FailAt(TomlPlace place, std::string_view key, std::string_view what) const;

  // The member of a table, or an empty value where it is missing. `where`: the path of `table`, for the
  // message.
  Result<std::string> Text(const TomlValue& table, std::string_view key, std::string_view where) const;
  Result<bool> Boolean(const TomlValue& table, std::string_view key, std::string_view where) const;
  Result<std::vector<std::string>> Strings(const TomlValue& table, std::string_view key,
                                           std::string_view where) const;

 private:
  std::string file_;
  TomlValue root_;
};

}  // namespace wolffia
