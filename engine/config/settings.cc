// The layers of settings, lowest first: registries.conf, wolffia.toml of the site, of the user, environment,
// flags.
#include "engine/config/settings.h"

#include <fcntl.h>

#include "engine/config/registry_rules.h"
#include "engine/config/setting_keys.h"
#include "engine/config/user_paths.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

class Loader {
 public:
  Loader(const Context& context, const SettingsFlags& flags) : context_(context), flags_(flags) {
    origins_.resize(SettingKeys().size(), "default");
  }

  Result<> AddRegistriesConf(const SitePaths& site) {
    settings_.registries = TRY(LoadRegistriesConf(context_, site));
    OriginOf("registries.search") = settings_.registries.search_origin;
    return {};
  }

  Result<> AddFile(const std::string& path) {
    const std::string text = TRY(ReadFile(path, kMaxFileBytes));
    const TomlDocument document = TRY(TomlDocument::Parse(text, path));
    for (const TomlMember& section : document.root().members) TRY(AddSection(document, section));
    MergeRules(TRY(ParseRules(document, RuleDialect::kWolffia)), &settings_.registries.rules);
    return {};
  }

  Result<> AddEnvironment() {
    for (const SettingKey& key : SettingKeys())
      if (auto text = context_.Env(key.EnvName()))
        TRY(SetText(key, *text, "environment").With(key.EnvName()));
    return RefuseUnknownVariables();
  }

  Result<> AddFlags() {
    if (flags_.root) TRY(SetText(*FindSettingKey("storage.root"), *flags_.root, "flag").With("--root"));
    if (flags_.runroot)
      TRY(SetText(*FindSettingKey("storage.runroot"), *flags_.runroot, "flag").With("--runroot"));
    return {};
  }

  Result<Settings> Finish() {
    // Last, because a user without a home directory may have said where to store instead.
    if (settings_.storage_root.empty())
      settings_.storage_root =
          TRY(DefaultStorageRoot(context_).With("storage.root: no default; set it, or give --root"));
    if (settings_.storage_runroot.empty()) settings_.storage_runroot = TRY(DefaultRunroot(context_));
    settings_.registries.search_origin = OriginOf("registries.search");
    for (size_t i = 0; i < origins_.size(); i++) {
      const SettingKey& key = SettingKeys()[i];
      settings_.origins.push_back({std::string(key.name), key.show(settings_), origins_[i]});
    }
    return std::move(settings_);
  }

 private:
  std::string& OriginOf(std::string_view name) {
    return origins_[static_cast<size_t>(FindSettingKey(name) - SettingKeys().data())];
  }

  Result<> Set(const SettingKey& key, const TomlValue& value, const std::string& origin) {
    TRY(key.set(context_, value, &settings_));
    OriginOf(key.name) = origin;
    return {};
  }

  Result<> SetText(const SettingKey& key, std::string_view text, const std::string& origin) {
    return Set(key, TRY(key.ValueOfText(text)), origin);
  }

  Result<> AddSection(const TomlDocument& document, const TomlMember& section) {
    if (section.key == "registry") return {};  // rules, by ParseRules
    const std::string known = KeysOfSection(section.key);
    if (known.empty())
      return document.FailAt(section.place, section.key,
                             "unknown; there are [storage], [pull], [run], [registries] and [[registry]]");
    if (section.value.kind != TomlValue::Kind::kTable)
      return document.FailAt(section.place, section.key, "not a table; write [" + section.key + "]");
    for (const TomlMember& member : section.value.members) {
      const std::string name = section.key + "." + member.key;
      if (name == "registries.aliases") {
        TRY(MergeAliases(document, member.value, name, &settings_.registries.aliases));
        continue;
      }
      const SettingKey* key = FindSettingKey(name);
      if (key == nullptr)
        return document.FailAt(member.place, name, "unknown key; [" + section.key + "] has " + known);
      if (auto set = Set(*key, member.value, document.file()); !set)
        return document.FailAt(member.value.place, name, set.error().what);
    }
    return {};
  }

  // A misspelt variable of one of our sections; others (WOLFFIA_DEBUG) may be somebody else's.
  Result<> RefuseUnknownVariables() const {
    for (auto it = context_.env.lower_bound("WOLFFIA_");
         it != context_.env.end() && it->first.starts_with("WOLFFIA_"); ++it) {
      bool ours = false, known = false;
      for (const SettingKey& key : SettingKeys()) {
        const std::string name = key.EnvName();
        known |= name == it->first;
        ours |= it->first.starts_with(name.substr(0, name.size() - key.Key().size()));
      }
      if (ours && !known)
        return Fail(Code::kInvalid, Printable(it->first) + ": there is no such setting; unset it");
    }
    return {};
  }

  const Context& context_;
  const SettingsFlags& flags_;
  Settings settings_;
  std::vector<std::string> origins_;  // in the order of SettingKeys()
};

}  // namespace

Result<Settings> LoadSettings(const Context& context, const SettingsFlags& flags, const SitePaths& site) {
  Loader loader(context, flags);
  if (flags.registries) TRY(loader.AddRegistriesConf(site));
  if (flags.config) {
    if (!ExistsAt(AT_FDCWD, *flags.config))
      return Fail(Code::kNotFound, "--config: " + Quote(*flags.config) + " does not exist");
    TRY(loader.AddFile(*flags.config));
  } else {
    const std::string site_file = site.wolffia + "/wolffia.toml";
    const std::string user_file = TRY(UserConfigFile(context, "wolffia/wolffia.toml"));
    if (ExistsAt(AT_FDCWD, site_file)) TRY(loader.AddFile(site_file));
    if (!user_file.empty() && ExistsAt(AT_FDCWD, user_file)) TRY(loader.AddFile(user_file));
  }
  TRY(loader.AddEnvironment());
  TRY(loader.AddFlags());
  return loader.Finish();
}

}  // namespace wolffia
