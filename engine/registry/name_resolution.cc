#include "engine/registry/name_resolution.h"

namespace wolffia {
namespace {

// The rest of `name` after the part that the rule's prefix stands for; "*.example.com" stands for a whole
// host name.
std::string_view AfterPrefix(std::string_view name, std::string_view prefix) {
  if (!prefix.starts_with("*.")) return name.substr(std::min(prefix.size(), name.size()));
  size_t path = prefix.find('/');
  size_t host = name.find('/');
  if (host == std::string_view::npos) host = name.size();
  size_t matched = host + (path == std::string_view::npos ? 0 : prefix.size() - path);
  return name.substr(std::min(matched, name.size()));
}

Result<Endpoint> EndpointAt(std::string_view name, const RegistryRule& rule, const std::string& location,
                            bool insecure) {
  std::string place =
      location.empty() ? std::string(name) : location + std::string(AfterPrefix(name, rule.prefix));
  auto parsed = Reference::Parse(place);
  if (!parsed || parsed->IsShort() || !parsed->tag.empty() || parsed->digest)
    return Fail(Code::kInvalid, "registry \"" + rule.prefix +
                                    "\" in the configuration: its location makes \"" + place +
                                    "\", which is no repository of a registry");
  Reference full = Normalize(*std::move(parsed));
  return Endpoint{.host = full.domain, .repository = full.path, .insecure = insecure};
}

bool MirrorServes(const RegistryRule& rule, const RegistryRule::Mirror& mirror, bool by_digest) {
  std::string when = mirror.pull_from_mirror;
  if (rule.mirror_by_digest_only) when = "digest-only";
  return when == "digest-only" ? by_digest : when == "tag-only" ? !by_digest : true;
}

Result<std::vector<Endpoint>> EndpointsOf(const RegistrySettings& settings, const Reference& name) {
  const RegistryRule* rule = settings.RuleFor(name.Name());
  if (rule == nullptr) return std::vector<Endpoint>{{.host = name.domain, .repository = name.path}};
  if (rule->blocked)
    return Fail(Code::kDenied,
                name.Name() + " is blocked: the configuration forbids the registry \"" + rule->prefix + "\"");
  std::vector<Endpoint> endpoints;
  for (const RegistryRule::Mirror& mirror : rule->mirrors)
    if (MirrorServes(*rule, mirror, name.digest.has_value()))
      endpoints.push_back(TRY(EndpointAt(name.Name(), *rule, mirror.location, mirror.insecure)));
  endpoints.push_back(TRY(EndpointAt(name.Name(), *rule, rule->location, rule->insecure)));
  endpoints.back().ca_file = rule->ca_file;
  // A mirror's own rule may name its CA.
  for (Endpoint& endpoint : endpoints)
    if (const RegistryRule* own = settings.RuleFor(endpoint.host + "/" + endpoint.repository);
        own != nullptr && endpoint.ca_file.empty())
      endpoint.ca_file = own->ca_file;
  return endpoints;
}

}  // namespace

Reference Normalize(Reference name) {
  if (name.domain == "index.docker.io" || name.domain == "registry-1.docker.io") name.domain = "docker.io";
  if (name.domain == "docker.io" && name.path.find('/') == std::string::npos)
    name.path = "library/" + name.path;
  return name.WithDefaultTag();
}

std::string ApiHost(const std::string& host) {
  return host == "docker.io" ? "registry-1.docker.io" : host;
}

Result<std::vector<PullCandidate>> ResolveName(const RegistrySettings& settings, std::string_view typed) {
  Reference reference = TRY(Reference::Parse(typed));
  std::vector<Reference> names;
  if (!reference.IsShort()) {
    names.push_back(reference);
  } else if (auto alias = settings.aliases.find(reference.path); alias != settings.aliases.end()) {
    Reference full =
        TRY_WITH(Reference::Parse(alias->second), "alias of " + reference.path + " in the configuration");
    if (full.IsShort() || !full.tag.empty() || full.digest)
      return Fail(Code::kInvalid, "alias of " + reference.path + " in the configuration: \"" + alias->second +
                                      "\" is no full name without a tag");
    full.tag = reference.tag;
    full.digest = reference.digest;
    names.push_back(full);
  } else {
    for (const std::string& domain : settings.search) names.push_back(reference.WithDomain(domain));
    if (names.empty())
      return Fail(Code::kNotFound, "\"" + std::string(typed) +
                                       "\" is a short name and the configuration names no registry "
                                       "to search: write it in full, as in docker.io/library/" +
                                       reference.path);
  }
  std::vector<PullCandidate> candidates;
  for (Reference& name : names) {
    PullCandidate candidate{.name = Normalize(std::move(name))};
    candidate.endpoints = TRY(EndpointsOf(settings, candidate.name));
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace wolffia
