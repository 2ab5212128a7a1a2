// registries.conf of other programs, [[registry]] of wolffia.toml, and which rule is for which name.
#include "tests/unit/config_files.h"

namespace wolffia {
namespace {

class Registries : public ConfigFiles {
 protected:
  void WriteSite(const std::string& text) { Write("etc/containers/registries.conf", text); }
  Result<RegistrySettings> Load() { return LoadRegistriesConf(context_, site_); }
};

TEST_F(Registries, NoFileAtAll) {
  auto settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(settings->search, std::vector<std::string>{"docker.io"});
  EXPECT_TRUE(settings->search_is_default);
  EXPECT_TRUE(settings->rules.empty());
  EXPECT_EQ(settings->RuleFor("docker.io/library/debian"), nullptr);
}

TEST_F(Registries, EveryKey) {
  WriteSite(R"(
unqualified-search-registries = ["quay.io", "example.com:5000/team/"]
short-name-mode = "enforcing"
credential-helpers = ["containers-auth.json"]
[aliases]
"debian" = "docker.io/library/debian"
"team/app" = "quay.io/team/app"
[[registry]]
prefix = "example.com/foo"
location = "internal.example.net/bar"
insecure = true
blocked = false
some-future-key = 7
[[registry.mirror]]
location = "mirror.example.net/one/"
insecure = true
[[registry.mirror]]
location = "mirror.example.net/two"
pull-from-mirror = "digest-only"
[[registry]]
location = "blocked.example.com"
blocked = true
mirror-by-digest-only = true
)");
  auto settings = Load();
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  EXPECT_EQ(settings->search, (std::vector<std::string>{"quay.io", "example.com:5000/team"}));
  EXPECT_FALSE(settings->search_is_default);
  EXPECT_EQ(settings->search_origin, dir_ / "etc/containers/registries.conf");
  EXPECT_EQ(settings->short_name_mode, "enforcing");
  EXPECT_EQ(settings->aliases.at("team/app"), "quay.io/team/app");
  ASSERT_EQ(settings->rules.size(), 2u);
  const RegistryRule& foo = settings->rules[0];
  EXPECT_EQ(foo.location, "internal.example.net/bar");
  EXPECT_TRUE(foo.insecure);
  ASSERT_EQ(foo.mirrors.size(), 2u);
  EXPECT_EQ(foo.mirrors[0].location, "mirror.example.net/one");
  EXPECT_EQ(foo.mirrors[0].pull_from_mirror, "all");
  EXPECT_EQ(foo.mirrors[1].pull_from_mirror, "digest-only");
  const RegistryRule& blocked = settings->rules[1];
  EXPECT_EQ(blocked.prefix, "blocked.example.com");
  EXPECT_EQ(blocked.location, "");
  EXPECT_TRUE(blocked.blocked && blocked.mirror_by_digest_only);
}

TEST_F(Registries, WhichFiles) {
  WriteSite(
      "unqualified-search-registries = ['site.example']\n[aliases]\na = 'site.example/a'\nb = "
      "'site.example/b'\n");
  Write("etc/containers/registries.conf.d/20-b.conf", "[aliases]\na = 'late.example/a'\nb = ''\n");
  Write("etc/containers/registries.conf.d/10-a.conf", "[aliases]\na = 'early.example/a'\n");
  Write("etc/containers/registries.conf.d/README", "not TOML");
  Write("home/.config/containers/registries.conf.d/x.conf", "[[registry]]\nlocation = 'user.example'\n");
  auto site = Load();
  ASSERT_TRUE(site.has_value()) << site.error().what;
  EXPECT_EQ(site->search, std::vector<std::string>{"site.example"});
  EXPECT_EQ(site->aliases, (std::map<std::string, std::string>{{"a", "late.example/a"}}));
  EXPECT_EQ(site->rules.size(), 1u);

  Write("home/.config/containers/registries.conf", "unqualified-search-registries = ['home.example']");
  auto home = Load();
  ASSERT_TRUE(home.has_value()) << home.error().what;
  EXPECT_EQ(home->search, std::vector<std::string>{"home.example"});
  EXPECT_TRUE(home->aliases.empty());
  EXPECT_EQ(home->rules.size(), 1u);

  Write("xdg/containers/registries.conf", "unqualified-search-registries = ['xdg.example']");
  context_.env["XDG_CONFIG_HOME"] = dir_ / "xdg";
  EXPECT_EQ(Load()->search, std::vector<std::string>{"xdg.example"});

  Write("named.conf", "unqualified-search-registries = []");
  context_.env["CONTAINERS_REGISTRIES_CONF"] = dir_ / "named.conf";
  auto named = Load();
  EXPECT_TRUE(named->search.empty());
  EXPECT_FALSE(named->search_is_default);

  context_.env["CONTAINERS_REGISTRIES_CONF"] = dir_ / "missing.conf";
  EXPECT_EQ(Load().error().code, Code::kNotFound);
}

TEST_F(Registries, Refused) {
  const std::pair<const char*, const char*> rows[] = {
      {"[registries.search]\nregistries = ['x']", ":1:1: registries: this is version 1"},
      {"x = ", ":1:"},
      {"unqualified-search-registries = 'x'",
       ":1:33: unqualified-search-registries: not an array of strings"},
      {"unqualified-search-registries = ['https://x']", "without a scheme"},
      {"short-name-mode = 'x'", "'x' is not one of enforcing"},
      {"[aliases]\n'debian' = 'debian'", ":2:1: aliases.debian: 'debian' is not a full image name"},
      {"[aliases]\n'debian' = 'quay.io/debian:12'", "without tag and digest"},
      {"[aliases]\n'quay.io/x' = 'quay.io/y'", "an alias is a short name"},
      {"[aliases]\n'debian' = 7", "aliases.debian: not a string"},
      {"aliases = 7", "aliases: not a table"},
      {"registry = 7", "registry: write [[registry]]"},
      {"[[registry]]\nblocked = true", "registry[0]: neither a prefix nor a location"},
      {"[[registry]]\nlocation = 'a'\ninsecure = 'yes'", ":3:12: registry[0].insecure: not true or false"},
      {"[[registry]]\nlocation = 'http://a'", "registry[0].location"},
      {"[[registry]]\nprefix = 'a.*.com'\nlocation = 'a'", "a wildcard can only be *.HOST"},
      {"[[registry]]\nprefix = '*.a.com/x'", "a wildcard can only be *.HOST"},
      {"[[registry]]\nlocation = 'a'\nmirror = 7", "registry[0].mirror: not an array"},
      {"[[registry]]\nlocation = 'a'\n[[registry.mirror]]\ninsecure = true",
       "registry[0].mirror[0].location: missing"},
      {"[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation='m'\npull-from-mirror='x'",
       "'x' is not one of all"},
      {"[[registry]]\nlocation = \"a\\u0000b\"", "NUL"},
      {"\"\\u001b[2J\" = ", "registries.conf:1:"},
  };
  for (const auto& [text, why] : rows) {
    WriteSite(text);
    auto settings = Load();
    ASSERT_FALSE(settings.has_value()) << text;
    EXPECT_EQ(settings.error().code, Code::kInvalid);
    EXPECT_EQ(settings.error().what.find(dir_ / "etc/containers/registries.conf:"), 0u)
        << settings.error().what;
    EXPECT_NE(settings.error().what.find(why), std::string::npos) << settings.error().what;
  }
}

TEST_F(Registries, LongestPrefixWins) {
  RegistrySettings settings;
  for (const char* prefix : {"example.com", "example.com/team", "example.com/team/app:bad", "*.example.com",
                             "*.com", "localhost:5000", "example.com/te"})
    settings.rules.push_back({.prefix = prefix});
  const std::pair<const char*, const char*> rows[] = {
      {"example.com/x", "example.com"},
      {"example.com/team/app", "example.com/team"},
      {"example.com/team", "example.com/team"},
      {"example.com/team:1", "example.com/team"},
      {"example.com/team/app:bad", "example.com/team/app:bad"},
      {"example.com/teams/app", "example.com"},
      {"a.example.com/x", "*.example.com"},
      {"a.b.example.com:5000/x", "*.example.com"},
      {"other.com/x", "*.com"},
      {"notexample.com/x", "*.com"},
      {"example.com:5000/x", "*.com"},
      {"localhost:5000/x", "localhost:5000"},
      {"localhost:50001/x", ""},
      {"localhost/x", ""},
      {"example.org/example.com/x", ""},
  };
  for (const auto& [name, prefix] : rows) {
    const RegistryRule* rule = settings.RuleFor(name);
    EXPECT_EQ(rule == nullptr ? "" : rule->prefix, prefix) << name;
  }
}

TEST_F(Registries, WolffiaTomlComesBefore) {
  WriteSite(
      "unqualified-search-registries = ['site.example']\n"
      "[[registry]]\nprefix='example.com'\nlocation='theirs.example'\n[[registry]]\nprefix='other.example'\n"
      "location='x.example'\n[aliases]\na='site.example/a'\n");
  Write("etc/wolffia/wolffia.toml",
        "[[registry]]\nprefix='example.com'\nlocation='ours.example'\nca_file='/etc/ca.crt'\n"
        "mirror_by_digest_only=true\nmirrors=[{location='m.example', insecure=true, "
        "pull_from_mirror='tag-only'}]\n"
        "[registries.aliases]\nb='ours.example/b'\n");
  auto settings = LoadSettings(context_, {}, site_);
  ASSERT_TRUE(settings.has_value()) << settings.error().what;
  const RegistrySettings& registries = settings->registries;
  EXPECT_EQ(registries.search, std::vector<std::string>{"site.example"});
  EXPECT_EQ(registries.aliases.size(), 2u);
  ASSERT_EQ(registries.rules.size(), 2u);
  const RegistryRule* rule = registries.RuleFor("example.com/x");
  EXPECT_EQ(rule->location, "ours.example");
  EXPECT_EQ(rule->ca_file, "/etc/ca.crt");
  EXPECT_TRUE(rule->mirror_by_digest_only);
  ASSERT_EQ(rule->mirrors.size(), 1u);
  EXPECT_EQ(rule->mirrors[0].pull_from_mirror, "tag-only");

  auto without = LoadSettings(context_, {.registries = false}, site_);
  EXPECT_EQ(without->registries.search, std::vector<std::string>{"docker.io"});

  const std::pair<const char*, const char*> bad[] = {
      {"[[registry]]\nlocation='a'\nlocaton='b'", ":3:1: registry[0].locaton: unknown key"},
      {"[[registry]]\nlocation='a'\nmirror=[]", "registry[0].mirror: unknown key"},
      {"[[registry]]\nlocation='a'\nmirrors=[{location='b', x=1}]", "registry[0].mirrors[0].x: unknown key"},
      {"[[registry]]\nlocation='a'\nca_file='x'", "registry[0].ca_file: not an absolute path"},
      {"[[registry]]\nlocation='a'\n[[registry]]\nlocation='a'", "registry[1]: a second table for 'a'"},
  };
  for (const auto& [text, why] : bad) {
    Write("etc/wolffia/wolffia.toml", text);
    auto refused = LoadSettings(context_, {}, site_);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
  }
}

}  // namespace
}  // namespace wolffia
