// How Go prints: fmt.Print of values and fmt.Sprintf.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cmd/template/functions.h"

namespace wolffia {
namespace {

constexpr size_t kMaxWidth = 10'000;

std::string FloatText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  // The shortest digits that read back as the same number, as Go's %v; exponents as %e from 1e21 on.
  for (int precision = 1; precision <= 17; precision++) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", precision, number);
    if (strtod(text, nullptr) != number) continue;
    if (std::fabs(number) < 1e21 && std::fabs(number) >= 1e-4 && strchr(text, 'e') != nullptr)
      snprintf(text, sizeof text, "%.0f", number);
    return text;
  }
  return std::to_string(number);
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (size_t simple = std::string_view("\a\b\f\n\r\t\v").find(c); simple != std::string_view::npos) {
      out += '\\';
      out += "abfnrtv"[simple];
    } else if (byte < 0x20 || byte == 0x7f) {
      char hex[8];
      snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string PrintValue(const Value& value, bool is_map, bool names) {
  switch (value.type()) {
    case Value::value_t::null:
      return "<nil>";
    case Value::value_t::string:
      return value.get_ref<const std::string&>();
    case Value::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Value::value_t::number_float:
      return FloatText(value.get<double>());
    case Value::value_t::array: {
      std::string out = "[";
      for (const Value& v : value) out += (out.size() > 1 ? " " : "") + PrintValue(v, false, names);
      return out + "]";
    }
    case Value::value_t::object: {
      std::string out = is_map ? "map[" : "{";
      bool first = true;
      for (const auto& [key, v] : value.items()) {
        if (!std::exchange(first, false)) out += ' ';
        if (is_map || names) out += key + ":";
        out += PrintValue(v, false, names);
      }
      return out + (is_map ? "]" : "}");
    }
    default:
      return value.dump();
  }
}

std::string_view GoType(const TemplateItem& item) {
  if (!item.value || item.value->is_null()) return "<nil>";
  if (item.value->is_string()) return "string";
  if (item.value->is_boolean()) return "bool";
  if (item.value->is_number_float()) return "float64";
  if (item.value->is_number()) return "int";
  if (item.value->is_array()) return "[]interface {}";
  return "map[string]interface {}";
}

struct Directive {
  bool left = false, plus = false, sharp = false, zero = false, space = false;
  size_t width = 0;
  int precision = -1;
  char verb = 0;
};

// After the '%'; advances `at` behind the verb. Only single-byte verbs exist.
Directive ReadDirective(std::string_view format, size_t& at) {
  Directive d;
  for (; at < format.size(); at++) {
    char c = format[at];
    if (c == '-')
      d.left = true;
    else if (c == '+')
      d.plus = true;
    else if (c == '#')
      d.sharp = true;
    else if (c == '0')
      d.zero = true;
    else if (c == ' ')
      d.space = true;
    else
      break;
  }
  auto number = [&] {
    size_t n = 0;
    for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; at++)
      n = std::min(n * 10 + static_cast<size_t>(format[at] - '0'), kMaxWidth);
    return n;
  };
  d.width = number();
  if (at < format.size() && format[at] == '.') {
    at++;
    d.precision = static_cast<int>(number());
  }
  if (at < format.size()) d.verb = format[at++];
  return d;
}

std::string Pad(std::string text, const Directive& d, bool numeric) {
  size_t characters = 0;
  for (char c : text)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) characters++;
  if (characters >= d.width) return text;
  size_t missing = d.width - characters;
  if (d.left) return text + std::string(missing, ' ');
  if (d.zero && numeric) {
    size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    return text.insert(sign, missing, '0');
  }
  return text.insert(0, missing, ' ');
}

std::string_view DigitsOf(bool upper) {
  return upper ? "0123456789ABCDEF" : "0123456789abcdef";
}

std::string IntegerText(int64_t number, const Directive& d) {
  uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  unsigned base = d.verb == 'x' || d.verb == 'X' ? 16 : d.verb == 'o' ? 8 : d.verb == 'b' ? 2 : 10;
  std::string digits;
  do {
    digits.insert(digits.begin(), DigitsOf(d.verb == 'X')[magnitude % base]);
    magnitude /= base;
  } while (magnitude != 0);
  if (d.precision > static_cast<int>(digits.size()))
    digits.insert(0, static_cast<size_t>(d.precision) - digits.size(), '0');
  if (d.sharp && base == 16) digits.insert(0, d.verb == 'X' ? "0X" : "0x");
  if (d.sharp && base == 8) digits.insert(0, "0");
  if (number < 0) return "-" + digits;
  return (d.plus ? "+" : d.space ? " " : "") + digits;
}

std::string HexBytes(std::string_view text, bool upper) {
  std::string out;
  for (unsigned char c : text) {
    out += DigitsOf(upper)[c >> 4];
    out += DigitsOf(upper)[c & 15];
  }
  return out;
}

// The first `count` characters.
std::string Truncated(const std::string& text, int count) {
  if (count < 0) return text;
  size_t at = 0;
  for (; at < text.size(); at++)
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && count-- == 0) break;
  return text.substr(0, at);
}

std::string FormatOne(const Directive& d, const TemplateItem& item) {
  const Value* value = item.value.get();
  std::string_view verb(&d.verb, 1);
  auto is = [&](std::string_view verbs) { return verbs.find(d.verb) != std::string_view::npos; };
  if (value != nullptr && value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (is("sv")) return Pad(d.sharp && d.verb == 'v' ? Quote(text) : Truncated(text, d.precision), d, false);
    if (is("q")) return Pad(Quote(Truncated(text, d.precision)), d, false);
    if (is("xX")) return Pad(HexBytes(text, d.verb == 'X'), d, false);
  } else if (value != nullptr && value->is_boolean()) {
    if (is("tv")) return Pad(PrintItem(item), d, false);
  } else if (value != nullptr && value->is_number_integer()) {
    if (is("dvxXob")) return Pad(IntegerText(value->get<int64_t>(), d), d, true);
    if (is("c")) return Pad(std::string(1, static_cast<char>(value->get<int64_t>() & 0x7f)), d, false);
  } else if (value != nullptr && value->is_number_float()) {
    if (is("v") && d.precision < 0) return Pad(PrintItem(item), d, true);
    if (is("feEgGFv")) {
      std::string spec = std::string("%") +
                         (d.plus    ? "+"
                          : d.space ? " "
                                    : "") +
                         ".*" + (d.verb == 'v' ? 'g' : d.verb);
      char text[512];
      int precision = d.precision < 0 ? 6 : std::min(d.precision, 100);
      snprintf(text, sizeof text, spec.c_str(), precision, value->get<double>());
      return Pad(text, d, true);
    }
  } else if (is("v") || (is("s") && value != nullptr && !value->is_null())) {
    if (value == nullptr || value->is_null()) return Pad("<nil>", d, false);
    return Pad(PrintValue(*value, item.is_map, d.plus || d.sharp), d, false);
  }
  std::string type(GoType(item));
  if (type == "<nil>") return "%!" + std::string(verb) + "(<nil>)";
  return "%!" + std::string(verb) + "(" + type + "=" + PrintItem(item) + ")";
}

}  // namespace

std::string PrintItem(const TemplateItem& item) {
  if (!item.value) return "<no value>";
  return PrintValue(*item.value, item.is_map, false);
}

std::string FormatGo(std::string_view format, const std::vector<TemplateItem>& arguments) {
  std::string out;
  size_t used = 0;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out += format[at++];
      continue;
    }
    at++;
    Directive d = ReadDirective(format, at);
    if (d.verb == 0)
      out += "%!(NOVERB)";
    else if (d.verb == '%')
      out += '%';
    else if (used == arguments.size())
      out += std::string("%!") + d.verb + "(MISSING)";
    else
      out += FormatOne(d, arguments[used++]);
  }
  if (used < arguments.size()) {
    out += "%!(EXTRA ";
    for (size_t i = used; i < arguments.size(); i++)
      out += (i > used ? ", " : "") + std::string(GoType(arguments[i])) + "=" + PrintItem(arguments[i]);
    out += ")";
  }
  return out;
}

}  // namespace wolffia
