// The parts that registries.conf and wolffia.toml have in common: [[registry]] tables, short-name aliases,
// and lists of registries. They differ in spelling ("pull-from-mirror", "pull_from_mirror") and in what
// happens to unknown keys.
#pragma once

#include "engine/config/settings.h"
#include "engine/config/toml_document.h"

namespace wolffia {

enum class RuleDialect {
  kRegistriesConf,  // keys with dashes, [[registry.mirror]]; unknown keys are skipped: the file is not ours
  kWolffia,         // keys with underscores, mirrors = [...], ca_file; unknown keys are refused
};

// Every [[registry]] of the document; none if it has no such table.
Result<std::vector<RegistryRule>> ParseRules(const TomlDocument& document, RuleDialect dialect);

// Adds `rules`: one for the same prefix is replaced.
void MergeRules(std::vector<RegistryRule> rules, std::vector<RegistryRule>* into);

// Adds the aliases of a table short name -> full name. An empty value takes an alias away.
Result<> MergeAliases(const TomlDocument& document, const TomlValue& table, std::string_view where,
                      std::map<std::string, std::string>* aliases);

// How many bytes of domain/path[:tag][@digest] the prefix stands for, at a boundary of a name ("*.HOST":
// hosts below HOST); 0: it is about something else.
size_t MatchedPrefix(std::string_view prefix, std::string_view name);

// "https://" refused, trailing slashes removed.
Result<std::string> CheckLocation(std::string_view location);

}  // namespace wolffia
