#include "cmd/completion.h"

#include <algorithm>
#include <set>
#include <vector>

#include "cmd/option.h"

namespace wolffia {
namespace {

constexpr std::string_view kListImages =
    "wolffia images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -v '<none>'";
constexpr std::string_view kListContainers = "wolffia ps -a --format '{{.Names}}' 2>/dev/null";

std::string Words(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    out += "--" + std::string(option.name) + " ";
    if (option.letter != 0) out += std::string("-") + option.letter + " ";
  }
  return out + "--help";
}

std::string VisibleVerbs() {
  std::string out;
  for (const Verb& verb : Verbs())
    if (!verb.hidden) out += (out.empty() ? "" : " ") + std::string(verb.name.substr(0, verb.name.find(' ')));
  return out;
}

// The second words of verbs that begin with `first`.
std::string SecondWords(std::string_view first) {
  std::string out;
  for (const Verb& verb : Verbs()) {
    size_t space = verb.name.find(' ');
    if (!verb.hidden && space != std::string_view::npos && verb.name.substr(0, space) == first)
      out += (out.empty() ? "" : " ") + std::string(verb.name.substr(space + 1));
  }
  return out;
}

// The shell expression that yields candidates.
std::string BashCandidates(Completes completes, std::string_view words) {
  switch (completes) {
    case Completes::kNothing:
      return "";
    case Completes::kFiles:
      return "compgen -f -- \"$current\"";
    case Completes::kDirectories:
      return "compgen -d -- \"$current\"";
    case Completes::kWords:
      return "compgen -W '" + std::string(words) + "' -- \"$current\"";
    case Completes::kVerbs:
      return "compgen -W '" + VisibleVerbs() + "' -- \"$current\"";
    case Completes::kImages:
      return "compgen -W \"$(" + std::string(kListImages) + ")\" -- \"$current\"";
    case Completes::kContainers:
      return "compgen -W \"$(" + std::string(kListContainers) + ")\" -- \"$current\"";
    case Completes::kImagesAndContainers:
      return "compgen -W \"$(" + std::string(kListImages) + "; " + std::string(kListContainers) +
             ")\" -- \"$current\"";
  }
  return "";
}

std::string BashOptionValues(std::string_view verb, std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    if (!TakesValue(option)) continue;
    std::string candidates = BashCandidates(option.completes, option.words);
    std::string action =
        candidates.empty() ? "return" : "mapfile -t COMPREPLY < <(" + candidates + "); return";
    auto line = [&](const std::string& flag) {
      out += "    '" + std::string(verb) + " " + flag + "') " + action + " ;;\n";
    };
    line("--" + std::string(option.name));
    if (option.letter != 0) line(std::string("-") + option.letter);
  }
  return out;
}

// Image names contain ":", which bash splits words at: the candidate loses what the line has already.
constexpr std::string_view kBashHead = R"(# bash completion for wolffia
_wolffia() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb='' word i
  local line=${COMP_LINE:0:COMP_POINT}
  local typed=${line##*[[:space:]]}
  [[ $typed == *:* && $typed != -* ]] && current=$typed
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --config|--log-level|--root|--runroot) ((i++)) ;;
      -*) ;;
      *)
        verb=$word
        if [[ $verb == system ]]; then
          ((i + 1 < COMP_CWORD)) && verb="system ${COMP_WORDS[i+1]}"
        fi
        break ;;
    esac
  done
  COMPREPLY=()
  case "$verb $previous" in
)";

constexpr std::string_view kBashTail = R"(  esac
  if [[ $current == *:* ]]; then
    local prefix=${current%"${current##*:}"}
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  fi
}
complete -o bashdefault -o default -F _wolffia wolffia
)";

std::string BashVerb(const Verb& verb) {
  std::string out = "    '" + std::string(verb.name) + "')\n";
  out += "      if [[ $current == -* ]]; then\n";
  out += "        mapfile -t COMPREPLY < <(compgen -W '" + Words(verb.options) + "' -- \"$current\")\n";
  std::string arguments = BashCandidates(verb.completes, verb.words);
  if (!arguments.empty()) out += "      else\n        mapfile -t COMPREPLY < <(" + arguments + ")\n";
  return out + "      fi ;;\n";
}

std::string Bash() {
  std::string out(kBashHead);
  out += BashOptionValues("", GlobalOptions());
  for (const Verb& verb : Verbs())
    if (!verb.hidden) out += BashOptionValues(verb.name, verb.options);
  out += "  esac\n  case \"$verb\" in\n";
  out += "    '') mapfile -t COMPREPLY < <(compgen -W '" + VisibleVerbs() + " " + Words(GlobalOptions()) +
         "' -- \"$current\") ;;\n";
  out +=
      "    system) mapfile -t COMPREPLY < <(compgen -W '" + SecondWords("system") + "' -- \"$current\") ;;\n";
  for (const Verb& verb : Verbs())
    if (!verb.hidden) out += BashVerb(verb);
  return out + std::string(kBashTail);
}

// For use between single quotes, in zsh also inside [...] of an option specification.
std::string Quoted(std::string_view text, bool zsh) {
  std::string out;
  for (char c : text) {
    if (c == '\'') {
      out += zsh ? "'\\''" : "\\'";
      continue;
    }
    if (zsh && (c == '[' || c == ']' || c == ':')) out += '\\';
    out += c;
  }
  return out;
}

std::string ZshAction(Completes completes, std::string_view words) {
  switch (completes) {
    case Completes::kFiles:
      return "_files";
    case Completes::kDirectories:
      return "_files -/";
    case Completes::kWords:
      return "(" + std::string(words) + ")";
    case Completes::kVerbs:
      return "(" + VisibleVerbs() + ")";
    case Completes::kImages:
      return "_wolffia_images";
    case Completes::kContainers:
      return "_wolffia_containers";
    case Completes::kImagesAndContainers:
      return "_wolffia_images_and_containers";
    case Completes::kNothing:
      break;
  }
  return " ";
}

std::string ZshOption(const Option& option) {
  bool repeats = option.kind == OptionKind::kList || option.kind == OptionKind::kCommaList;
  std::string help = "[" + Quoted(option.help, true) + "]";
  std::string value;
  if (TakesValue(option))
    value = ":" + Quoted(option.value, true) + ":" + ZshAction(option.completes, option.words);
  std::string lead = repeats ? "*" : "", out;
  std::string name(option.name);
  out += " \\\n        '" + lead + "--" + name + (TakesValue(option) ? "=" : "") + help + value + "'";
  if (option.letter != 0)
    out +=
        " \\\n        '" + lead + "-" + option.letter + (TakesValue(option) ? "+" : "") + help + value + "'";
  return out;
}

std::string ZshVerb(const Verb& verb) {
  std::string out = "    '" + std::string(verb.name) + "')\n      _arguments -s -S";
  for (const Option& option : verb.options) out += ZshOption(option);
  out += " \\\n        '--help[Show help]'";
  if (verb.completes == Completes::kNothing) return out + " ;;\n";
  if (verb.stops_at_argument)
    out += " \\\n        '1:argument:" + ZshAction(verb.completes, verb.words) +
           "' \\\n        '*::command:_normal'";
  else
    out += " \\\n        '*:argument:" + ZshAction(verb.completes, verb.words) + "'";
  return out + " ;;\n";
}

std::string Zsh() {
  std::string out = "#compdef wolffia\n# zsh completion for wolffia\n";
  out += "_wolffia_images() { local -a names; names=(${(f)\"$(" + std::string(kListImages) +
         ")\"}); compadd -a names }\n";
  out += "_wolffia_containers() { local -a names; names=(${(f)\"$(" + std::string(kListContainers) +
         ")\"}); compadd -a names }\n";
  out += "_wolffia_images_and_containers() { _wolffia_images; _wolffia_containers }\n";
  out += "_wolffia() {\n  local context state line verb\n  typeset -A opt_args\n  _arguments -S";
  for (const Option& option : GlobalOptions()) out += ZshOption(option);
  out += " \\\n        '--help[Show help]' \\\n        '1:verb:(" + VisibleVerbs() +
         ")' \\\n        '*::argument:->rest'\n";
  out += "  [[ $state == rest ]] || return\n  verb=$words[1]\n";
  out += "  if [[ $verb == system ]]; then\n    if ((CURRENT == 2)); then\n      compadd " +
         SecondWords("system") +
         "\n      return\n    fi\n    verb=\"system $words[2]\"\n    shift words\n    ((CURRENT--))\n  fi\n";
  out += "  case $verb in\n";
  for (const Verb& verb : Verbs())
    if (!verb.hidden) out += ZshVerb(verb);
  return out +
         "  esac\n}\nif [[ $funcstack[1] == _wolffia ]]; then _wolffia \"$@\"; else compdef _wolffia "
         "wolffia; fi\n";
}

std::string FishArguments(Completes completes, std::string_view words) {
  switch (completes) {
    case Completes::kNothing:
      return " -f";
    case Completes::kFiles:
      return " -F";
    case Completes::kDirectories:
      return " -f -a '(__fish_complete_directories)'";
    case Completes::kWords:
      return " -f -a '" + Quoted(words, false) + "'";
    case Completes::kVerbs:
      return " -f -a '" + VisibleVerbs() + "'";
    case Completes::kImages:
      return " -f -a '(__wolffia_images)'";
    case Completes::kContainers:
      return " -f -a '(__wolffia_containers)'";
    case Completes::kImagesAndContainers:
      return " -f -a '(__wolffia_images; __wolffia_containers)'";
  }
  return "";
}

std::string FishOptions(const std::string& condition, std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    out += "complete -c wolffia -n '" + condition + "' -l " + std::string(option.name);
    if (option.letter != 0) out += std::string(" -s ") + option.letter;
    if (TakesValue(option)) out += " -r" + FishArguments(option.completes, option.words);
    out += " -d '" + Quoted(option.help, false) + "'\n";
  }
  return out;
}

std::string Fish() {
  std::string out = "# fish completion for wolffia\n";
  out += "function __wolffia_images\n  " + std::string(kListImages) + "\nend\n";
  out += "function __wolffia_containers\n  " + std::string(kListContainers) + "\nend\n";
  out += "complete -c wolffia -f\n" + FishOptions("__fish_use_subcommand", GlobalOptions());
  std::set<std::string_view> groups;
  for (const Verb& verb : Verbs()) {
    if (verb.hidden) continue;
    size_t space = verb.name.find(' ');
    std::string condition = "__fish_seen_subcommand_from " + std::string(verb.name);
    if (space != std::string_view::npos) {
      std::string group(verb.name.substr(0, space)), second(verb.name.substr(space + 1));
      if (groups.insert(verb.name.substr(0, space)).second)
        out += "complete -c wolffia -n '__fish_use_subcommand' -a " + group + "\n";
      condition = "__fish_seen_subcommand_from " + group;
      out += "complete -c wolffia -n '" + condition + "; and not __fish_seen_subcommand_from " + second +
             "' -a " + second + " -d '" + Quoted(verb.summary, false) + "'\n";
      condition += "; and __fish_seen_subcommand_from " + second;
    } else {
      out += "complete -c wolffia -n '__fish_use_subcommand' -a " + std::string(verb.name) + " -d '" +
             Quoted(verb.summary, false) + "'\n";
    }
    out += FishOptions(condition, verb.options);
    if (verb.completes != Completes::kNothing)
      out += "complete -c wolffia -n '" + condition + "'" + FishArguments(verb.completes, verb.words) + "\n";
  }
  return out;
}

}  // namespace

Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return Fail(Code::kInvalid,
              "no completion for the shell \"" + std::string(shell) + "\": there are bash, zsh and fish");
}

}  // namespace wolffia
