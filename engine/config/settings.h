// Settings: what the user, the site and the environment decided, and where each value came from. Built-in
// defaults, then /etc/wolffia/wolffia.toml, then $XDG_CONFIG_HOME/wolffia/wolffia.toml (or --config FILE
// instead of both), then WOLFFIA_<SECTION>_<KEY>, then flags. An unknown key or a value of the wrong type is
// an error with file, line, column and key: nothing is ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/file.h"

namespace wolffia {

// One registry or prefix, as [[registry]] of registries.conf (containers-registries.conf(5)) and of
// wolffia.toml.
struct RegistryRule {
  std::string prefix;     // "docker.io", "example.com/team", "*.example.com"
  std::string location;   // replaces the prefix; empty: no change
  bool insecure = false;  // plain HTTP and unverified TLS allowed
  bool blocked = false;
  std::string ca_file;  // wolffia.toml only; besides /etc/{containers,docker}/certs.d/<host>/*.crt
  struct Mirror {
    std::string location;
    bool insecure = false;
    std::string pull_from_mirror = "all";  // all | digest-only | tag-only
  };
  std::vector<Mirror> mirrors;
  bool mirror_by_digest_only = false;
};

struct RegistrySettings {
  std::vector<std::string> search = {"docker.io"};  // unqualified-search-registries
  bool search_is_default = true;                    // nobody configured it
  std::string search_origin = "default";            // or the file, or "environment"
  std::map<std::string, std::string> aliases;       // short name -> full name
  std::vector<RegistryRule> rules;

  // enforcing | permissive | disabled, as containers-registries.conf(5) defines them.
  std::string short_name_mode = "permissive";

  // The rule with the longest matching prefix for domain/path (which may go on with a tag and a digest);
  // nullptr if there is none.
  const RegistryRule* RuleFor(std::string_view name) const;
};

struct Settings {
  // [storage]
  std::string storage_root, storage_runroot;
  Durability durability = Durability::kSafe;  // storage.durability = "safe" | "volatile"
  std::string upper = "auto";                 // storage.upper = "auto" | "kernel" | "fuse"
  std::string verify = "pull";                // storage.verify = "pull" | "open"
  // [pull]
  int parallel_downloads = 4;                    // 1..32
  int retries = 3;                               // 0..20
  uint64_t max_layer_size = uint64_t{64} << 30;  // bytes; "64GiB" in TOML
  std::string policy = "missing";                // pull.policy: missing | always | never | newer
  // [run]
  std::string network = "slirp4netns";       // run.network: as --network takes it
  std::vector<std::string> default_ulimits;  // "nofile=1024:4096"
  std::string seccomp_profile;               // run.seccomp_profile: a file; empty: built in
  std::vector<std::string> env;              // run.env
  // [network]
  std::vector<std::string> network_options;  // network.options: "mtu=1500"; of slirp4netns and pasta
  std::string network_fallback = "error";    // network.fallback = "error" | "host", where no namespace can be had
  // [cgroups]
  bool move_own = false;  // cgroups.move_own: processes of our own cgroup may be moved aside for containers
  // [[registry]], registries.*
  RegistrySettings registries;

  struct Origin {
    std::string key, value, origin;  // "storage.root", "/x", "default" | file | "environment" | "flag"
  };
  std::vector<Origin> origins;  // one a key, in declaration order

  bool operator==(const Settings&) const = delete;
};

struct SettingsFlags {  // global flags
  std::optional<std::string> config, root, runroot;
  // False for verbs that never resolve an image name (ps, rm, system check): registries.conf is not read
  // then, so that a mistake in it can't keep them from working.
  bool registries = true;
};

// Where the site's files are. Only tests have others.
struct SitePaths {
  std::string wolffia = "/etc/wolffia";        // wolffia.toml
  std::string containers = "/etc/containers";  // registries.conf, registries.conf.d/
};

// In paths of [storage] a leading "~" and the words $HOME, $USER and $UID are replaced, so that a site's file
// can say
// "/local/$USER/wolffia". Without a file to read it costs microseconds.
Result<Settings> LoadSettings(const Context& context, const SettingsFlags& flags, const SitePaths& site = {});

// TOML syntax and type errors: "FILE:LINE:COLUMN: KEY: what". Used by both files.
// registries.conf version 2: CONTAINERS_REGISTRIES_CONF, else $XDG_CONFIG_HOME/containers/registries.conf,
// else /etc/containers/registries.conf, then registries.conf.d/*.conf beside it (beside the site's file, the
// user's as well). Unknown keys are skipped here (the file is not ours); version 1 is refused by name.
Result<RegistrySettings> LoadRegistriesConf(const Context& context, const SitePaths& site = {});

// "64GiB", "10m", "1.5g", "1024", podman's suffixes (b k m g t p, with optional i and B; powers of 1024).
Result<uint64_t> ParseSize(std::string_view text);

}  // namespace wolffia
