// Reports: rows of values printed as podman and docker do: by a Go template, "table" before it for aligned
// columns with headings. The default output of a verb is such a template too, so that there is one way to
// print.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cmd/template/template.h"

namespace wolffia {

struct Report {
  std::string format;   // as typed, or the verb's default; "table ..." for columns
  const Value& sample;  // a row with every field: gives headings, and errors for wrong fields without rows
  std::map<std::string, std::string, std::less<>> headings;  // where the field's name does not do
  bool with_heading = true;                                  // of a table
};

Result<std::string> RenderReport(const std::vector<Value>& rows, const Report& report);

// One value by a template (inspect, info, version): "json" gives JSON.
Result<std::string> RenderValue(const Value& value, const std::string& format);

// Indented JSON with a newline; bytes that are not UTF-8 are replaced.
std::string ToJsonText(const Value& value);

// Block YAML of objects, lists and scalars, for people: `wolffia info`.
std::string ToYamlText(const Value& value);

// Cells separated by tabs, lines by newlines, aligned with spaces.
std::string AlignColumns(std::string_view text);

}  // namespace wolffia
