#include <nlohmann/json.hpp>

#include "cmd/template/functions.h"
#include "cmd/template/lexer.h"
#include "cmd/template/syntax.h"

namespace wolffia {
namespace {

// Templates are written with the names of podman's Go structures, where those differ from the documents'.
constexpr std::pair<const char*, const char*> kGoNames[] = {{"ID", "Id"}, {"SdNotifyMode", "sdNotifyMode"}};

using Item = TemplateItem;

class Evaluator {
 public:
  Evaluator(std::string_view source, const TemplateOptions& options, Item root)
      : source_(source), options_(options) {
    variables_.emplace_back("$", std::move(root));
  }

  Result<std::string> Run(const std::vector<TemplateNode>& nodes) {
    Item root = variables_[0].second;
    TRY(Walk(nodes, root));
    return std::move(out_);
  }

 private:
  enum class Flow { kOn, kBreak, kContinue };

  std::unexpected<Error> Wrong(size_t position, std::string_view what) const {
    return TemplateError(source_, position, what);
  }

  Result<> Emit(std::string_view text) {
    if (out_.size() + text.size() > options_.max_output)
      return Fail(Code::kInvalid, "template: the output is too long");
    out_ += text;
    return {};
  }

  Result<Flow> Walk(const std::vector<TemplateNode>& nodes, const Item& dot) {
    for (const TemplateNode& node : nodes) {
      switch (node.kind) {
        case TemplateNode::kText:
          TRY(Emit(node.text));
          break;
        case TemplateNode::kAction:
          TRY(Action(node, dot));
          break;
        case TemplateNode::kBreak:
          return Flow::kBreak;
        case TemplateNode::kContinue:
          return Flow::kContinue;
        case TemplateNode::kRange:
          TRY(Range(node, dot));
          break;
        case TemplateNode::kIf:
        case TemplateNode::kWith: {
          Flow flow = TRY(Branch(node, dot));
          if (flow != Flow::kOn) return flow;
          break;
        }
      }
    }
    return Flow::kOn;
  }

  Result<> Action(const TemplateNode& node, const Item& dot) {
    Item item = TRY(Evaluate(node.pipeline, dot));
    if (!node.pipeline.variables.empty()) return {};
    std::string text = PrintItem(item);
    return Emit(options_.escape_controls ? EscapeControls(text) : text);
  }

  Result<Flow> Branch(const TemplateNode& node, const Item& dot) {
    size_t scope = variables_.size();
    Item item = TRY(Evaluate(node.pipeline, dot));
    bool truth = IsTrue(item);
    Flow flow =
        TRY(Walk(truth ? node.body : node.otherwise, truth && node.kind == TemplateNode::kWith ? item : dot));
    variables_.resize(scope);
    return flow;
  }

  Result<> Range(const TemplateNode& node, const Item& dot) {
    size_t scope = variables_.size();
    TemplatePipeline without_variables;
    Item list = TRY(EvaluateCommands(node.pipeline, dot));
    if (list.value && !list.value->is_structured() && !list.value->is_null())
      return Wrong(node.position, "range can't iterate over " + PrintItem(list));
    bool none = !list.value || list.value->is_null() || list.value->empty();
    if (none) {
      TRY(Walk(node.otherwise, dot));
      variables_.resize(scope);
      return {};
    }
    int64_t index = 0;
    for (const auto& entry : list.value->items()) {
      Item element{std::shared_ptr<const Value>(list.value, &entry.value()), false};
      Item key = list.value->is_object() ? MakeItem(entry.key()) : MakeItem(index++);
      const auto& names = node.pipeline.variables;
      if (names.size() == 1) Set(node.pipeline, names[0], element);
      if (names.size() == 2) {
        Set(node.pipeline, names[0], key);
        Set(node.pipeline, names[1], element);
      }
      Flow flow = TRY(Walk(node.body, element));
      variables_.resize(scope);
      if (flow == Flow::kBreak) break;
    }
    return {};
  }

  void Set(const TemplatePipeline& pipeline, const std::string& name, const Item& item) {
    if (pipeline.assigns) {
      for (size_t i = variables_.size(); i-- > 0;) {
        if (variables_[i].first != name) continue;
        variables_[i].second = item;
        return;
      }
    }
    variables_.emplace_back(name, item);
  }

  Result<Item> Evaluate(const TemplatePipeline& pipeline, const Item& dot) {
    Item item = TRY(EvaluateCommands(pipeline, dot));
    for (const std::string& name : pipeline.variables) Set(pipeline, name, item);
    return item;
  }

  Result<Item> EvaluateCommands(const TemplatePipeline& pipeline, const Item& dot) {
    Item item;
    bool first = true;
    for (const TemplateCommand& command : pipeline.commands) {
      item = TRY(Command(command, dot, first ? nullptr : &item));
      first = false;
    }
    return item;
  }

  // `piped`: the value of the command before, which becomes the last argument.
  Result<Item> Command(const TemplateCommand& command, const Item& dot, const Item* piped) {
    const TemplateOperand& head = command[0];
    if (head.kind == TemplateOperand::kFunction) return Call(command, dot, piped);
    if (command.size() == 1 && piped == nullptr) return Operand(head, dot);
    // A field with arguments: one of the methods, or an error.
    if (!head.fields.empty()) {
      auto lookup = options_.lookups.find(head.fields.back());
      if (lookup != options_.lookups.end() && command.size() + (piped != nullptr ? 1 : 0) == 2)
        return LookUp(head, lookup->second, piped != nullptr ? *piped : TRY(Operand(command[1], dot)), dot);
      return Wrong(head.position, head.fields.back() + " is not a method but has arguments");
    }
    return Wrong(head.position, "can't give argument to non-function");
  }

  Result<Item> LookUp(const TemplateOperand& head, const std::string& map, const Item& key, const Item& dot) {
    Item holder = TRY(Start(head, dot));
    for (size_t i = 0; i + 1 < head.fields.size(); i++)
      holder = TRY(Field(holder, head.fields[i], head.position));
    Item labels = TRY(Field(holder, map, head.position));
    if (!key.value || !key.value->is_string())
      return Wrong(head.position, head.fields.back() + ": the key is not a string");
    if (!labels.value || !labels.value->is_object()) return MakeItem("");
    auto member = labels.value->find(key.value->get_ref<const std::string&>());
    if (member == labels.value->end()) return MakeItem("");
    return Item{std::shared_ptr<const Value>(labels.value, &*member), false};
  }

  Result<Item> Call(const TemplateCommand& command, const Item& dot, const Item* piped) {
    const TemplateOperand& head = command[0];
    std::vector<Item> arguments;
    bool is_and = head.name == "and", is_or = head.name == "or";
    for (size_t i = 1; i < command.size(); i++) {
      arguments.push_back(TRY(Operand(command[i], dot)));
      if ((is_and && !IsTrue(arguments.back())) || (is_or && IsTrue(arguments.back())))
        return arguments.back();
    }
    if (piped != nullptr) arguments.push_back(*piped);
    if (is_and || is_or) {
      if (arguments.empty())
        return Wrong(head.position, "wrong number of args for " + head.name + ": want at least 1 got 0");
      return arguments.back();
    }
    auto result = CallTemplateFunction(head.name, arguments);
    if (!result) return Wrong(head.position, "error calling " + head.name + ": " + result.error().what);
    return *std::move(result);
  }

  // The operand without its fields.
  Result<Item> Start(const TemplateOperand& operand, const Item& dot) {
    switch (operand.kind) {
      case TemplateOperand::kLiteral:
        return Item{operand.literal, false};
      case TemplateOperand::kDot:
        return dot;
      case TemplateOperand::kParentheses:
        return EvaluateCommands(*operand.parentheses, dot);
      case TemplateOperand::kFunction:
        return Call({}, operand, dot);
      case TemplateOperand::kVariable:
        break;
    }
    for (size_t i = variables_.size(); i-- > 0;)
      if (variables_[i].first == operand.name) return variables_[i].second;
    return Wrong(operand.position, "undefined variable \"" + operand.name + "\"");
  }

  // A function as an argument, without arguments of its own: {{printf "%s" print}}.
  Result<Item> Call(std::vector<Item> none, const TemplateOperand& function, const Item&) {
    auto result = CallTemplateFunction(function.name, none);
    if (!result)
      return Wrong(function.position, "error calling " + function.name + ": " + result.error().what);
    return *std::move(result);
  }

  Result<Item> Operand(const TemplateOperand& operand, const Item& dot) {
    Item item = TRY(Start(operand, dot));
    for (const std::string& field : operand.fields) item = TRY(Field(item, field, operand.position));
    return item;
  }

  Result<Item> Field(const Item& item, const std::string& name, size_t position) const {
    if (!item.value || item.value->is_null()) {
      if (item.is_map) return Item{};
      return Wrong(position, "nil data; no entry for key \"" + name + "\"");
    }
    if (item.value->is_object()) {
      auto member = item.value->find(name);
      if (member != item.value->end())
        return Item{std::shared_ptr<const Value>(item.value, &*member), options_.maps.contains(name)};
      if (item.is_map) return Item{};
      for (const auto& [go, json] : kGoNames)
        if (name == go && item.value->contains(json)) return Field(item, json, position);
    }
    return Wrong(position, "at <." + name + ">: can't evaluate field " + name + FieldsOf(item));
  }

  // The fields that there are, to help with a wrong name.
  static std::string FieldsOf(const Item& item) {
    if (!item.value->is_object())
      return " in " + (item.value->is_array() ? std::string("a list") : "\"" + PrintItem(item) + "\"");
    std::string names;
    for (const auto& entry : item.value->items()) names += (names.empty() ? "" : " ") + entry.key();
    return " (there are: " + names + ")";
  }

  static std::string EscapeControls(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
      auto c = static_cast<unsigned char>(text[i]);
      // C0, DEL, and C1 in UTF-8 (c2 80 .. c2 9f): what a terminal could take for a command.
      bool c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
      if (c >= 0x20 && c != 0x7f && !c1) {
        out += text[i];
        continue;
      }
      char hex[8];
      snprintf(hex, sizeof hex, "\\x%02x", c1 ? static_cast<unsigned char>(text[++i]) : c);
      out += hex;
    }
    return out;
  }

  std::string_view source_;
  const TemplateOptions& options_;
  std::vector<std::pair<std::string, Item>> variables_;
  std::string out_;
};

}  // namespace

Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::Parse(std::string_view text) {
  Template result;
  result.text_ = text;
  result.nodes_ = TRY(ParseTemplate(result.text_));
  return result;
}

Result<std::string> Template::Execute(const Value& data, const TemplateOptions& options) const {
  // The data outlives the call: an owner that does nothing.
  TemplateItem root{std::shared_ptr<const Value>(std::shared_ptr<void>(), &data), false};
  return Evaluator(text_, options, std::move(root)).Run(nodes_);
}

}  // namespace wolffia
