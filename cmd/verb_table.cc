// The table, put together from those of the areas (cmd/table/). Order of options: by name, as --help prints
// them.
#include "cmd/table/base_verbs.h"
#include "cmd/table/copy_verbs.h"
#include "cmd/table/doctor_verbs.h"
#include "cmd/table/health_verbs.h"
#include "cmd/table/lifecycle_verbs.h"
#include "cmd/table/lists_verbs.h"
#include "cmd/table/logs_verbs.h"
#include "cmd/table/network_verbs.h"
#include "cmd/table/service_verbs.h"
#include "cmd/table/terminal_verbs.h"
#include "cmd/table/volumes_verbs.h"

namespace wolffia {
namespace {

using enum OptionKind;

constexpr Option kGlobal[] = {
    {"config", 0, kString, "FILE", "Read the settings from FILE alone", "", Completes::kFiles},
    {"log-level", 0, kString, "LEVEL",
     "Log messages of this level and above: error, warn, info, debug, trace", "warn", Completes::kWords,
     "error warn info debug trace"},
    {"root", 0, kString, "DIR", "Directory of images and containers", "", Completes::kDirectories},
    {"runroot", 0, kString, "DIR", "Directory of state that is gone at reboot", "", Completes::kDirectories},
    {"version", 'v', kBool, "", "Print the version"},
};

// Areas in the order of --help.
template <size_t... N>
constexpr auto Concat(const std::array<Verb, N>&... areas) {
  std::array<Verb, (N + ...)> all{};
  size_t at = 0;
  auto append = [&](const auto& area) {
    for (const Verb& verb : area) all[at++] = verb;
  };
  (append(areas), ...);
  return all;
}

constexpr auto kVerbs = Concat(table::kLifecycleVerbs, table::kTerminalVerbs, table::kLogsVerbs,
                               table::kListsVerbs, table::kVolumesVerbs, table::kNetworkVerbs, table::kCopyVerbs,
                               table::kHealthVerbs, table::kServiceVerbs, table::kDoctorVerbs, table::kBaseVerbs);

bool HasAlias(std::string_view aliases, std::string_view name) {
  while (!aliases.empty()) {
    size_t bar = aliases.find('|');
    if (aliases.substr(0, bar) == name) return true;
    aliases = bar == std::string_view::npos ? "" : aliases.substr(bar + 1);
  }
  return false;
}

}  // namespace

std::span<const Option> GlobalOptions() {
  return kGlobal;
}
std::span<const Verb> Verbs() {
  return kVerbs;
}

const Verb* FindVerb(std::string_view name) {
  for (const Verb& verb : kVerbs)
    if (verb.name == name || HasAlias(verb.aliases, name)) return &verb;
  return nullptr;
}

const Option* FindOption(std::span<const Option> options, std::string_view name) {
  for (const Option& option : options)
    if (option.name == name) return &option;
  return nullptr;
}

const Option* FindOption(std::span<const Option> options, char letter) {
  for (const Option& option : options)
    if (option.letter == letter && letter != 0) return &option;
  return nullptr;
}

}  // namespace wolffia
