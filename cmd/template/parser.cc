#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cmd/template/functions.h"
#include "cmd/template/lexer.h"
#include "cmd/template/syntax.h"

namespace wolffia {
namespace {

using Token = TemplateToken;

class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens) : source_(source), tokens_(std::move(tokens)) {}

  Result<std::vector<TemplateNode>> ParseAll() {
    std::vector<TemplateNode> nodes;
    std::string stop = TRY(ParseList(nodes, 0));
    if (!stop.empty()) return Wrong(stop_at_, "unexpected {{" + stop + "}}");
    return nodes;
  }

 private:
  const Token& Peek() const { return tokens_[at_]; }
  const Token& Next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool IsKeyword(std::string_view word) const {
    return Peek().kind == Token::kIdentifier && Peek().text == word;
  }
  std::unexpected<Error> Wrong(size_t at, std::string_view what) const {
    return TemplateError(source_, at, what);
  }

  // Nodes until {{end}}, {{else}} or the end of the text; says which: "end", "else" (its words still unread),
  // "".
  Result<std::string> ParseList(std::vector<TemplateNode>& nodes, int depth) {
    if (depth > kMaxTemplateNesting) return Wrong(Peek().position, "actions are nested too deeply");
    while (Peek().kind != Token::kEnd) {
      if (Peek().kind == Token::kText) {
        const Token& text = Next();
        nodes.push_back({.kind = TemplateNode::kText, .text = text.text, .position = text.position});
        continue;
      }
      stop_at_ = Next().position;  // {{
      if (IsKeyword("end")) {
        Next();
        TRY(ExpectClose("end"));
        return std::string("end");
      }
      if (IsKeyword("else")) {
        Next();
        return std::string("else");
      }
      nodes.push_back(TRY(ParseAction(depth)));
    }
    return std::string();
  }

  Result<TemplateNode> ParseAction(int depth) {
    const Token& first = Peek();
    TemplateNode node{.kind = TemplateNode::kAction, .position = first.position};
    if (first.kind == Token::kIdentifier) {
      for (std::string_view refused : {"define", "template", "block"})
        if (first.text == refused) return Wrong(first.position, "{{" + first.text + "}} is not supported");
      if (first.text == "if") return ParseBranch(TemplateNode::kIf, depth);
      if (first.text == "range") return ParseBranch(TemplateNode::kRange, depth);
      if (first.text == "with") return ParseBranch(TemplateNode::kWith, depth);
      if (first.text == "break" || first.text == "continue") {
        if (ranges_ == 0) return Wrong(first.position, "{{" + first.text + "}} outside {{range}}");
        node.kind = first.text == "break" ? TemplateNode::kBreak : TemplateNode::kContinue;
        std::string word = Next().text;
        TRY(ExpectClose(word));
        return node;
      }
    }
    node.pipeline = TRY(ParsePipeline("command", false, 0));
    TRY(ExpectClose("command"));
    return node;
  }

  // if, range, with: the keyword is the next token.
  Result<TemplateNode> ParseBranch(TemplateNode::Kind kind, int depth) {
    std::string word = Next().text;
    TemplateNode node{.kind = kind, .position = Peek().position};
    size_t scope = variables_.size();
    bool range = kind == TemplateNode::kRange;
    node.pipeline = TRY(ParsePipeline(word, range, 0));
    TRY(ExpectClose(word));
    if (range) ranges_++;
    std::string stop = TRY(ParseList(node.body, depth + 1));
    if (range) ranges_--;
    if (stop == "else") {
      if (kind != TemplateNode::kRange && (IsKeyword("if") || IsKeyword("with"))) {
        // {{else if}} is an if in the else branch that shares its {{end}}.
        bool nested_if = IsKeyword("if");
        if (nested_if != (kind == TemplateNode::kIf))
          return Wrong(Peek().position, "unexpected <" + Peek().text + "> in else");
        if (depth >= kMaxTemplateNesting) return Wrong(Peek().position, "actions are nested too deeply");
        node.otherwise.push_back(TRY(ParseBranch(kind, depth + 1)));
        stop = "end";
      } else {
        TRY(ExpectClose("else"));
        stop = TRY(ParseList(node.otherwise, depth + 1));
        if (stop == "else") return Wrong(stop_at_, "expected end; found {{else}}");
      }
    }
    variables_.resize(scope);
    if (stop != "end")
      return Wrong(source_.size(), "unexpected end of the template: {{" + word + "}} has no {{end}}");
    return node;
  }

  Result<> ExpectClose(std::string_view context) {
    if (Peek().kind != Token::kClose)
      return Wrong(Peek().position, "unexpected " + Describe(Peek()) + " in " + std::string(context));
    Next();
    return {};
  }

  static std::string Describe(const Token& token) {
    switch (token.kind) {
      case Token::kField:
        return "<." + token.text + ">";
      case Token::kDot:
        return "<.>";
      case Token::kString:
        return "\"" + token.text + "\"";
      case Token::kDeclare:
        return "\":=\"";
      case Token::kAssign:
        return "\"=\"";
      case Token::kPipe:
        return "\"|\"";
      case Token::kLeft:
        return "\"(\"";
      case Token::kRight:
        return "\")\"";
      case Token::kComma:
        return "\",\"";
      case Token::kEnd:
        return "end of the template";
      default:
        return "<" + token.text + ">";
    }
  }

  bool Declared(std::string_view name) const {
    for (const std::string& v : variables_)
      if (v == name) return true;
    return name == "$";
  }

  // [$x[, $y] :=] command { | command }
  Result<TemplatePipeline> ParsePipeline(const std::string& context, bool range, int depth) {
    if (depth > kMaxTemplateNesting) return Wrong(Peek().position, "parentheses are nested too deeply");
    TemplatePipeline pipeline{.position = Peek().position};
    if (depth == 0) TRY(ParseDeclaration(pipeline, range));
    while (true) {
      TemplateCommand command;
      while (!EndsCommand()) {
        command.push_back(TRY(ParseOperand(context, depth)));
      }
      if (command.empty()) return Wrong(Peek().position, "missing value for " + context);
      bool callable = command[0].kind == TemplateOperand::kFunction || !command[0].fields.empty();
      if (command.size() > 1 && !callable)
        return Wrong(command[0].position, "can't give argument to non-function");
      if (!pipeline.commands.empty() && command[0].kind == TemplateOperand::kLiteral)
        return Wrong(command[0].position, "non executable command in pipeline");
      pipeline.commands.push_back(std::move(command));
      if (Peek().kind != Token::kPipe) return pipeline;
      Next();
    }
  }

  bool EndsCommand() const {
    Token::Kind kind = Peek().kind;
    return kind == Token::kPipe || kind == Token::kClose || kind == Token::kRight || kind == Token::kEnd;
  }

  Result<> ParseDeclaration(TemplatePipeline& pipeline, bool range) {
    if (Peek().kind != Token::kVariable) return {};
    Token::Kind after = tokens_[at_ + 1].kind;
    bool two = range && after == Token::kComma && tokens_[at_ + 2].kind == Token::kVariable;
    if (two) after = tokens_[at_ + 3].kind;
    if (after != Token::kDeclare && after != Token::kAssign) return {};
    pipeline.assigns = after == Token::kAssign;
    for (int i = 0; i < (two ? 2 : 1); i++) {
      const Token& variable = Next();
      if (variable.text == "$" || (pipeline.assigns && !Declared(variable.text)))
        return Wrong(variable.position, "undefined variable \"" + variable.text + "\"");
      pipeline.variables.push_back(variable.text);
      if (!pipeline.assigns) variables_.push_back(variable.text);
      Next();  // the comma, or := and =
    }
    return {};
  }

  Result<TemplateOperand> ParseOperand(const std::string& context, int depth) {
    const Token& token = Next();
    TemplateOperand operand{.position = token.position};
    switch (token.kind) {
      case Token::kDot:
        operand.kind = TemplateOperand::kDot;
        break;
      case Token::kField:
        operand.kind = TemplateOperand::kDot;
        operand.fields.push_back(token.text);
        break;
      case Token::kVariable:
        if (!Declared(token.text)) return Wrong(token.position, "undefined variable \"" + token.text + "\"");
        operand.kind = TemplateOperand::kVariable;
        operand.name = token.text;
        break;
      case Token::kString:
      case Token::kNumber:
      case Token::kCharacter:
        TRY(ReadLiteral(token, operand));
        break;
      case Token::kIdentifier:
        TRY(ReadWord(token, operand));
        break;
      case Token::kLeft:
        operand.kind = TemplateOperand::kParentheses;
        operand.parentheses = std::make_unique<TemplatePipeline>(
            TRY(ParsePipeline("parenthesized pipeline", false, depth + 1)));
        if (Next().kind != Token::kRight) return Wrong(token.position, "unclosed left paren");
        break;
      default:
        return Wrong(token.position, "unexpected " + Describe(token) + " in " + context);
    }
    while (Peek().kind == Token::kField && !Peek().space_before) {
      bool chains = operand.kind != TemplateOperand::kLiteral && operand.kind != TemplateOperand::kFunction;
      if (!chains || token.kind == Token::kDot)
        return Wrong(Peek().position, "unexpected " + Describe(Peek()) + " after operand");
      operand.fields.push_back(Next().text);
    }
    return operand;
  }

  Result<> ReadWord(const Token& token, TemplateOperand& operand) {
    if (token.text == "true" || token.text == "false" || token.text == "nil") {
      operand.kind = TemplateOperand::kLiteral;
      operand.literal =
          std::make_shared<Value>(token.text == "nil" ? Value(nullptr) : Value(token.text == "true"));
      return {};
    }
    if (!IsTemplateFunction(token.text))
      return Wrong(token.position, "function \"" + token.text + "\" not defined");
    operand.kind = TemplateOperand::kFunction;
    operand.name = token.text;
    return {};
  }

  Result<> ReadLiteral(const Token& token, TemplateOperand& operand) {
    operand.kind = TemplateOperand::kLiteral;
    if (token.kind == Token::kString) {
      operand.literal = std::make_shared<Value>(token.text);
      return {};
    }
    const char* text = token.text.c_str();
    char* end = nullptr;
    errno = 0;
    bool based = token.text.find_first_of("xXoObB") != std::string::npos && token.text.size() > 2;
    bool octal_or_binary = based && token.text.find_first_of("oObB") == 1;
    long long integer = octal_or_binary ? strtoll(text + 2, &end, (token.text[1] | 0x20) == 'o' ? 8 : 2)
                                        : strtoll(text, &end, 0);
    if (*end == 0 && errno == 0) {
      operand.literal = std::make_shared<Value>(int64_t{integer});
      return {};
    }
    double real = strtod(text, &end);
    if (*end != 0 || token.text.find_first_of("inN") != std::string::npos)
      return Wrong(token.position, "bad number syntax: \"" + token.text + "\"");
    operand.literal = std::make_shared<Value>(real);
    return {};
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t stop_at_ = 0;
  int ranges_ = 0;
  std::vector<std::string> variables_;
};

}  // namespace

Result<std::vector<TemplateNode>> ParseTemplate(std::string_view source) {
  std::vector<Token> tokens = TRY(LexTemplate(source));
  return Parser(source, std::move(tokens)).ParseAll();
}

}  // namespace wolffia
