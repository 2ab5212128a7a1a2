#include "cmd/template/functions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace wolffia {
namespace {

using Items = std::vector<TemplateItem>;

std::unexpected<Error> Wrong(std::string what) {
  return Fail(Code::kInvalid, std::move(what));
}

Result<std::string> StringArgument(const TemplateItem& item, std::string_view function) {
  if (!item.value || !item.value->is_string())
    return Wrong(std::string(function) + ": wrong type for value; expected a string, got " + PrintItem(item));
  return item.value->get<std::string>();
}

Result<size_t> IndexArgument(const TemplateItem& item, size_t limit) {
  if (!item.value || !item.value->is_number_integer())
    return Wrong("cannot index slice/array with " + PrintItem(item));
  auto index = item.value->get<int64_t>();
  if (index < 0 || static_cast<uint64_t>(index) > limit)
    return Wrong("index out of range: " + std::to_string(index));
  return static_cast<size_t>(index);
}

// A part of an item shares its ownership.
TemplateItem PartOf(const TemplateItem& whole, const Value& part) {
  return {std::shared_ptr<const Value>(whole.value, &part), false};
}

Result<TemplateItem> Index(std::string_view, const Items& arguments) {
  TemplateItem item = arguments[0];
  for (size_t i = 1; i < arguments.size(); i++) {
    if (!item.value || item.value->is_null()) return Wrong("index of untyped nil");
    if (item.value->is_object()) {
      std::string key = TRY(StringArgument(arguments[i], "index"));
      auto member = item.value->find(key);
      if (member == item.value->end()) return MakeItem("");  // the zero value of a map of strings
      item = PartOf(item, *member);
    } else if (item.value->is_array()) {
      size_t at = TRY(IndexArgument(arguments[i], item.value->size()));
      if (at == item.value->size()) return Wrong("index out of range: " + std::to_string(at));
      item = PartOf(item, (*item.value)[at]);
    } else if (item.value->is_string()) {
      auto text = item.value->get<std::string>();
      size_t at = TRY(IndexArgument(arguments[i], text.size()));
      if (at == text.size()) return Wrong("index out of range: " + std::to_string(at));
      item = MakeItem(int64_t{static_cast<unsigned char>(text[at])});
    } else {
      return Wrong("can't index item of this type: " + PrintItem(item));
    }
  }
  return item;
}

Result<TemplateItem> Slice(std::string_view, const Items& arguments) {
  const TemplateItem& item = arguments[0];
  if (!item.value || (!item.value->is_string() && !item.value->is_array()))
    return Wrong("can't slice item: " + PrintItem(item));
  size_t size =
      item.value->is_string() ? item.value->get_ref<const std::string&>().size() : item.value->size();
  size_t from = arguments.size() > 1 ? TRY(IndexArgument(arguments[1], size)) : 0;
  size_t to = arguments.size() > 2 ? TRY(IndexArgument(arguments[2], size)) : size;
  if (from > to) return Wrong("invalid slice index: " + std::to_string(from) + " > " + std::to_string(to));
  if (item.value->is_string())
    return MakeItem(item.value->get_ref<const std::string&>().substr(from, to - from));
  Value part = Value::array();
  for (size_t i = from; i < to; i++) part.push_back((*item.value)[i]);
  return MakeItem(std::move(part));
}

Result<TemplateItem> Len(std::string_view, const Items& arguments) {
  const TemplateItem& item = arguments[0];
  if (item.value && item.value->is_string())
    return MakeItem(item.value->get_ref<const std::string&>().size());
  if (item.value && item.value->is_structured()) return MakeItem(item.value->size());
  if (item.value && item.value->is_null()) return MakeItem(0);
  return Wrong("len of type without length: " + PrintItem(item));
}

Result<TemplateItem> Not(std::string_view, const Items& arguments) {
  return MakeItem(!IsTrue(arguments[0]));
}

// -1, 0, 1 for what can be ordered; 2 for unequal things that have no order.
Result<int> Compare(const TemplateItem& a, const TemplateItem& b) {
  Value nil;
  const Value& x = a.value ? *a.value : nil;
  const Value& y = b.value ? *b.value : nil;
  if (x.is_null() || y.is_null()) return x.is_null() && y.is_null() ? 0 : 2;
  if (x.is_structured() || y.is_structured()) return Wrong("non-comparable type");
  bool same_kind = (x.is_string() && y.is_string()) || (x.is_boolean() && y.is_boolean()) ||
                   (x.is_number_integer() && y.is_number_integer()) ||
                   (x.is_number_float() && y.is_number_float());
  if (!same_kind) return Wrong("incompatible types for comparison");
  if (x == y) return 0;
  if (x.is_boolean()) return 2;
  return x < y ? -1 : 1;
}

Result<TemplateItem> Equal(std::string_view, const Items& arguments) {
  for (size_t i = 1; i < arguments.size(); i++)
    if (TRY(Compare(arguments[0], arguments[i])) == 0) return MakeItem(true);
  return MakeItem(false);
}

Result<TemplateItem> Order(std::string_view name, const Items& arguments) {
  int order = TRY(Compare(arguments[0], arguments[1]));
  if (name == "ne") return MakeItem(order != 0);
  bool no_order = order == 2 || (arguments[0].value && arguments[0].value->is_boolean());
  if (no_order) return Wrong("invalid type for comparison");
  if (name == "lt") return MakeItem(order < 0);
  if (name == "le") return MakeItem(order <= 0);
  if (name == "gt") return MakeItem(order > 0);
  return MakeItem(order >= 0);
}

Result<TemplateItem> Print(std::string_view name, const Items& arguments) {
  if (name == "printf") {
    std::string format = TRY(StringArgument(arguments[0], name));
    return MakeItem(FormatGo(format, {arguments.begin() + 1, arguments.end()}));
  }
  std::string out;
  for (size_t i = 0; i < arguments.size(); i++) {
    auto is_string = [&](size_t n) { return arguments[n].value && arguments[n].value->is_string(); };
    // fmt.Print puts a space only between operands of which neither is a string, fmt.Println always.
    if (i > 0 && (name == "println" || (!is_string(i) && !is_string(i - 1)))) out += ' ';
    out += arguments[i].value ? PrintItem(arguments[i]) : "<nil>";
  }
  return MakeItem(name == "println" ? out + "\n" : out);
}

Result<TemplateItem> ToJson(std::string_view, const Items& arguments) {
  if (!arguments[0].value) return MakeItem("null");
  return MakeItem(arguments[0].value->dump(-1, ' ', false, Value::error_handler_t::replace));
}

Result<TemplateItem> Join(std::string_view name, const Items& arguments) {
  // podman's order is (list, separator); docker's help shows it in a pipeline the other way round: take
  // either.
  bool list_first = arguments[0].value && !arguments[0].value->is_string();
  const TemplateItem& list = arguments[list_first ? 0 : 1];
  std::string separator = TRY(StringArgument(arguments[list_first ? 1 : 0], name));
  if (!list.value || (!list.value->is_array() && !list.value->is_null()))
    return Wrong("join: not a list: " + PrintItem(list));
  std::string out;
  bool first = true;
  for (const Value& v : *list.value) {
    if (!std::exchange(first, false)) out += separator;
    out += PrintItem(PartOf(list, v));
  }
  return MakeItem(std::move(out));
}

Result<TemplateItem> Split(std::string_view name, const Items& arguments) {
  std::string text = TRY(StringArgument(arguments[0], name));
  std::string separator = TRY(StringArgument(arguments[1], name));
  Value parts = Value::array();
  size_t start = 0;
  while (true) {
    size_t at = separator.empty() ? start + 1 : text.find(separator, start);
    if (at == std::string::npos || at >= text.size() + (separator.empty() ? 0 : 1)) break;
    parts.push_back(text.substr(start, at - start));
    start = at + separator.size();
  }
  parts.push_back(text.substr(std::min(start, text.size())));
  return MakeItem(std::move(parts));
}

Result<TemplateItem> ChangeCase(std::string_view name, const Items& arguments) {
  std::string text = TRY(StringArgument(arguments[0], name));
  bool start_of_word = true;
  for (char& c : text) {
    bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    bool to_upper = name == "upper" || (name == "title" && start_of_word);
    if (to_upper && lower) c = static_cast<char>(c - 32);
    if (name == "lower" && upper) c = static_cast<char>(c + 32);
    start_of_word = !lower && !upper && !(c >= '0' && c <= '9') && c != '_' && c != '\'' &&
                    static_cast<signed char>(c) >= 0;
  }
  return MakeItem(std::move(text));
}

Result<TemplateItem> Truncate(std::string_view name, const Items& arguments) {
  std::string text = TRY(StringArgument(arguments[0], name));
  if (!arguments[1].value || !arguments[1].value->is_number_integer())
    return Wrong("truncate: the length is not a number");
  auto length = arguments[1].value->get<int64_t>();
  if (length < 0 || static_cast<uint64_t>(length) >= text.size()) return MakeItem(std::move(text));
  return MakeItem(text.substr(0, static_cast<size_t>(length)));
}

Result<TemplateItem> PadText(std::string_view name, const Items& arguments) {
  std::string text = TRY(StringArgument(arguments[0], name));
  size_t before = TRY(IndexArgument(arguments[1], 1000));
  size_t after = TRY(IndexArgument(arguments[2], 1000));
  if (text.empty()) return MakeItem("");
  return MakeItem(std::string(before, ' ') + text + std::string(after, ' '));
}

struct Function {
  std::string_view name;
  size_t min, max;  // arguments
  Result<TemplateItem> (*call)(std::string_view name, const Items& arguments);
};

constexpr size_t kAny = 1000;
constexpr Function kFunctions[] = {
    {"and", 1, kAny, nullptr},    {"or", 1, kAny, nullptr},    {"not", 1, 1, Not},
    {"eq", 2, kAny, Equal},       {"ne", 2, 2, Order},         {"lt", 2, 2, Order},
    {"le", 2, 2, Order},          {"gt", 2, 2, Order},         {"ge", 2, 2, Order},
    {"index", 1, kAny, Index},    {"slice", 1, 3, Slice},      {"len", 1, 1, Len},
    {"print", 0, kAny, Print},    {"printf", 1, kAny, Print},  {"println", 0, kAny, Print},
    {"json", 1, 1, ToJson},       {"join", 2, 2, Join},        {"split", 2, 2, Split},
    {"lower", 1, 1, ChangeCase},  {"upper", 1, 1, ChangeCase}, {"title", 1, 1, ChangeCase},
    {"truncate", 2, 2, Truncate}, {"pad", 3, 3, PadText},
};

const Function* Find(std::string_view name) {
  auto it = std::ranges::find(kFunctions, name, &Function::name);
  return it == std::end(kFunctions) ? nullptr : it;
}

}  // namespace

TemplateItem MakeItem(Value value) {
  return {std::make_shared<const Value>(std::move(value)), false};
}

bool IsTemplateFunction(std::string_view name) {
  return Find(name) != nullptr;
}

Result<TemplateItem> CallTemplateFunction(std::string_view name, const std::vector<TemplateItem>& arguments) {
  const Function* function = Find(name);
  if (arguments.size() < function->min || arguments.size() > function->max) {
    std::string wanted = std::to_string(function->min);
    if (arguments.size() < function->min && function->max != function->min) wanted = "at least " + wanted;
    if (arguments.size() > function->max) wanted = std::to_string(function->max);
    return Wrong("wrong number of args for " + std::string(name) + ": want " + wanted + " got " +
                 std::to_string(arguments.size()));
  }
  return function->call(name, arguments);
}

bool IsTrue(const TemplateItem& item) {
  if (!item.value) return false;
  const Value& value = *item.value;
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_number()) return value != 0;
  return !value.empty();
}

}  // namespace wolffia
