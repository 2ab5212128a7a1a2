#include "engine/config/toml_document.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "engine/oci/quote.h"

namespace wolffia {
namespace {

using Kind = TomlValue::Kind;

TomlPlace PlaceOf(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

// The parser limits the depth (TOML_MAX_NESTED_VALUES).
TomlValue Convert(const toml::node& node) {
  TomlValue out;
  out.place = PlaceOf(node.source());
  if (const auto* text = node.as_string()) {
    out.kind = Kind::kString;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = Kind::kInteger;
    out.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = Kind::kBoolean;
    out.boolean = boolean->get();
  } else if (const auto* array = node.as_array()) {
    out.kind = Kind::kArray;
    for (const toml::node& item : *array) out.items.push_back(Convert(item));
  } else if (const auto* table = node.as_table()) {
    out.kind = Kind::kTable;
    for (const auto& [key, value] : *table)
      out.members.push_back({std::string(key.str()), PlaceOf(key.source()), Convert(value)});
  }
  return out;
}

// A NUL would end a path or a name early wherever it meets the kernel.
const TomlValue* FindNul(const TomlValue& value) {
  if (value.text.find('\0') != std::string::npos) return &value;
  for (const TomlValue& item : value.items)
    if (const TomlValue* found = FindNul(item)) return found;
  for (const TomlMember& member : value.members)
    if (const TomlValue* found = member.key.find('\0') == std::string::npos ? FindNul(member.value) : &value)
      return found;
  return nullptr;
}

std::string PathOf(std::string_view where, std::string_view key) {
  return where.empty() ? std::string(key) : std::string(where) + "." + std::string(key);
}

}  // namespace

TomlValue TomlValue::OfText(std::string_view text) {
  TomlValue out;
  out.kind = Kind::kString;
  out.text = text;
  return out;
}

const TomlValue* TomlValue::Find(std::string_view key) const {
  for (const TomlMember& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

Result<std::string> TextOf(const TomlValue& value) {
  if (value.kind != Kind::kString) return Fail(Code::kInvalid, "not a string");
  return value.text;
}

Result<int64_t> IntegerOf(const TomlValue& value) {
  if (value.kind != Kind::kInteger) return Fail(Code::kInvalid, "not an integer");
  return value.integer;
}

Result<bool> BooleanOf(const TomlValue& value) {
  if (value.kind != Kind::kBoolean) return Fail(Code::kInvalid, "not true or false");
  return value.boolean;
}

Result<std::vector<std::string>> StringsOf(const TomlValue& value) {
  if (value.kind != Kind::kArray) return Fail(Code::kInvalid, "not an array of strings");
  std::vector<std::string> out;
  for (const TomlValue& item : value.items) {
    if (item.kind != Kind::kString) return Fail(Code::kInvalid, "not an array of strings");
    out.push_back(item.text);
  }
  return out;
}

Result<TomlDocument> TomlDocument::Parse(std::string_view text, std::string file) {
  TomlDocument out;
  out.file_ = std::move(file);
  const toml::parse_result result = toml::parse(text);
  if (!result) {
    const TomlPlace place = PlaceOf(result.error().source());
    return Fail(Code::kInvalid, out.file_ + ":" + std::to_string(place.line) + ":" +
                                    std::to_string(place.column) + ": " +
                                    Printable(result.error().description(), 200));
  }
  out.root_ = Convert(result.table());
  if (const TomlValue* nul = FindNul(out.root_))
    return out.FailAt(nul->place, Printable(nul->text), "has a NUL character");
  return out;
}

std::unexpected<Error> TomlDocument::FailAt(TomlPlace place, std::string_view key,
                                            std::string_view what) const {
  return Fail(Code::kInvalid, file_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                                  ": " + Printable(key) + ": " + std::string(what));
}

Result<std::string> TomlDocument::Text(const TomlValue& table, std::string_view key,
                                       std::string_view where) const {
  const TomlValue* value = table.Find(key);
  if (value == nullptr) return std::string();
  auto text = TextOf(*value);
  if (!text) return FailAt(value->place, PathOf(where, key), text.error().what);
  return text;
}

Result<bool> TomlDocument::Boolean(const TomlValue& table, std::string_view key,
                                   std::string_view where) const {
  const TomlValue* value = table.Find(key);
  if (value == nullptr) return false;
  auto boolean = BooleanOf(*value);
  if (!boolean) return FailAt(value->place, PathOf(where, key), boolean.error().what);
  return boolean;
}

Result<std::vector<std::string>> TomlDocument::Strings(const TomlValue& table, std::string_view key,
                                                       std::string_view where) const {
  const TomlValue* value = table.Find(key);
  if (value == nullptr) return std::vector<std::string>();
  auto strings = StringsOf(*value);
  if (!strings) return FailAt(value->place, PathOf(where, key), strings.error().what);
  return strings;
}

}  // namespace wolffia
