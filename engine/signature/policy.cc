#include "engine/signature/policy.h"

#include <algorithm>

#include "engine/base/file.h"
#include "engine/config/registry_rules.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

using Kind = TomlValue::Kind;
using Answer = PolicyRule::Answer;

constexpr size_t kMaxKeys = 100;
constexpr std::string_view kEveryRegistry = "*";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// Hosts are the same in capitals; paths and tags are not.
std::string WithLowerHost(const std::string& name) {
  const size_t slash = std::min(name.find('/'), name.size());
  return Lower(name.substr(0, slash)) + name.substr(slash);
}

// "oci-archive:/srv/x" of a scope or an origin; an empty transport for a name in a registry.
struct FileScope {
  std::string_view transport, path;
};
FileScope SplitTransport(std::string_view scope) {
  const size_t colon = scope.find(':');
  if (colon == std::string_view::npos || !IsFileTransport(scope.substr(0, colon))) return {};
  return {scope.substr(0, colon), scope.substr(colon + 1)};
}

// 0: not about it. One more than the bytes, because the scope "*" and a transport alone stand for none.
size_t Match(const std::string& scope, const ImageOrigin& origin) {
  const FileScope files = SplitTransport(scope);
  if (origin.IsRegistry()) {
    if (!files.transport.empty()) return 0;
    if (scope == kEveryRegistry) return 1;
    const size_t length = MatchedPrefix(scope, WithLowerHost(origin.name.str()));
    if (scope.starts_with("*.")) return length;  // a host itself is longer than what the star leaves of it
    return length == 0 ? 0 : length + 1;
  }
  if (files.transport != origin.transport) return 0;
  if (files.path.empty()) return 1;
  if (!origin.path.starts_with(files.path)) return 0;
  const bool whole = origin.path.size() == files.path.size() || origin.path[files.path.size()] == '/';
  return whole ? files.path.size() + 1 : 0;
}

// Reads the tables; every method adds the place to what is wrong.
class PolicyReader {
 public:
  explicit PolicyReader(const TomlDocument& document) : document_(document) {}

  Result<Answer> Default() const {
    const std::string text = TRY(document_.Text(document_.root(), "default", ""));
    const bool given = document_.root().Find("default") != nullptr;
    return AnswerOf(document_.root(), "default", given ? text : "accept");
  }

  Result<PolicyRule> Rule(const TomlValue& table, const std::string& where) const {
    if (table.kind != Kind::kTable) return document_.FailAt(table.place, where, "not a table");
    TRY(CheckKeys(table, where, {"scope", "answer", "require"}));
    PolicyRule rule{.place = document_.file() + ":" + std::to_string(table.place.line)};
    rule.scope = TRY(Scope(table, where));
    const std::string answer = TRY(document_.Text(table, "answer", where));
    const TomlValue* require = table.Find("require");
    if (answer.empty() == (require == nullptr))
      return document_.FailAt(table.place, where,
                              "it needs either answer = \"accept\" or \"reject\", or [[rule.require]]");
    if (require == nullptr) {
      rule.answer = TRY(AnswerOf(table, where + ".answer", answer));
      return rule;
    }
    if (!SplitTransport(rule.scope).transport.empty())
      return document_.FailAt(require->place, where + ".require",
                              "files of this host have no signatures: accept or reject them");
    rule.answer = Answer::kSigned;
    rule.required = TRY(Requirements(*require, where + ".require"));
    return rule;
  }

  Result<> CheckKeys(const TomlValue& table, const std::string& where,
                     std::initializer_list<std::string_view> known) const {
    for (const TomlMember& member : table.members)
      if (std::ranges::find(known, member.key) == known.end())
        return document_.FailAt(member.place, where.empty() ? member.key : where + "." + member.key,
                                "unknown key");
    return {};
  }

 private:
  std::unexpected<Error> FailAtKey(const TomlValue& table, std::string_view key, const std::string& where,
                                   const std::string& what) const {
    const TomlValue* value = table.Find(key);
    return document_.FailAt(value != nullptr ? value->place : table.place, where + "." + std::string(key),
                            what);
  }

  Result<Answer> AnswerOf(const TomlValue& table, const std::string& where, const std::string& text) const {
    if (text == "accept") return Answer::kAccept;
    if (text == "reject") return Answer::kReject;
    const TomlValue* value = table.Find(where.substr(where.rfind('.') + 1));
    return document_.FailAt(value != nullptr ? value->place : table.place, where,
                            Quote(text) + " is neither accept nor reject");
  }

  Result<std::string> Scope(const TomlValue& table, const std::string& where) const {
    const std::string text = TRY(document_.Text(table, "scope", where));
    const FileScope files = SplitTransport(text);
    const bool is_path = files.path.empty() || (files.path[0] == '/' && !files.path.ends_with('/') &&
                                                files.path.find("//") == std::string_view::npos);
    if (!files.transport.empty() && !is_path)
      return FailAtKey(table, "scope", where,
                       "after the transport an absolute path without a slash at its end");
    if (!files.transport.empty() || text == kEveryRegistry) return text;
    auto location = CheckLocation(text);
    if (!location) return FailAtKey(table, "scope", where, location.error().what);
    const std::string host = location->substr(0, location->find('/'));
    const bool wildcard = location->starts_with("*.");
    if (location->find('*', wildcard ? 1 : 0) != std::string::npos || (wildcard && host != *location))
      return FailAtKey(table, "scope", where, Quote(text) + ": a wildcard can only be *.HOST, or * alone");
    if (host.find_first_of(".:") == std::string::npos && host != "localhost")
      return FailAtKey(table, "scope", where,
                       Quote(text) +
                           " does not begin with a registry: write docker.io/library/NAME, "
                           "HOST/NAMESPACE, *.HOST, * or TRANSPORT:");
    return WithLowerHost(*location);
  }

  Result<std::vector<SignatureRequirement>> Requirements(const TomlValue& array,
                                                         const std::string& where) const {
    if (array.kind != Kind::kArray || array.items.empty())
      return document_.FailAt(array.place, where, "write [[rule.require]]");
    std::vector<SignatureRequirement> required;
    for (const TomlValue& item : array.items)
      required.push_back(TRY(Requirement(item, where + "[" + std::to_string(required.size()) + "]")));
    return required;
  }

  Result<SignatureRequirement> Requirement(const TomlValue& table, const std::string& where) const {
    if (table.kind != Kind::kTable) return document_.FailAt(table.place, where, "not a table");
    TRY(CheckKeys(table, where, {"type", "keys", "identity", "lookaside"}));
    SignatureRequirement required;
    const std::string type = TRY(document_.Text(table, "type", where));
    if (type != "sigstore" && type != "gpg")
      return FailAtKey(table, "type", where, Quote(type) + " is neither sigstore nor gpg");
    required.kind = type == "gpg" ? SignatureKind::kGpg : SignatureKind::kSigstore;
    required.keys = TRY(Keys(table, where));
    const std::string identity = TRY(document_.Text(table, "identity", where));
    if (table.Find("identity") != nullptr) {
      auto rule = ParseIdentityRule(identity);
      if (!rule) return FailAtKey(table, "identity", where, rule.error().what);
      required.identity = *rule;
    }
    required.lookaside = TRY(Lookaside(table, where, required.kind));
    return required;
  }

  Result<std::vector<std::string>> Keys(const TomlValue& table, const std::string& where) const {
    std::vector<std::string> keys = TRY(document_.Strings(table, "keys", where));
    if (keys.empty() || keys.size() > kMaxKeys)
      return FailAtKey(table, "keys", where, "1 to " + std::to_string(kMaxKeys) + " files of public keys");
    for (std::string& key : keys) {
      if (key.empty()) return FailAtKey(table, "keys", where, "an empty name of a file");
      if (key[0] != '/') key = SplitPath(document_.file()).first + "/" + key;
    }
    return keys;
  }

  Result<std::string> Lookaside(const TomlValue& table, const std::string& where, SignatureKind kind) const {
    std::string place = TRY(document_.Text(table, "lookaside", where));
    if (kind == SignatureKind::kSigstore) {
      if (place.empty()) return place;
      return FailAtKey(table, "lookaside", where, "sigstore signatures are in the image's own registry");
    }
    if (place.starts_with("file://")) place.erase(0, 7);
    while (place.size() > 1 && place.ends_with('/')) place.pop_back();
    const bool url = place.starts_with("https://") || place.starts_with("http://");
    if (!url && !place.starts_with('/'))
      return FailAtKey(table, "lookaside", where,
                       "where are the signatures? Give an absolute path, or an http or https URL");
    if (url && place.find_first_of("?#") != std::string::npos)
      return FailAtKey(table, "lookaside", where, "a URL without a query");
    return place;
  }

  const TomlDocument& document_;
};

}  // namespace

std::string_view KindName(SignatureKind kind) {
  return kind == SignatureKind::kGpg ? "gpg" : "sigstore";
}

std::string PolicyRule::str() const {
  return (scope == "default" ? "default" : "rule \"" + scope + "\"") + " of " + place;
}

Result<Policy> Policy::Parse(std::string_view text, const std::string& file) {
  if (const size_t first = text.find_first_not_of(" \t\r\n");
      first != std::string_view::npos && text[first] == '{')
    return Fail(Code::kInvalid,
                file +
                    " is JSON, as policy.json of other engines; a policy of wolffia is TOML: see "
                    "wolffia-policy.toml(5)");
  const TomlDocument document = TRY(TomlDocument::Parse(text, file));
  const PolicyReader reader(document);
  TRY(reader.CheckKeys(document.root(), "", {"default", "rule"}));
  Policy policy;
  const TomlValue* given = document.root().Find("default");
  policy.default_ = {.answer = TRY(reader.Default()), .scope = "default", .place = file};
  if (given != nullptr) policy.default_.place += ":" + std::to_string(given->place.line);
  const TomlValue* array = document.root().Find("rule");
  if (array == nullptr) return policy;
  if (array->kind != Kind::kArray) return document.FailAt(array->place, "rule", "write [[rule]]");
  for (const TomlValue& table : array->items) {
    const std::string where = "rule[" + std::to_string(policy.rules_.size()) + "]";
    PolicyRule rule = TRY(reader.Rule(table, where));
    if (std::ranges::find(policy.rules_, rule.scope, &PolicyRule::scope) != policy.rules_.end())
      return document.FailAt(table.place, where, "a second rule for " + Quote(rule.scope));
    policy.rules_.push_back(std::move(rule));
  }
  return policy;
}

const PolicyRule& Policy::RuleFor(const ImageOrigin& origin) const {
  const PolicyRule* best = &default_;
  size_t best_length = 0;
  for (const PolicyRule& rule : rules_) {
    const size_t length = Match(rule.scope, origin);
    if (length <= best_length) continue;
    best = &rule;
    best_length = length;
  }
  return *best;
}

}  // namespace wolffia
