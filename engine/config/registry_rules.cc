#include "engine/config/registry_rules.h"

#include <algorithm>
#include <array>

#include "engine/oci/quote.h"
#include "engine/oci/reference.h"

namespace wolffia {
namespace {

using Kind = TomlValue::Kind;

struct Spelling {
  const char *mirrors, *by_digest, *pull_from;
  bool strict;
};
constexpr Spelling kForeign{"mirror", "mirror-by-digest-only", "pull-from-mirror", false};
constexpr Spelling kOwn{"mirrors", "mirror_by_digest_only", "pull_from_mirror", true};

bool IsWildcard(std::string_view prefix) {
  return prefix.starts_with("*.");
}

// Reads one table; every method adds the place to what is wrong.
class RuleReader {
 public:
  RuleReader(const TomlDocument& document, const Spelling& spelling)
      : document_(document), spelling_(spelling) {}

  Result<RegistryRule> Rule(const TomlValue& table, const std::string& where) const {
    TRY(CheckKeys(
        table, where,
        {"prefix", "location", "insecure", "blocked", "ca_file", spelling_.mirrors, spelling_.by_digest}));
    RegistryRule rule;
    rule.location = TRY(Location(table, "location", where));
    rule.prefix = TRY(Location(table, "prefix", where));
    if (rule.prefix.empty()) rule.prefix = rule.location;
    if (rule.prefix.empty()) return document_.FailAt(table.place, where, "neither a prefix nor a location");
    TRY(CheckWildcard(table, rule.prefix, where));
    if (rule.location == rule.prefix) rule.location.clear();
    rule.insecure = TRY(document_.Boolean(table, "insecure", where));
    rule.blocked = TRY(document_.Boolean(table, "blocked", where));
    rule.mirror_by_digest_only = TRY(document_.Boolean(table, spelling_.by_digest, where));
    if (spelling_.strict) rule.ca_file = TRY(CaFile(table, where));
    TRY(ReadMirrors(table, where, &rule));
    return rule;
  }

 private:
  Result<> CheckKeys(const TomlValue& table, const std::string& where,
                     std::initializer_list<std::string_view> known) const {
    if (!spelling_.strict) return {};
    for (const TomlMember& member : table.members)
      if (std::ranges::find(known, member.key) == known.end())
        return document_.FailAt(member.place, where + "." + member.key, "unknown key");
    return {};
  }

  Result<std::string> Location(const TomlValue& table, const char* key, const std::string& where) const {
    std::string text = TRY(document_.Text(table, key, where));
    if (text.empty()) return text;
    auto location = CheckLocation(text);
    if (!location) return document_.FailAt(table.Find(key)->place, where + "." + key, location.error().what);
    return location;
  }

  Result<> CheckWildcard(const TomlValue& table, const std::string& prefix, const std::string& where) const {
    const std::string_view rest = std::string_view(prefix).substr(IsWildcard(prefix) ? 2 : 0);
    const bool more_than_host = IsWildcard(prefix) && rest.find_first_of("/:@") != std::string_view::npos;
    if (rest.find('*') == std::string_view::npos && !more_than_host) return {};
    return document_.FailAt(table.place, where + ".prefix",
                            Quote(prefix) + ": a wildcard can only be *.HOST");
  }

  Result<std::string> CaFile(const TomlValue& table, const std::string& where) const {
    std::string path = TRY(document_.Text(table, "ca_file", where));
    if (!path.empty() && path[0] != '/')
      return document_.FailAt(table.Find("ca_file")->place, where + ".ca_file", "not an absolute path");
    return path;
  }

  Result<> ReadMirrors(const TomlValue& table, const std::string& where, RegistryRule* rule) const {
    const TomlValue* array = table.Find(spelling_.mirrors);
    if (array == nullptr) return {};
    const std::string path = where + "." + spelling_.mirrors;
    if (array->kind != Kind::kArray) return document_.FailAt(array->place, path, "not an array of tables");
    for (const TomlValue& item : array->items)
      rule->mirrors.push_back(TRY(Mirror(item, path + "[" + std::to_string(rule->mirrors.size()) + "]")));
    return {};
  }

  Result<RegistryRule::Mirror> Mirror(const TomlValue& table, const std::string& where) const {
    if (table.kind != Kind::kTable) return document_.FailAt(table.place, where, "not a table");
    TRY(CheckKeys(table, where, {"location", "insecure", spelling_.pull_from}));
    RegistryRule::Mirror mirror;
    mirror.location = TRY(Location(table, "location", where));
    if (mirror.location.empty()) return document_.FailAt(table.place, where + ".location", "missing");
    mirror.insecure = TRY(document_.Boolean(table, "insecure", where));
    const std::string from = TRY(document_.Text(table, spelling_.pull_from, where));
    if (from.empty()) return mirror;
    if (from != "all" && from != "digest-only" && from != "tag-only")
      return document_.FailAt(table.Find(spelling_.pull_from)->place, where + "." + spelling_.pull_from,
                              Quote(from) + " is not one of all, digest-only, tag-only");
    mirror.pull_from_mirror = from;
    return mirror;
  }

  const TomlDocument& document_;
  const Spelling& spelling_;
};

Result<> CheckAlias(const std::string& name, const std::string& target) {
  const Reference short_name = TRY(Reference::Parse(name));
  if (!short_name.IsShort() || !short_name.tag.empty() || short_name.digest)
    return Fail(Code::kInvalid, "an alias is a short name without tag and digest");
  if (target.empty()) return {};
  const Reference full = TRY(Reference::Parse(target));
  if (full.IsShort() || !full.tag.empty() || full.digest)
    return Fail(Code::kInvalid, Quote(target) + " is not a full image name without tag and digest");
  return {};
}

}  // namespace

size_t MatchedPrefix(std::string_view prefix, std::string_view name) {
  if (IsWildcard(prefix)) {
    const std::string_view suffix = prefix.substr(1);  // ".example.com"
    const std::string_view host = name.substr(0, name.find_first_of("/:"));
    return host.size() > suffix.size() && host.ends_with(suffix) ? prefix.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  if (name.size() == prefix.size()) return prefix.size();
  const char next = name[prefix.size()];
  // After a host ':' begins a port, which is another registry; after a path, a tag.
  const bool path = prefix.find('/') != std::string_view::npos;
  return next == '/' || next == '@' || (next == ':' && path) ? prefix.size() : 0;
}

Result<std::string> CheckLocation(std::string_view location) {
  std::string_view rest = location;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find("://") != std::string_view::npos)
    return Fail(Code::kInvalid, Quote(location) + ": write HOST[:PORT][/PATH], without a scheme");
  const bool printable = std::ranges::all_of(rest, [](char c) { return c > ' ' && c < 0x7f; });
  if (rest.empty() || !printable) return Fail(Code::kInvalid, Quote(location) + " is not HOST[:PORT][/PATH]");
  return std::string(rest);
}

Result<std::vector<RegistryRule>> ParseRules(const TomlDocument& document, RuleDialect dialect) {
  std::vector<RegistryRule> rules;
  const TomlValue* array = document.root().Find("registry");
  if (array == nullptr) return rules;
  const RuleReader reader(document, dialect == RuleDialect::kWolffia ? kOwn : kForeign);
  if (array->kind != Kind::kArray) return document.FailAt(array->place, "registry", "write [[registry]]");
  for (const TomlValue& table : array->items) {
    const std::string where = "registry[" + std::to_string(rules.size()) + "]";
    if (table.kind != Kind::kTable) return document.FailAt(table.place, where, "not a table");
    RegistryRule rule = TRY(reader.Rule(table, where));
    const bool twice = std::ranges::find(rules, rule.prefix, &RegistryRule::prefix) != rules.end();
    if (twice && dialect == RuleDialect::kWolffia)
      return document.FailAt(table.place, where, "a second table for " + Quote(rule.prefix));
    rules.push_back(std::move(rule));
  }
  return rules;
}

void MergeRules(std::vector<RegistryRule> rules, std::vector<RegistryRule>* into) {
  for (RegistryRule& rule : rules) {
    auto same = std::ranges::find(*into, rule.prefix, &RegistryRule::prefix);
    if (same != into->end())
      *same = std::move(rule);
    else
      into->push_back(std::move(rule));
  }
}

Result<> MergeAliases(const TomlDocument& document, const TomlValue& table, std::string_view where,
                      std::map<std::string, std::string>* aliases) {
  if (table.kind != Kind::kTable) return document.FailAt(table.place, where, "not a table");
  for (const TomlMember& member : table.members) {
    const std::string path = std::string(where) + "." + member.key;
    const std::string target = TRY(document.Text(table, member.key, where));
    if (auto good = CheckAlias(member.key, target); !good)
      return document.FailAt(member.place, path, good.error().what);
    if (target.empty())
      aliases->erase(member.key);
    else
      (*aliases)[member.key] = target;
  }
  return {};
}

const RegistryRule* RegistrySettings::RuleFor(std::string_view name) const {
  const RegistryRule* best = nullptr;
  size_t best_length = 0;
  for (const RegistryRule& rule : rules) {
    const size_t length = MatchedPrefix(rule.prefix, name);
    if (length <= best_length) continue;
    best = &rule;
    best_length = length;
  }
  return best;
}

}  // namespace wolffia
