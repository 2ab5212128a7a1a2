// The tree of a parsed template. Plain data, made by the parser and walked by the evaluator.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cmd/template/template.h"

namespace wolffia {

struct TemplatePipeline;

struct TemplateOperand {
  enum Kind { kLiteral, kDot, kVariable, kFunction, kParentheses } kind = kDot;
  std::string name;                      // of the variable (with $) or function
  std::shared_ptr<const Value> literal;  // kLiteral; null value: nil
  std::unique_ptr<TemplatePipeline> parentheses;
  std::vector<std::string> fields;  // .A.B behind it
  size_t position = 0;
};

// One command of a pipeline: a function or a field with its arguments, or a lone operand.
using TemplateCommand = std::vector<TemplateOperand>;

struct TemplatePipeline {
  std::vector<std::string> variables;  // declared or assigned; two only in range
  bool assigns = false;                // "=" rather than ":="
  std::vector<TemplateCommand> commands;
  size_t position = 0;
};

struct TemplateNode {
  enum Kind { kText, kAction, kIf, kRange, kWith, kBreak, kContinue } kind = kText;
  std::string text;
  TemplatePipeline pipeline;
  std::vector<TemplateNode> body, otherwise;
  size_t position = 0;
};

inline constexpr int kMaxTemplateNesting = 100;

Result<std::vector<TemplateNode>> ParseTemplate(std::string_view source);

}  // namespace wolffia
