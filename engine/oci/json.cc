#include "engine/oci/json.h"

#include <limits>

#include "engine/oci/json_lexer.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

using Token = JsonLexer::Token;

// Builds the document while it is read, so that a limit stops the parser at once instead of after the fact.
// Not recursive; the depth limit protects those who walk the result.
class DocumentBuilder {
 public:
  DocumentBuilder(std::string_view text, const JsonLimits& limits) : lexer_(text), limits_(limits) {}

  bool Read() {
    enum { kValue, kFirstValue, kKey, kFirstKey, kAfterValue } expected = kValue;
    for (;;) {
      const Token token = lexer_.Next();
      const bool closes =
          !open_.empty() && token == (open_.back()->is_array() ? Token::kArrayClose : Token::kObjectClose);
      if (expected == kAfterValue) {
        if (open_.empty()) return token == Token::kEnd || Unexpected(token, "the end of the text");
        if (closes)
          open_.pop_back();
        else if (token == Token::kComma)
          expected = open_.back()->is_array() ? kValue : kKey;
        else
          return Unexpected(token, open_.back()->is_array() ? "',' or ']'" : "',' or '}'");
      } else if (closes && (expected == kFirstValue || expected == kFirstKey)) {
        open_.pop_back();
        expected = kAfterValue;
      } else if (expected == kKey || expected == kFirstKey) {
        if (token != Token::kString) return Unexpected(token, "a key");
        if (!Key(lexer_.string())) return false;
        if (const Token colon = lexer_.Next(); colon != Token::kColon) return Unexpected(colon, "':'");
        expected = kValue;
      } else {
        if (!Value(token)) return false;
        expected = token == Token::kObjectOpen  ? kFirstKey
                   : token == Token::kArrayOpen ? kFirstValue
                                                : kAfterValue;
      }
    }
  }

  Json TakeRoot() { return std::move(root_); }
  std::string TakeRefusal() { return std::move(refusal_); }

 private:
  bool Value(Token token) {
    switch (token) {
      case Token::kObjectOpen:
        return Open(Json::value_t::object);
      case Token::kArrayOpen:
        return Open(Json::value_t::array);
      case Token::kString:
        return CheckText(lexer_.string()) && Add(std::move(lexer_.string())) != nullptr;
      case Token::kUnsigned:
        return Add(lexer_.unsigned_number()) != nullptr;
      case Token::kNegative:
        return Add(lexer_.negative_number()) != nullptr;
      case Token::kFloat:
        return Add(lexer_.float_number()) != nullptr;
      case Token::kTrue:
      case Token::kFalse:
        return Add(token == Token::kTrue) != nullptr;
      case Token::kNull:
        return Add(nullptr) != nullptr;
      default:
        return Unexpected(token, "a value");
    }
  }

  bool Key(std::string& name) {
    if (!CheckText(name)) return false;
    auto [slot, fresh] = open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name), nullptr);
    if (!fresh) return Refuse("key " + Quote(slot->first) + " appears twice in one object");
    slot_ = &slot->second;
    return true;
  }

  bool Unexpected(Token token, const char* expected) {
    std::string why = token == Token::kBad ? lexer_.fault() : std::string(expected) + " is expected";
    return Refuse("not valid JSON at byte " + std::to_string(lexer_.position()) + ": " + why);
  }

  bool Refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  // A NUL would end the string early wherever it meets the kernel.
  bool CheckText(const std::string& text) {
    if (text.find('\0') == std::string::npos) return true;
    return Refuse("string " + Quote(text) + " has a NUL character");
  }

  template <typename T>
  Json* Add(T&& value) {
    if (++values_ > limits_.values) {
      Refuse("more than " + std::to_string(limits_.values) + " values");
      return nullptr;
    }
    Json* place = &root_;
    if (!open_.empty()) {
      Json* parent = open_.back();
      place = parent->is_array() ? &parent->get_ref<Json::array_t&>().emplace_back() : slot_;
    }
    *place = Json(std::forward<T>(value));
    return place;
  }

  bool Open(Json::value_t type) {
    if (open_.size() >= static_cast<size_t>(limits_.depth))
      return Refuse("nested deeper than " + std::to_string(limits_.depth) + " levels");
    Json* container = Add(type);
    if (container == nullptr) return false;
    open_.push_back(container);
    return true;
  }

  JsonLexer lexer_;
  const JsonLimits limits_;
  Json root_;
  // Objects and arrays that are not closed yet, outermost first. The pointers stay good: only the last one
  // grows.
  std::vector<Json*> open_;
  Json* slot_ = nullptr;  // where the value of the last key goes
  size_t values_ = 0;
  std::string refusal_;
};

std::string PathOf(std::string_view where, const char* name) {
  return where.empty() ? name : std::string(where) + "." + name;
}

std::unexpected<Error> WrongType(std::string_view where, const char* name, const char* wanted) {
  return Fail(Code::kInvalid, PathOf(where, name) + ": not " + wanted);
}

// The member if it has a value; kInvalid if `object` is no object at all.
Result<const Json*> Find(const Json& object, const char* name, std::string_view where) {
  if (!object.is_object())
    return Fail(Code::kInvalid, (where.empty() ? "document" : std::string(where)) + ": not an object");
  auto member = object.find(name);
  if (member == object.end() || member->is_null()) return nullptr;
  return &*member;
}

}  // namespace

Result<Json> ParseJson(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes)
    return Fail(Code::kInvalid,
                std::to_string(text.size()) + " bytes of JSON, the limit is " + std::to_string(limits.bytes));
  DocumentBuilder builder(text, limits);
  if (!builder.Read()) return Fail(Code::kInvalid, builder.TakeRefusal());
  return builder.TakeRoot();
}

Result<std::string> StringMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  if (member == nullptr) return std::string();
  if (!member->is_string()) return WrongType(where, name, "a string");
  return member->get_ref<const std::string&>();
}

Result<int64_t> IntMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  if (member == nullptr) return 0;
  if (!member->is_number_integer()) return WrongType(where, name, "an integer");
  if (member->is_number_unsigned() && member->get<uint64_t>() > std::numeric_limits<int64_t>::max())
    return WrongType(where, name, "a 64-bit integer");
  return member->get<int64_t>();
}

Result<uint64_t> UintMember(const Json& object, const char* name, std::string_view where, uint64_t max) {
  const Json* member = TRY(Find(object, name, where));
  if (member == nullptr) return 0;
  if (!member->is_number_unsigned() || member->get<uint64_t>() > max)
    return WrongType(where, name, ("an integer from 0 to " + std::to_string(max)).c_str());
  return member->get<uint64_t>();
}

Result<bool> BoolMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  if (member == nullptr) return false;
  if (!member->is_boolean()) return WrongType(where, name, "true or false");
  return member->get<bool>();
}

Result<std::vector<std::string>> StringsMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  std::vector<std::string> strings;
  if (member == nullptr) return strings;
  if (!member->is_array()) return WrongType(where, name, "an array of strings");
  strings.reserve(member->size());
  for (const Json& item : *member) {
    if (!item.is_string()) return WrongType(where, name, "an array of strings");
    strings.push_back(item.get_ref<const std::string&>());
  }
  return strings;
}

Result<std::map<std::string, std::string>> StringMapMember(const Json& object, const char* name,
                                                           std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  std::map<std::string, std::string> map;
  if (member == nullptr) return map;
  if (!member->is_object()) return WrongType(where, name, "an object of strings");
  for (const auto& [key, value] : member->get_ref<const Json::object_t&>()) {
    if (!value.is_string()) return WrongType(where, name, "an object of strings");
    map.emplace(key, value.get_ref<const std::string&>());
  }
  return map;
}

Result<const Json*> ObjectMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  if (member != nullptr && !member->is_object()) return WrongType(where, name, "an object");
  return member;
}

Result<const Json*> ArrayMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(Find(object, name, where));
  if (member != nullptr && !member->is_array()) return WrongType(where, name, "an array");
  return member;
}

std::string DumpJson(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wolffia
