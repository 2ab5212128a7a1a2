// registries.conf, version 2, and its drop-in directories: containers-registries.conf(5),
// containers-registries.conf.d(5).
#include <fcntl.h>

#include <algorithm>

#include "engine/config/registry_rules.h"
#include "engine/config/settings.h"
#include "engine/config/user_paths.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr size_t kMaxConfBytes = 1 << 20;

// Version 1 had [registries.search], [registries.insecure] and [registries.block].
Result<> RefuseVersion1(const TomlDocument& document) {
  const TomlValue* old = document.root().Find("registries");
  if (old == nullptr) return {};
  return document.FailAt(old->place, "registries",
                         "this is version 1 of the format, which has been withdrawn; rewrite it with "
                         "unqualified-search-registries and [[registry]] (containers-registries.conf(5))");
}

Result<> MergeSearch(const TomlDocument& document, RegistrySettings* into) {
  const TomlValue* value = document.root().Find("unqualified-search-registries");
  if (value == nullptr) return {};
  into->search.clear();
  for (const std::string& name :
       TRY(document.Strings(document.root(), "unqualified-search-registries", ""))) {
    auto registry = CheckLocation(name);
    if (!registry)
      return document.FailAt(value->place, "unqualified-search-registries", registry.error().what);
    into->search.push_back(*registry);
  }
  into->search_is_default = false;
  into->search_origin = document.file();
  return {};
}

Result<> MergeShortNameMode(const TomlDocument& document, RegistrySettings* into) {
  const std::string mode = TRY(document.Text(document.root(), "short-name-mode", ""));
  if (mode.empty()) return {};
  if (mode != "enforcing" && mode != "permissive" && mode != "disabled")
    return document.FailAt(document.root().Find("short-name-mode")->place, "short-name-mode",
                           Quote(mode) + " is not one of enforcing, permissive, disabled");
  into->short_name_mode = mode;
  return {};
}

Result<> MergeFile(const std::string& path, RegistrySettings* into) {
  const std::string text = TRY(ReadFile(path, kMaxConfBytes));
  const TomlDocument document = TRY(TomlDocument::Parse(text, path));
  TRY(RefuseVersion1(document));
  TRY(MergeSearch(document, into));
  TRY(MergeShortNameMode(document, into));
  MergeRules(TRY(ParseRules(document, RuleDialect::kRegistriesConf)), &into->rules);
  if (const TomlValue* aliases = document.root().Find("aliases"))
    TRY(MergeAliases(document, *aliases, "aliases", &into->aliases));
  return {};
}

// In the order of their names; a directory that is not there has none.
Result<> MergeDropIns(const std::string& directory, RegistrySettings* into) {
  auto names = ListDirectory(AT_FDCWD, directory + "/.");  // it may be a symlink
  if (!names && names.error().code == Code::kNotFound) return {};
  std::vector<std::string> sorted = TRY(std::move(names));
  std::ranges::sort(sorted);
  for (const std::string& name : sorted) {
    if (!name.ends_with(".conf")) continue;
    std::string path = directory;
    path.append("/").append(name);
    TRY(MergeFile(path, into));
  }
  return {};
}

}  // namespace

Result<RegistrySettings> LoadRegistriesConf(const Context& context, const SitePaths& site) {
  const std::string site_file = site.containers + "/registries.conf";
  const std::string user_file = TRY(UserConfigFile(context, "containers/registries.conf"));
  const auto named_file = context.Env("CONTAINERS_REGISTRIES_CONF");
  RegistrySettings out;
  std::string file = site_file;
  if (named_file)
    file = *named_file;
  else if (!user_file.empty() && ExistsAt(AT_FDCWD, user_file))
    file = user_file;
  if (ExistsAt(AT_FDCWD, file))
    TRY(MergeFile(file, &out));
  else if (named_file)
    return Fail(Code::kNotFound, "CONTAINERS_REGISTRIES_CONF: " + Quote(file) + " does not exist");
  TRY(MergeDropIns(file + ".d", &out));
  if (file == site_file && !user_file.empty()) TRY(MergeDropIns(user_file + ".d", &out));
  return out;
}

}  // namespace wolffia
