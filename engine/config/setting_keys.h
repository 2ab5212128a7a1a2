// The keys of wolffia.toml as one table. Parsing, WOLFFIA_* variables, the error for unknown keys and what
// `info` prints are all made from it; a new setting is one more row.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/config/settings.h"
#include "engine/config/toml_document.h"

namespace wolffia {

struct SettingKey {
  enum class Kind {
    kText,
    kInteger,
    kList
  };  // how an environment variable is read; lists are split at commas

  std::string_view name;  // "storage.root"
  Kind kind;
  // kInvalid says what is wrong with the value, not where it came from.
  Result<> (*set)(const Context& context, const TomlValue& value, Settings* settings);
  std::string (*show)(const Settings& settings);

  std::string_view Section() const { return name.substr(0, name.find('.')); }
  std::string_view Key() const { return name.substr(name.find('.') + 1); }
  std::string EnvName() const;                                 // "WOLFFIA_STORAGE_ROOT"
  Result<TomlValue> ValueOfText(std::string_view text) const;  // of an environment variable or flag
};

std::span<const SettingKey> SettingKeys();
const SettingKey* FindSettingKey(std::string_view name);
// "root, runroot, durability, upper"; empty for a section that does not exist.
std::string KeysOfSection(std::string_view section);

}  // namespace wolffia
