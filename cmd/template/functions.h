// The functions of templates, and how Go prints values. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/template/template.h"

namespace wolffia {

// A value while a template runs: shared, because most are parts of the data. No value (a missing key of a
// map) prints as "<no value>".
struct TemplateItem {
  std::shared_ptr<const Value> value;  // null: no value
  bool is_map = false;                 // an object whose missing keys are no error
};

TemplateItem MakeItem(Value value);

bool IsTemplateFunction(std::string_view name);

// Calls a function other than `and` and `or`, which the evaluator does itself because they stop early.
Result<TemplateItem> CallTemplateFunction(std::string_view name, const std::vector<TemplateItem>& arguments);

// False for false, 0, nil, and empty strings, arrays and objects.
bool IsTrue(const TemplateItem& item);

// As fmt.Print prints it: strings as they are, [a b], map[k:v], {a b} for structs.
std::string PrintItem(const TemplateItem& item);

// fmt.Sprintf.
std::string FormatGo(std::string_view format, const std::vector<TemplateItem>& arguments);

}  // namespace wolffia
