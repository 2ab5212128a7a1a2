#include "cmd/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace wolffia {
namespace {

// "CreatedAt" -> "CREATED AT".
std::string HeadingOf(std::string_view field) {
  std::string out;
  for (size_t i = 0; i < field.size(); i++) {
    char c = field[i];
    bool lower_before = i > 0 && field[i - 1] >= 'a' && field[i - 1] <= 'z';
    if (c >= 'A' && c <= 'Z' && lower_before) out += ' ';
    out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  return out;
}

// What a shell leaves of \t and \n in single quotes.
std::string Unescape(std::string_view format) {
  std::string out;
  for (size_t i = 0; i < format.size(); i++) {
    char next = format[i] == '\\' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (next == 't' || next == 'n') {
      out += next == 't' ? '\t' : '\n';
      i++;
    } else {
      out += format[i];
    }
  }
  return out;
}

// Escapes inside {{...}} belong to the template's own string literals.
std::string UnescapeText(std::string_view format) {
  std::string out;
  while (!format.empty()) {
    size_t open = std::min(format.find("{{"), format.size());
    out += Unescape(format.substr(0, open));
    format.remove_prefix(open);
    size_t close = format.find("}}");
    close = close == std::string_view::npos ? format.size() : close + 2;
    out += format.substr(0, close);
    format.remove_prefix(close);
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool IsPlainYaml(const std::string& text) {
  if (text.empty() || text == "true" || text == "false" || text == "null" || text == "~") return false;
  if (text.find_first_not_of("0123456789.") == std::string::npos) return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@` ").find(text.front()) != std::string_view::npos ||
      text.back() == ' ')
    return false;
  bool controls =
      std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return !controls && text.find(": ") == std::string::npos && text.find(" #") == std::string::npos &&
         text.back() != ':';
}

std::string YamlScalar(const Value& value) {
  if (value.is_string() && IsPlainYaml(value.get_ref<const std::string&>())) return value.get<std::string>();
  return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

// `indent`: of the lines after the first, which is where the caller has put the cursor.
void AppendYaml(std::string& out, const Value& value, size_t indent) {
  bool first = true;
  auto begin_line = [&](const std::string& lead) {
    if (!std::exchange(first, false)) out += std::string(indent, ' ');
    out += lead;
  };
  auto is_block = [](const Value& v) { return v.is_structured() && !v.empty(); };
  if (value.is_array()) {
    for (const Value& v : value) {
      begin_line("- ");
      if (is_block(v))
        AppendYaml(out, v, indent + 2);
      else
        out += YamlScalar(v) + "\n";
    }
    return;
  }
  for (const auto& [key, v] : value.items()) {
    begin_line(key + ":");
    if (is_block(v)) {
      out += "\n" + std::string(indent + 2, ' ');
      AppendYaml(out, v, indent + 2);
    } else {
      out += " " + YamlScalar(v) + "\n";
    }
  }
}

}  // namespace

std::string AlignColumns(std::string_view text) {
  constexpr size_t kMinWidth = 12, kGap = 2;
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::vector<std::string_view>> lines;
  std::vector<size_t> widths;
  for (std::string_view line : SplitAt(text, '\n')) {
    lines.push_back(SplitAt(line, '\t'));
    widths.resize(std::max(widths.size(), lines.back().size()), kMinWidth);
    for (size_t i = 0; i + 1 < lines.back().size(); i++)
      widths[i] = std::max(widths[i], DisplayWidth(lines.back()[i]) + kGap);
  }
  std::string out;
  for (const auto& cells : lines) {
    for (size_t i = 0; i < cells.size(); i++) {
      out += cells[i];
      if (i + 1 < cells.size()) out += std::string(widths[i] - DisplayWidth(cells[i]), ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

Result<std::string> RenderReport(const std::vector<Value>& rows, const Report& report) {
  std::string_view format = report.format;
  bool table = format == "table" || format.starts_with("table ") || format.starts_with("table\t");
  if (table) {
    format.remove_prefix(5);
    format.remove_prefix(std::min(format.find_first_not_of(" \t"), format.size()));
  }
  std::string text = UnescapeText(format);
  if (!text.ends_with('\n')) text += '\n';
  Template parsed = TRY(Template::Parse(text));
  TRY(parsed.Execute(report.sample));
  TemplateOptions options{.escape_controls = table};
  std::string out;
  if (table && report.with_heading) {
    Value headings = Value::object();
    for (const auto& [field, value] : report.sample.items()) {
      auto given = report.headings.find(field);
      headings[field] = given != report.headings.end() ? given->second : HeadingOf(field);
    }
    // A template that looks inside a field (range, .Labels.x) has no heading of its own.
    if (auto heading = parsed.Execute(headings, options)) out += *heading;
  }
  for (const Value& row : rows) out += TRY(parsed.Execute(row, options));
  if (!table) return out;
  return out.empty() ? out : AlignColumns(out);
}

Result<std::string> RenderValue(const Value& value, const std::string& format) {
  if (format == "json") return ToJsonText(value);
  std::string text = UnescapeText(format);
  Template parsed = TRY(Template::Parse(text));
  std::string out = TRY(parsed.Execute(value));
  return out.ends_with('\n') ? out : out + "\n";
}

std::string ToJsonText(const Value& value) {
  return value.dump(4, ' ', false, Value::error_handler_t::replace) + "\n";
}

std::string ToYamlText(const Value& value) {
  std::string out;
  AppendYaml(out, value, 0);
  return out;
}

}  // namespace wolffia
