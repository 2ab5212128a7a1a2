#include <gtest/gtest.h>

#include "engine/oci/image_config.h"

namespace wolffia {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ImageConfig, Parse) {
  auto config = ImageConfig::Parse(R"({
    "created": "2026-01-02T03:04:05Z", "author": "me", "architecture": "arm64", "os": "linux", "variant": "v8",
    "docker_version": "ignored", "container_config": {"Cmd": ["ignored"]},
    "config": {"User": "1000:100", "Env": ["A=b", "EMPTY="], "Entrypoint": ["/e"], "Cmd": null, "WorkingDir": "/w",
      "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/v": {}}, "Labels": {"k": "v"}, "StopSignal": "SIGINT",
      "Shell": ["/bin/sh", "-c"], "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30000000000, "Retries": 3}},
    "rootfs": {"type": "layers", "diff_ids": [")" +
                                   kDigest + R"("]},
    "history": [{"created_by": "ADD x", "empty_layer": false}, {"created_by": "ENV", "empty_layer": true}]})");
  ASSERT_TRUE(config.has_value()) << config.error().what;
  EXPECT_EQ(config->platform.str(), "linux/arm64/v8");
  EXPECT_EQ(config->user, "1000:100");
  EXPECT_EQ(config->env, (std::vector<std::string>{"A=b", "EMPTY="}));
  EXPECT_EQ(config->entrypoint, std::vector<std::string>{"/e"});
  EXPECT_TRUE(config->cmd.empty());
  EXPECT_EQ(config->exposed_ports, (std::set<std::string>{"53/udp", "80/tcp"}));
  EXPECT_EQ(config->volumes, std::set<std::string>{"/v"});
  EXPECT_EQ(config->labels.at("k"), "v");
  EXPECT_EQ(config->stop_signal, "SIGINT");
  EXPECT_EQ(config->healthcheck->interval_ns, 30'000'000'000);
  EXPECT_EQ(config->healthcheck->retries, 3);
  EXPECT_EQ(config->diff_ids.size(), 1u);
  ASSERT_EQ(config->history.size(), 2u);
  EXPECT_TRUE(config->history[1].empty_layer);
}

TEST(ImageConfig, AcceptsTheLeast) {
  auto config =
      ImageConfig::Parse(R"({"rootfs":{"type":"layers","diff_ids":null},"config":null,"history":null})");
  ASSERT_TRUE(config.has_value()) << config.error().what;
  EXPECT_EQ(config->platform.os, "linux");
  EXPECT_TRUE(config->diff_ids.empty());
}

TEST(ImageConfig, Refused) {
  std::string many;
  for (size_t i = 0; i <= kMaxLayers; i++) many += (i == 0 ? "\"" : ",\"") + kDigest + "\"";
  const std::string rootfs = R"(,"rootfs":{"type":"layers","diff_ids":[]}})";
  const std::pair<std::string, const char*> rows[] = {
      {"[]", "not an object"},
      {"{}", "rootfs: missing"},
      {R"({"rootfs":{"type":"block"}})", "rootfs.type: 'block'"},
      {R"({"rootfs":{"type":"layers","diff_ids":["sha256:x"]}})", "rootfs.diff_ids[0]"},
      {R"({"rootfs":{"type":"layers","diff_ids":[)" + many + "]}}", "more than 500"},
      {R"({"config":{"Env":"A=b"})" + rootfs, "config.Env: not an array of strings"},
      {R"({"config":{"Cmd":[1]})" + rootfs, "config.Cmd"},
      {R"({"config":{"Labels":{"a":1}})" + rootfs, "config.Labels"},
      {R"({"config":{"Volumes":[]})" + rootfs, "config.Volumes"},
      {R"({"config":{"User":"a\u0000b"})" + rootfs, "NUL"},
      {R"({"config":{"User":"a","User":"root"})" + rootfs, "appears twice"},
      {R"({"config":{"Healthcheck":{"Retries":99999999999}})" + rootfs, "out of range"},
      {R"({"history":[1])" + rootfs, "history[0]: not an object"},
      {R"({"os":7)" + rootfs, "os: not a string"},
  };
  for (const auto& [json, why] : rows) {
    auto parsed = ImageConfig::Parse(json);
    ASSERT_FALSE(parsed.has_value()) << json.substr(0, 200);
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_NE(parsed.error().what.find(why), std::string::npos) << parsed.error().what;
  }
}

TEST(ImageConfig, LayersMustFit) {
  Manifest manifest;
  ImageConfig config;
  EXPECT_TRUE(CheckLayersFit(manifest, config).has_value());
  manifest.layers.resize(2);
  config.diff_ids.resize(1);
  EXPECT_EQ(CheckLayersFit(manifest, config).error().what,
            "the manifest lists 2 layers, the image configuration 1");
}

}  // namespace
}  // namespace wolffia
