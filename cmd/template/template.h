// Template: Go's text/template over JSON values, as --format of podman and docker uses it.
//
// {{.Field.Sub}} {{json .}} {{range}} {{if}} {{else if}} {{with}} {{else}} {{end}} {{break}} {{continue}},
// $variables, pipelines, parentheses, {{- trim markers -}}, comments, string, raw string, character and
// number literals; functions: and or not eq ne lt le gt ge index len slice print printf println, and podman's
// join json lower pad split title truncate upper. `define`, `template` and `block` are refused by name.
// Objects are structs: a missing field is an error ("can't evaluate field X"); those under the fields named
// in Options::maps are maps: a missing key prints "<no value>".
//
// Pure. Errors give line and column in the template. Nesting, literals and output are bounded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

// Values keep the order of their fields, as Go prints structs.
using Value = nlohmann::ordered_json;

struct TemplateOptions {
  std::set<std::string, std::less<>> maps = {"Labels",  "Annotations", "ExposedPorts",
                                             "Volumes", "Options",     "Ports"};
  // Fields that are methods with one string argument: {{.Label "key"}} looks up that key in the named map.
  std::map<std::string, std::string, std::less<>> lookups = {{"Label", "Labels"}};
  bool escape_controls = false;  // control characters of values become "\xNN": for cells of a table
  size_t max_output = 64 << 20;
};

struct TemplateNode;

class Template {
 public:
  // kInvalid: "template:1:5: what".
  static Result<Template> Parse(std::string_view text);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();
  Result<std::string> Execute(const Value& data, const TemplateOptions& options = {}) const;

 private:
  Template() = default;
  std::string text_;
  std::vector<TemplateNode> nodes_;
};

}  // namespace wolffia
