#include "cmd/create_command.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cmd/command_line.h"

namespace wolffia {
namespace {

constexpr std::array<std::string_view, 7> kOfTheUnit = {
    "attach", "cidfile", "conmon-pidfile", "detach", "replace", "restart", "rm"};

std::string Written(const Option& option, const std::string& value) {
  std::string word = "--" + std::string(option.name);
  return !TakesValue(option) && value == "true" ? word : word + "=" + value;
}

}  // namespace

Result<CreateCommand> ReadCreateCommand(const std::vector<std::string>& argv) {
  if (argv.empty()) return Fail(Code::kInvalid, "no create command is recorded");
  CommandLine line = TRY_WITH(ParseCommandLine({argv.begin() + 1, argv.end()}), "the create command");
  if (line.verb == nullptr || (line.verb->name != "run" && line.verb->name != "create"))
    return Fail(Code::kInvalid, "the create command is neither `run` nor `create`");
  CreateCommand command;
  for (const auto& [option, value] : line.options.given()) {
    if (std::ranges::find(kOfTheUnit, option->name) != kOfTheUnit.end()) continue;
    command.has_name = command.has_name || option->name == "name";
    if (option->name == "env" && !value.contains('=')) command.inherited_env.push_back(value);
    command.run.push_back(Written(*option, value));
  }
  command.run.insert(command.run.end(), line.arguments.begin(), line.arguments.end());
  return command;
}

}  // namespace wolffia
