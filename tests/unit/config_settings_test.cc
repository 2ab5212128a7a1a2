// The layers of settings, where values came from, and what is refused with which words.
#include <unistd.h>

#include "tests/unit/config_files.h"

namespace wolffia {
namespace {

class SettingsTest : public ConfigFiles {
 protected:
  Result<Settings> Load(const SettingsFlags& flags = {}) { return LoadSettings(context_, flags, site_); }
  static std::string OriginOf(const Settings& settings, const std::string& key) {
    for (const auto& origin : settings.origins)
      if (origin.key == key) return origin.value + " " + origin.origin;
    return "none";
  }
};

TEST_F(SettingsTest, Defaults) {
  auto settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(settings->storage_root, dir_ / "home/.local/share/wolffia");
  EXPECT_EQ(settings->storage_runroot, "/tmp/wolffia-" + std::to_string(getuid()));
  EXPECT_EQ(OriginOf(*settings, "storage.durability"), "safe default");
  EXPECT_EQ(OriginOf(*settings, "pull.max_layer_size"), "68719476736 default");
  EXPECT_EQ(OriginOf(*settings, "registries.search"), "docker.io default");
  EXPECT_EQ(settings->origins.front().key, "storage.root");

  context_.env["XDG_DATA_HOME"] = "/data";
  context_.env["XDG_RUNTIME_DIR"] = dir_.path();
  EXPECT_EQ(Load()->storage_root, "/data/wolffia");
  EXPECT_EQ(Load()->storage_runroot, dir_ / "wolffia");
  context_.env["XDG_RUNTIME_DIR"] = dir_ / "gone";
  EXPECT_EQ(Load()->storage_runroot, "/tmp/wolffia-" + std::to_string(getuid()));

  context_.env = {};  // the passwd entry has a home
  auto without_home = Load();
  ASSERT_TRUE(without_home.has_value()) << without_home.error().what;
  EXPECT_TRUE(without_home->storage_root.ends_with("/.local/share/wolffia"));

  for (const char* name : {"HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"}) {
    context_.env = {{"HOME", "/h"}};
    context_.env[name] = "relative/path";
    EXPECT_EQ(Load().error().code, Code::kInvalid) << name;
    EXPECT_NE(Load().error().what.find("'relative/path' is not an absolute path"), std::string::npos) << name;
  }
}

TEST_F(SettingsTest, EveryKeyFromAFile) {
  Write("etc/wolffia/wolffia.toml", R"(
[storage]
root = "~/store"
runroot = "/run/$USER/$UID"
durability = "volatile"
upper = "kernel"
verify = "open"
[pull]
parallel_downloads = 8
retries = 0
max_layer_size = "1GiB"
policy = "newer"
[run]
network = "host"
default_ulimits = ["nofile=1024:4096", "core=unlimited"]
seccomp_profile = "/etc/profile.json"
env = ["A=b", "C="]
[network]
options = ["mtu=1500"]
fallback = "host"
[cgroups]
move_own = true
[registries]
search = ["quay.io"]
)");
  context_.env["USER"] = "me";
  auto settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(settings->storage_root, dir_ / "home/store");
  EXPECT_EQ(settings->storage_runroot, "/run/me/" + std::to_string(getuid()));
  EXPECT_EQ(settings->durability, Durability::kVolatile);
  EXPECT_EQ(settings->upper, "kernel");
  EXPECT_EQ(settings->verify, "open");
  EXPECT_EQ(settings->parallel_downloads, 8);
  EXPECT_EQ(settings->retries, 0);
  EXPECT_EQ(settings->max_layer_size, 1u << 30);
  EXPECT_EQ(settings->policy, "newer");
  EXPECT_EQ(settings->network, "host");
  EXPECT_EQ(settings->network_options, std::vector<std::string>{"mtu=1500"});
  EXPECT_EQ(settings->network_fallback, "host");
  EXPECT_TRUE(settings->move_own);
  EXPECT_EQ(settings->default_ulimits.size(), 2u);
  EXPECT_EQ(settings->seccomp_profile, "/etc/profile.json");
  EXPECT_EQ(settings->env, (std::vector<std::string>{"A=b", "C="}));
  EXPECT_EQ(settings->registries.search, std::vector<std::string>{"quay.io"});
  EXPECT_FALSE(settings->registries.search_is_default);
  const std::string file = dir_ / "etc/wolffia/wolffia.toml";
  for (const auto& origin : settings->origins) EXPECT_EQ(origin.origin, file) << origin.key;
  EXPECT_EQ(OriginOf(*settings, "run.env"), "A=b,C= " + file);
}

TEST_F(SettingsTest, LaterLayersWin) {
  Write("etc/wolffia/wolffia.toml",
        "[storage]\nroot='/site'\nrunroot='/site-run'\n[pull]\nretries=1\npolicy='never'\n");
  Write("home/.config/wolffia/wolffia.toml", "[storage]\nroot='/user'\n[pull]\nretries=2\n");
  const std::string user_file = dir_ / "home/.config/wolffia/wolffia.toml";
  auto settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(OriginOf(*settings, "storage.root"), "/user " + user_file);
  EXPECT_EQ(OriginOf(*settings, "storage.runroot"), "/site-run " + (dir_ / "etc/wolffia/wolffia.toml"));

  context_.env["WOLFFIA_STORAGE_ROOT"] = "/environment";
  context_.env["WOLFFIA_PULL_RETRIES"] = "3";
  context_.env["WOLFFIA_RUN_ENV"] = "A=b,C=d";
  context_.env["WOLFFIA_REGISTRIES_SEARCH"] = "a.example,b.example";
  context_.env["WOLFFIA_PULL_MAX_LAYER_SIZE"] = "10m";
  context_.env["WOLFFIA_PULL_POLICY"] = "";  // as if it were not set
  context_.env["WOLFFIA_SOMETHING"] = "else";
  settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(OriginOf(*settings, "storage.root"), "/environment environment");
  EXPECT_EQ(OriginOf(*settings, "pull.retries"), "3 environment");
  EXPECT_EQ(settings->env, (std::vector<std::string>{"A=b", "C=d"}));
  EXPECT_EQ(settings->registries.search.size(), 2u);
  EXPECT_EQ(settings->registries.search_origin, "environment");
  EXPECT_EQ(settings->max_layer_size, 10u << 20);
  EXPECT_EQ(settings->policy, "never");

  settings = Load({.root = "/flag", .runroot = "/flag-run"});
  EXPECT_EQ(OriginOf(*settings, "storage.root"), "/flag flag");
  EXPECT_EQ(OriginOf(*settings, "storage.runroot"), "/flag-run flag");

  Write("my.toml", "[pull]\npolicy='always'\n");
  context_.env = {{"HOME", dir_ / "home"}};
  settings = Load({.config = dir_ / "my.toml"});
  EXPECT_EQ(OriginOf(*settings, "pull.policy"), "always " + (dir_ / "my.toml"));
  EXPECT_EQ(OriginOf(*settings, "pull.retries"), "3 default");
}

TEST_F(SettingsTest, RefusedInAFile) {
  const std::pair<const char*, const char*> rows[] = {
      {"[storage]\nrot = '/x'",
       ":2:1: storage.rot: unknown key; [storage] has root, runroot, durability, upper"},
      {"[stroage]\nroot = '/x'", ":1:2: stroage: unknown; there are [storage]"},
      {"root = '/x'", ":1:1: root: unknown"},
      {"storage = 7", ":1:1: storage: not a table"},
      {"[storage]\nroot = 7", ":2:8: storage.root: not a string"},
      {"[storage]\nroot = 'x'", ":2:8: storage.root: 'x' is not an absolute path"},
      {"[storage]\nroot = '/x/$HOSTNAME'", "storage.root: '$HOSTNAME': only $HOME, $USER and $UID"},
      {"[storage]\nroot = ''", "storage.root: '' is not an absolute path"},
      {"[storage]\nroot = \"/a\\u0000b\"", "NUL"},
      {"[storage]\ndurability = 'maybe'", "'maybe' is not one of safe, volatile"},
      {"[storage]\nupper = 'zfs'", "'zfs' is not one of auto, kernel, fuse"},
      {"[pull]\nretries = 21", ":2:11: pull.retries: 21 is not from 0 to 20"},
      {"[pull]\nretries = '3'", "pull.retries: not an integer"},
      {"[pull]\nretries = 3.0", "pull.retries: not an integer"},
      {"[pull]\nparallel_downloads = 0", "0 is not from 1 to 32"},
      {"[pull]\nmax_layer_size = 'big'", "size 'big' is not a number of bytes"},
      {"[pull]\nmax_layer_size = -1", "size '-1'"},
      {"[pull]\nmax_layer_size = 0", "refuse every layer"},
      {"[run]\nenv = ['A']", "run.env: 'A' is not NAME=VALUE"},
      {"[run]\nenv = ['=A']", "'=A' is not NAME=VALUE"},
      {"[run]\nenv = 'A=b'", "run.env: not an array of strings"},
      {"[run]\ndefault_ulimits = ['nofile']", "'nofile' is not NAME=SOFT[:HARD]"},
      {"[run]\ndefault_ulimits = ['nofile=1:x']", "'nofile=1:x' is not"},
      {"[run]\nnetwork = 'slirp4netns:mtu=1'", "invalid mtu"},
      {"[run]\nseccomp_profile = 'p.json'", "'p.json' is not an absolute path"},
      {"[registries]\nsearch = ['a b']", "registries.search: 'a b' is not HOST"},
      {"[storage]\nroot = '/x'\nroot = '/y'", ":3:8: "},
      {"[storage", ":1:9: "},
      {"[storage]\nroot = '\xff'", ":2:"},
      {"[storage]\n\"a\\u001b[2J\" = 1", "storage.a\\x1b[2J: unknown key"},
  };
  for (const auto& [text, why] : rows) {
    Write("w.toml", text);
    auto settings = Load({.config = dir_ / "w.toml"});
    ASSERT_FALSE(settings.has_value()) << text;
    EXPECT_EQ(settings.error().code, Code::kInvalid);
    EXPECT_EQ(settings.error().what.find(dir_ / "w.toml:"), 0u) << settings.error().what;
    EXPECT_NE(settings.error().what.find(why), std::string::npos) << settings.error().what;
  }
  EXPECT_EQ(Load({.config = dir_ / "missing"}).error().code, Code::kNotFound);
  Write("w.toml", std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(Load({.config = dir_ / "w.toml"}).error().code, Code::kInvalid);
  Write("w.toml", "x = " + std::string(100'000, '['));
  EXPECT_EQ(Load({.config = dir_ / "w.toml"}).error().code, Code::kInvalid);
}

TEST_F(SettingsTest, RefusedElsewhere) {
  const std::pair<const char*, const char*> rows[] = {
      {"WOLFFIA_STORAGE_ROT", "WOLFFIA_STORAGE_ROT: there is no such setting"},
      {"WOLFFIA_STORAGE_ROOT", "WOLFFIA_STORAGE_ROOT: 'bad' is not an absolute path"},
      {"WOLFFIA_PULL_RETRIES", "WOLFFIA_PULL_RETRIES: 'bad' is not an integer"},
      {"WOLFFIA_NETWORK_FALLBACK", "WOLFFIA_NETWORK_FALLBACK: 'bad' is not one of error, host"},
      {"WOLFFIA_RUN_ENV", "WOLFFIA_RUN_ENV: 'bad' is not NAME=VALUE"},
  };
  for (const auto& [name, why] : rows) {
    context_.env = {{"HOME", "/h"}, {name, "bad"}};
    auto settings = Load();
    ASSERT_FALSE(settings.has_value()) << name;
    EXPECT_EQ(settings.error().code, Code::kInvalid);
    EXPECT_EQ(settings.error().what.find(why), 0u) << settings.error().what;
  }
  context_.env = {{"HOME", "/h"}};
  EXPECT_EQ(Load({.root = "x"}).error().what, "--root: 'x' is not an absolute path");
  EXPECT_EQ(Load({.runroot = ""}).error().what, "--runroot: '' is not an absolute path");
}

}  // namespace
}  // namespace wolffia
