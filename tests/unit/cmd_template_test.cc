#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/template/template.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

const Value kData = Value::parse(R"({
  "ID": "abc", "N": 7, "Neg": -3, "F": 1.5, "Big": 12345678901, "T": true, "Z": false, "Nil": null, "Empty": [], "S": "",
  "Names": ["a", "b", "c"], "Labels": {"k": "v", "k2": "v2"}, "Struct": {"A": 1, "B": {"C": "deep"}},
  "Mounts": [{"Source": "/x", "RW": true}, {"Source": "/y", "RW": false}], "Esc": "a\tb\u001b[31m", "Uni": "äöü"
})");

Result<std::string> Render(std::string_view text, TemplateOptions options = {}) {
  Template parsed = TRY(Template::Parse(text));
  return parsed.Execute(kData, options);
}

TEST(Template, Renders) {
  struct Case {
    const char *text, *expected;
  };
  const Case cases[] = {
      {"", ""},
      {"plain } text {", "plain } text {"},
      {"{{.ID}}", "abc"},
      {"{{ .ID }}-{{.N}}", "abc-7"},
      {"{{.Struct.B.C}}", "deep"},
      {"{{.Neg}} {{.F}} {{.Big}} {{.T}}", "-3 1.5 12345678901 true"},
      {"{{.Nil}}", "<nil>"},
      {"{{.Names}} {{.Empty}}", "[a b c] []"},
      {"{{.Labels}}", "map[k:v k2:v2]"},
      {"{{.Struct}}", "{1 {deep}}"},
      {"{{.Labels.k}} {{.Labels.none}}", "v <no value>"},
      {"{{index .Labels \"k2\"}}|{{index .Labels \"none\"}}|", "v2||"},
      {"{{.Label \"k\"}}|{{.Label \"none\"}}|", "v||"},
      {"{{\"k\" | $.Label}}", "v"},
      {"{{json .Struct}}", R"({"A":1,"B":{"C":"deep"}})"},
      {"{{.Names | json}}", R"(["a","b","c"])"},
      {"{{json .Labels.none}}", "null"},
      // Trim markers and comments.
      {"a  {{- .N -}}  b", "a7b"},
      {"a {{- /* note */ -}} b", "ab"},
      {"a{{/* note }} */}}b", "ab"},
      {"{{- 3}}", "3"},
      {"x {{-3}}", "x -3"},
      // if, with, range.
      {"{{if .T}}yes{{else}}no{{end}}", "yes"},
      {"{{if .Z}}yes{{else}}no{{end}}", "no"},
      {"{{if .S}}1{{else if .Empty}}2{{else if .N}}3{{else}}4{{end}}", "3"},
      {"{{with .Struct.B}}{{.C}}{{$.ID}}{{end}}", "deepabc"},
      {"{{with .S}}x{{else}}none{{end}}", "none"},
      {"{{with .S}}x{{else with .ID}}{{.}}{{end}}", "abc"},
      {"{{range .Names}}<{{.}}>{{end}}", "<a><b><c>"},
      {"{{range .Empty}}x{{else}}none{{end}}", "none"},
      {"{{range .Nil}}x{{else}}none{{end}}", "none"},
      {"{{range $i, $n := .Names}}{{if $i}},{{end}}{{$i}}={{$n}}{{end}}", "0=a,1=b,2=c"},
      {"{{range $n := .Names}}{{$n}}{{end}}", "abc"},
      {"{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "k=v;k2=v2;"},
      {"{{range .Mounts}}{{if .RW}}{{.Source}}{{end}}{{end}}", "/x"},
      {"{{range .Names}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"},
      {"{{range .Names}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"},
      {"{{range .Names}}{{range $.Names}}{{break}}{{end}}{{.}}{{end}}", "abc"},
      // Variables.
      {"{{$x := .N}}{{$x}}{{$x = 8}}{{$x}}", "78"},
      {"{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"},
      {"{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"},
      {"{{$s := .Struct}}{{$s.B.C}}", "deep"},
      {"{{with $x := .ID}}{{$x}}{{end}}", "abc"},
      // Pipelines and parentheses.
      {"{{.ID | upper | printf \"%s-%s\" \"x\"}}", "x-ABC"},
      {"{{(index .Mounts 1).Source}}", "/y"},
      {"{{len (slice .ID 1)}}", "2"},
      {"{{printf \"%d\" (len .Names)}}", "3"},
      {"{{and .T .N}} {{and .Z (index .Names 99)}} {{or .S .ID}} {{not .T}}", "7 false abc false"},
      // Functions.
      {"{{eq .N 7}} {{eq .ID \"x\" \"abc\"}} {{ne .N 7}} {{lt .N 8}} {{le 7 .N}} {{gt .F 1.0}} {{ge \"b\" "
       "\"a\"}}",
       "true true false true true true true"},
      {"{{eq .Nil nil}} {{eq .T true}}", "true true"},
      {"{{index .Names 1}} {{index .Mounts 0 \"Source\"}}", "b /x"},
      {"{{slice .Names 1}} {{slice .Names 0 1}} {{slice .ID 0 2}}", "[b c] [a] ab"},
      {"{{len .ID}} {{len .Names}} {{len .Labels}}", "3 3 2"},
      {"{{print 1 2 \"x\" 3}}|{{println 1 \"x\"}}", "1 2x3|1 x\n"},
      {"{{join .Names \",\"}} {{split \"a:b\" \":\"}} {{split \"ab\" \"\"}} {{split \"\" \":\"}}",
       "a,b,c [a b] [a b] []"},
      {"{{upper \"aé\"}} {{lower \"ABC\"}} {{title \"hello wide-world\"}}", "Aé abc Hello Wide-World"},
      {"{{truncate .ID 2}} {{truncate .ID 9}} [{{pad .ID 1 2}}]", "ab abc [ abc  ]"},
      // Literals.
      {R"({{"a\"b\\\n\t\x41\u00e9\101"}})", "a\"b\\\n\tA\u00e9A"},
      {"{{`raw \\n`}} {{'a'}} {{0x1F}} {{0b11}} {{0o17}} {{1e3}} {{.5}} {{-2}}",
       "raw \\n 97 31 3 15 1000 0.5 -2"},
      // printf.
      {R"({{printf "%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%c" 42 42 42 42 255 255 255 8 5 65}})",
       "   42|42   |00042|+42|ff|FF|0xff|10|101|A"},
      {R"({{printf "%s|%10s|%-10s|%.2s|%q|%x" "abc" "abc" "abc" "abc" "a\"b" "hi"}})",
       "abc|       abc|abc       |ab|\"a\\\"b\"|6869"},
      {R"({{printf "%.2f|%8.3f|%e|%g|%v" 3.14159 2.5 1500.0 0.25 1.5}})",
       "3.14|   2.500|1.500000e+03|0.25|1.5"},
      {R"({{printf "%v %v %v %t%%" .Names .Nil .Labels .T}})", "[a b c] <nil> map[k:v k2:v2] true%"},
      {R"({{printf "%+v" .Struct}})", "{A:1 B:{C:deep}}"},
      {R"({{printf "%d" "x"}} {{printf "%s"}} {{printf "%s" "a" 1}} {{printf "%s" 1}} {{printf "%"}})",
       "%!d(string=x) %!s(MISSING) a%!(EXTRA int=1) %!s(int=1) %!(NOVERB)"},
      {R"({{printf "%6s|%-6s|" .Uni .Uni}})", "   äöü|äöü   |"},
  };
  for (const Case& c : cases) {
    auto rendered = Render(c.text);
    ASSERT_TRUE(rendered) << c.text << ": " << rendered.error().what;
    EXPECT_EQ(*rendered, c.expected) << c.text;
  }
}

TEST(Template, Errors) {
  struct Case {
    const char *text, *contains;
  };
  const Case cases[] = {
      {"{{.Foo}}", "template:1:3: at <.Foo>: can't evaluate field Foo (there are: ID N "},
      {"x\n {{.Struct.X}}", "template:2:4: at <.X>: can't evaluate field X"},
      {"{{.ID.X}}", "can't evaluate field X in \"abc\""},
      {"{{.Names.X}}", "can't evaluate field X in a list"},
      {"{{.Nil.X}}", "nil data; no entry for key \"X\""},
      {"{{.ID", "template:1:1: unclosed action"},
      {"{{\"abc}}", "unterminated quoted string"},
      {"{{`abc}}", "unterminated raw quoted string"},
      {"{{'ab'}}", "malformed character constant"},
      {"{{/* x", "unclosed comment"},
      {"{{/* x */ y}}", "comment ends before closing delimiter"},
      {"{{\"\\z\"}}", "unknown escape sequence"},
      {"{{\"\\ud800\"}}", "no character"},
      {"{{}}", "missing value for command"},
      {"{{if}}x{{end}}", "missing value for if"},
      {"{{if .T}}", "{{if}} has no {{end}}"},
      {"{{end}}", "unexpected {{end}}"},
      {"{{else}}", "unexpected {{else}}"},
      {"{{if .T}}{{else}}{{else}}{{end}}", "expected end"},
      {"{{nope .ID}}", "function \"nope\" not defined"},
      {"{{$x}}", "undefined variable \"$x\""},
      {"{{if .T}}{{$x := 1}}{{end}}{{$x}}", "undefined variable \"$x\""},
      {"{{$x = 1}}", "undefined variable"},
      {"{{break}}", "{{break}} outside {{range}}"},
      {"{{define \"x\"}}{{end}}", "{{define}} is not supported"},
      {"{{template \"x\"}}", "{{template}} is not supported"},
      {"{{.ID | 3}}", "non executable command in pipeline"},
      {"{{3 4}}", "can't give argument to non-function"},
      {"{{.ID .N}}", "ID is not a method but has arguments"},
      {"{{(.ID}}", "unclosed left paren"},
      {"{{.ID)}}", "unexpected \")\""},
      {"{{1x}}", "bad number syntax"},
      {"{{@}}", "unexpected \"@\" in action"},
      {"{{len}}", "wrong number of args for len: want 1 got 0"},
      {"{{len .N}}", "len of type without length"},
      {"{{index .Names 3}}", "index out of range: 3"},
      {"{{index .Names -1}}", "index out of range: -1"},
      {"{{slice .ID 2 1}}", "invalid slice index"},
      {"{{eq .N \"7\"}}", "incompatible types for comparison"},
      {"{{lt .T .T}}", "invalid type for comparison"},
      {"{{eq .Names .Names}}", "non-comparable type"},
      {"{{range .N}}{{end}}", "range can't iterate over 7"},
      {"{{upper .N}}", "expected a string"},
      {"{{join .ID .ID}}", "not a list"},
  };
  for (const Case& c : cases) {
    auto rendered = Render(c.text);
    ASSERT_FALSE(rendered) << c.text << " gave " << *rendered;
    EXPECT_EQ(rendered.error().code, Code::kInvalid);
    EXPECT_THAT(rendered.error().what, HasSubstr(c.contains)) << c.text;
    EXPECT_THAT(rendered.error().what, HasSubstr("template:")) << c.text;
  }
}

TEST(Template, Bounds) {
  std::string deep = std::string(5000, '(') + ".ID" + std::string(5000, ')');
  EXPECT_THAT(Render("{{" + deep + "}}").error().what, HasSubstr("nested too deeply"));
  std::string blocks, chain = "{{if .Z}}";
  for (int i = 0; i < 5000; i++) blocks += "{{if .T}}";
  for (int i = 0; i < 5000; i++) chain += "{{else if .Z}}";
  EXPECT_THAT(Render(blocks).error().what, HasSubstr("nested too deeply"));
  EXPECT_THAT(Render(chain).error().what, HasSubstr("nested too deeply"));
  EXPECT_THAT(Render("{{range .Names}}{{printf \"%99999s\" .}}{{end}}", {.max_output = 100}).error().what,
              HasSubstr("too long"));
}

TEST(Template, ControlCharactersInCells) {
  EXPECT_EQ(*Render("{{.Esc}}\t{{.Uni}}", {.escape_controls = true}), "a\\x09b\\x1b[31m\täöü");
  EXPECT_EQ(*Render("{{.Esc}}"), "a\tb\x1b[31m");
}

// Every prefix of a template that has everything: no crash, and an error or a result.
TEST(Template, AnyPrefixIsSafe) {
  std::string all =
      "{{range $i, $m := .Mounts}}{{- if and $m.RW (eq $i 0) -}}{{printf \"%05.1f\\t%q\" .5 'x' | json}}"
      "{{else if .RW}}{{/* c */}}{{else}}{{(index $.Names 0)}}{{end}}{{end}}";
  ASSERT_TRUE(Render(all)) << Render(all).error().what;
  for (size_t i = 0; i < all.size(); i++) (void)Render(all.substr(0, i));
  for (size_t i = 0; i < all.size(); i++)
    for (char c : {'{', '}', '"', '(', '.', '$', '|', ' ', '\0', '\xff'}) {
      std::string changed = all;
      changed[i] = c;
      (void)Render(changed);
    }
}

}  // namespace
}  // namespace wolffia
