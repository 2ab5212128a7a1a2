// Units of systemd as golden files (WOLFFIA_UPDATE_GOLDEN=1 writes them anew), what is refused, and quoting.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "engine/runtime/systemd_unit.h"

namespace wolffia {
namespace {

UnitRequest Usual() {
  UnitRequest request;
  request.id = std::string(64, 'a');
  request.name = "web";
  request.program = "/usr/bin/wolffia";
  request.store_root = "/home/u/.local/share/wolffia";
  request.pid_file = "%t/wolffia/pids/" + request.id + ".pid";
  return request;
}

struct GoldenUnit {
  const char* name;
  std::function<void(UnitRequest&)> change;
};

class Unit : public testing::TestWithParam<GoldenUnit> {};

TEST_P(Unit, IsAsWritten) {
  UnitRequest request = Usual();
  GetParam().change(request);
  auto unit = MakeSystemdUnit(request);
  ASSERT_TRUE(unit.has_value()) << unit.error().what;
  std::string path = std::string(WOLFFIA_TEST_DATA "/units/") + GetParam().name + ".service";
  if (getenv("WOLFFIA_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << unit->text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(unit->text, golden.str());
}

INSTANTIATE_TEST_SUITE_P(All, Unit,
                         testing::Values(GoldenUnit{"by-id", [](UnitRequest&) {}},
                                         GoldenUnit{"by-name",
                                                    [](UnitRequest& r) {
                                                      r.by_name = true;
                                                      r.version = "0.9";
                                                      r.created = "Sun Nov 22 08:30:33 UTC 2026";
                                                      r.globals = {"--root=/scratch/u 1/w%"};
                                                      r.store_root = "/scratch/u 1/w%";
                                                      r.wants = {"a.service"};
                                                      r.after = {"a.service", "b.target"};
                                                      r.requires_units = {"c.service"};
                                                      r.env = {"A=b c%d$e\"f\\g"};
                                                      r.restart_policy = "always";
                                                      r.restart_sec = 3;
                                                      r.start_timeout = 90;
                                                      r.stop_timeout = 0;
                                                      r.prefix = "ctr";
                                                      r.separator = ".";
                                                    }},
                                         GoldenUnit{"restarts-itself",
                                                    [](UnitRequest& r) {
                                                      r.container_restart = "on-failure:3";
                                                      r.stop_timeout = -1;
                                                    }},
                                         GoldenUnit{"new",
                                                    [](UnitRequest& r) {
                                                      r.by_name = true;
                                                      r.prefix = "";
                                                      r.run = {"--name=web", "--env=A=b c%d$e",
                                                               "--env=B",    "--secret=key",
                                                               "busybox",    "sh",
                                                               "-c",         "echo $HOME; sleep 1\n",
                                                               "",           ";"};
                                                      r.has_name = true;
                                                      r.inherited_env = {"B=it's"};
                                                      r.container_restart = "on-failure:5";
                                                    }}),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(SystemdUnit, Refuses) {
  const std::pair<const char*, std::function<void(UnitRequest&)>> kCases[] = {
      {"sometimes is not a valid restart policy", [](UnitRequest& r) { r.restart_policy = "sometimes"; }},
      {"cannot be the name of a unit", [](UnitRequest& r) { r.prefix = "../x"; }},
      {"cannot be the name of a unit", [](UnitRequest& r) { r.separator = " "; }},
      {"cannot be the name of a unit", [](UnitRequest& r) { r.prefix = std::string(300, 'x'); }},
      {"is not the name of a unit", [](UnitRequest& r) { r.after = {"a\nExecStart=/bin/x"}; }},
      {"is not the name of a unit", [](UnitRequest& r) { r.wants = {""}; }},
  };
  for (const auto& [what, change] : kCases) {
    UnitRequest request = Usual();
    change(request);
    auto unit = MakeSystemdUnit(request);
    ASSERT_FALSE(unit.has_value()) << what;
    EXPECT_EQ(unit.error().code, Code::kInvalid);
    EXPECT_NE(unit.error().what.find(what), std::string::npos) << unit.error().what;
  }
}

TEST(SystemdUnit, PolicyOfTheContainerBecomesThatOfTheUnit) {
  for (auto [own, text] : {std::pair{"always", "Restart=always\n"},
                           {"unless-stopped", "Restart=always\n"},
                           {"no", "Restart=no\n"},
                           {"", "Restart=on-failure\n"}}) {
    UnitRequest request = Usual();
    request.run = {"busybox"};
    request.container_restart = own;
    EXPECT_NE(MakeSystemdUnit(request)->text.find(text), std::string::npos) << own;
  }
}

TEST(SystemdUnit, Words) {
  const std::pair<std::string, std::string> kCases[] = {
      {"plain", "plain"}, {"", "\"\""},        {"a b", "\"a b\""},
      {"50%", "50%%"},    {"$HOME", "$$HOME"}, {"it's", "\"it's\""},
      {"\"", "\"\\\"\""}, {"\\", "\"\\\\\""},  {"a\tb\n", "\"a\\x09b\\x0a\""},
      {";", "\";\""},     {"a;b", "a;b"},      {"caf\u00e9", "caf\u00e9"},
  };
  for (const auto& [plain, quoted] : kCases) EXPECT_EQ(QuoteUnitWord(plain), quoted);
  EXPECT_EQ(QuoteUnitValue("$A"), "$A");
}

}  // namespace
}  // namespace wolffia
