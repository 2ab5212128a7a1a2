#include "engine/config/setting_keys.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/config/registry_rules.h"
#include "engine/config/user_paths.h"
#include "engine/oci/quote.h"
#include "network/network_options.h"

namespace wolffia {
namespace {

using Kind = SettingKey::Kind;

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

template <auto kMember>
std::string ShowText(const Settings& settings) {
  return settings.*kMember;
}

template <auto kMember>
std::string ShowNumber(const Settings& settings) {
  return std::to_string(settings.*kMember);
}

template <auto kMember>
std::string ShowList(const Settings& settings) {
  return Join(settings.*kMember);
}

template <auto kMember>
Result<> SetPath(const Context& context, const TomlValue& value, Settings* settings) {
  settings->*kMember = TRY(ExpandPath(context, TRY(TextOf(value))));
  return {};
}

// A path, or "" for what is built in.
template <auto kMember>
Result<> SetOptionalPath(const Context& context, const TomlValue& value, Settings* settings) {
  const std::string path = TRY(TextOf(value));
  settings->*kMember = path.empty() ? path : TRY(ExpandPath(context, path));
  return {};
}

template <auto kMember, int kMin, int kMax>
Result<> SetNumber(const Context&, const TomlValue& value, Settings* settings) {
  const int64_t number = TRY(IntegerOf(value));
  if (number < kMin || number > kMax)
    return Fail(Code::kInvalid, std::to_string(number) + " is not from " + std::to_string(kMin) + " to " +
                                    std::to_string(kMax));
  settings->*kMember = static_cast<int>(number);
  return {};
}

Result<std::string> ChoiceOf(const TomlValue& value, std::initializer_list<const char*> choices) {
  std::string word = TRY(TextOf(value));
  std::string list;
  for (const char* choice : choices) {
    if (word == choice) return word;
    list += (list.empty() ? "" : ", ") + std::string(choice);
  }
  return Fail(Code::kInvalid, Quote(word) + " is not one of " + list);
}

Result<> SetDurability(const Context&, const TomlValue& value, Settings* settings) {
  const std::string word = TRY(ChoiceOf(value, {"safe", "volatile"}));
  settings->durability = word == "safe" ? Durability::kSafe : Durability::kVolatile;
  return {};
}

std::string ShowDurability(const Settings& settings) {
  return settings.durability == Durability::kSafe ? "safe" : "volatile";
}

Result<> SetUpper(const Context&, const TomlValue& value, Settings* settings) {
  settings->upper = TRY(ChoiceOf(value, {"auto", "kernel", "fuse"}));
  return {};
}

Result<> SetVerify(const Context&, const TomlValue& value, Settings* settings) {
  settings->verify = TRY(ChoiceOf(value, {"pull", "open"}));
  return {};
}

Result<> SetPolicy(const Context&, const TomlValue& value, Settings* settings) {
  settings->policy = TRY(ChoiceOf(value, {"missing", "always", "never", "newer"}));
  return {};
}

Result<> SetNetwork(const Context&, const TomlValue& value, Settings* settings) {
  settings->network = TRY(TextOf(value));
  NetworkConfig checked;
  return ReadNetworkModes({settings->network}, {}, checked);
}

Result<> SetNetworkOptions(const Context&, const TomlValue& value, Settings* settings) {
  settings->network_options = TRY(StringsOf(value));
  UserModeOptions checked;
  for (const std::string& option : settings->network_options) TRY(ReadUserModeOption(option, checked));
  return {};
}

Result<> SetNetworkFallback(const Context&, const TomlValue& value, Settings* settings) {
  settings->network_fallback = TRY(ChoiceOf(value, {"error", "host"}));
  return {};
}

Result<> SetMoveOwn(const Context&, const TomlValue& value, Settings* settings) {
  // A variable of the environment is text.
  settings->move_own = value.kind == TomlValue::Kind::kBoolean
                           ? value.boolean
                           : TRY(ChoiceOf(value, {"true", "false"})) == "true";
  return {};
}

std::string ShowMoveOwn(const Settings& settings) {
  return settings.move_own ? "true" : "false";
}

// Bytes as an integer, or a string with a suffix.
Result<> SetMaxLayerSize(const Context&, const TomlValue& value, Settings* settings) {
  const uint64_t size = value.kind == TomlValue::Kind::kInteger
                            ? TRY(ParseSize(std::to_string(value.integer)))
                            : TRY(ParseSize(TRY(TextOf(value))));
  if (size == 0) return Fail(Code::kInvalid, "0 would refuse every layer");
  settings->max_layer_size = size;
  return {};
}

bool IsLimit(std::string_view text) {
  if (text == "unlimited" || text == "-1") return true;
  return !text.empty() && text.size() < 20 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<> SetUlimits(const Context&, const TomlValue& value, Settings* settings) {
  std::vector<std::string> ulimits = TRY(StringsOf(value));
  for (const std::string& ulimit : ulimits) {
    const std::string_view text = ulimit;
    const size_t equals = text.find('=');
    const size_t colon = text.find(':');
    const bool named = equals != std::string_view::npos && equals > 0;
    const bool good =
        named && (colon == std::string_view::npos
                      ? IsLimit(text.substr(equals + 1))
                      : colon > equals && IsLimit(text.substr(equals + 1, colon - equals - 1)) &&
                            IsLimit(text.substr(colon + 1)));
    if (!good) return Fail(Code::kInvalid, Quote(ulimit) + " is not NAME=SOFT[:HARD] (nofile=1024:4096)");
  }
  settings->default_ulimits = std::move(ulimits);
  return {};
}

Result<> SetEnv(const Context&, const TomlValue& value, Settings* settings) {
  std::vector<std::string> env = TRY(StringsOf(value));
  for (const std::string& entry : env)
    if (entry.find('=') == 0 || entry.find('=') == std::string::npos)
      return Fail(Code::kInvalid, Quote(entry) + " is not NAME=VALUE");
  settings->env = std::move(env);
  return {};
}

Result<> SetSearch(const Context&, const TomlValue& value, Settings* settings) {
  std::vector<std::string> search;
  for (const std::string& name : TRY(StringsOf(value))) search.push_back(TRY(CheckLocation(name)));
  settings->registries.search = std::move(search);
  settings->registries.search_is_default = false;
  return {};
}

std::string ShowSearch(const Settings& settings) {
  return Join(settings.registries.search);
}

constexpr std::array kKeys = {
    SettingKey{"storage.root", Kind::kText, SetPath<&Settings::storage_root>,
               ShowText<&Settings::storage_root>},
    SettingKey{"storage.runroot", Kind::kText, SetPath<&Settings::storage_runroot>,
               ShowText<&Settings::storage_runroot>},
    SettingKey{"storage.durability", Kind::kText, SetDurability, ShowDurability},
    SettingKey{"storage.upper", Kind::kText, SetUpper, ShowText<&Settings::upper>},
    SettingKey{"storage.verify", Kind::kText, SetVerify, ShowText<&Settings::verify>},
    SettingKey{"pull.parallel_downloads", Kind::kInteger, SetNumber<&Settings::parallel_downloads, 1, 32>,
               ShowNumber<&Settings::parallel_downloads>},
    SettingKey{"pull.retries", Kind::kInteger, SetNumber<&Settings::retries, 0, 20>,
               ShowNumber<&Settings::retries>},
    SettingKey{"pull.max_layer_size", Kind::kText, SetMaxLayerSize, ShowNumber<&Settings::max_layer_size>},
    SettingKey{"pull.policy", Kind::kText, SetPolicy, ShowText<&Settings::policy>},
    SettingKey{"run.network", Kind::kText, SetNetwork, ShowText<&Settings::network>},
    SettingKey{"run.default_ulimits", Kind::kList, SetUlimits, ShowList<&Settings::default_ulimits>},
    SettingKey{"run.seccomp_profile", Kind::kText, SetOptionalPath<&Settings::seccomp_profile>,
               ShowText<&Settings::seccomp_profile>},
    SettingKey{"run.env", Kind::kList, SetEnv, ShowList<&Settings::env>},
    SettingKey{"network.options", Kind::kList, SetNetworkOptions, ShowList<&Settings::network_options>},
    SettingKey{"network.fallback", Kind::kText, SetNetworkFallback, ShowText<&Settings::network_fallback>},
    SettingKey{"cgroups.move_own", Kind::kText, SetMoveOwn, ShowMoveOwn},
    SettingKey{"registries.search", Kind::kList, SetSearch, ShowSearch},
};

}  // namespace

std::string SettingKey::EnvName() const {
  std::string out = "WOLFFIA_";
  for (char c : name) out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

Result<TomlValue> SettingKey::ValueOfText(std::string_view text) const {
  if (kind == Kind::kText) return TomlValue::OfText(text);
  TomlValue out;
  if (kind == Kind::kInteger) {
    out.kind = TomlValue::Kind::kInteger;
    const char* begin = text.begin();
    const char* end = text.end();
    const auto [rest, error] = std::from_chars(begin, end, out.integer);
    if (error != std::errc() || rest != end) return Fail(Code::kInvalid, Quote(text) + " is not an integer");
    return out;
  }
  out.kind = TomlValue::Kind::kArray;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    out.items.push_back(TomlValue::OfText(text.substr(0, comma)));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

std::span<const SettingKey> SettingKeys() {
  return kKeys;
}

const SettingKey* FindSettingKey(std::string_view name) {
  auto found = std::ranges::find(kKeys, name, &SettingKey::name);
  return found == kKeys.end() ? nullptr : &*found;
}

std::string KeysOfSection(std::string_view section) {
  std::string out;
  for (const SettingKey& key : kKeys)
    if (key.Section() == section) out += (out.empty() ? "" : ", ") + std::string(key.Key());
  return out;
}

}  // namespace wolffia
