#include "network/network_options.h"

#include <gmock/gmock.h>

namespace wolffia {
namespace {

using ::testing::HasSubstr;

Result<NetworkConfig> Read(std::vector<std::string> texts, std::vector<std::string> defaults = {}) {
  NetworkConfig config;
  TRY(ReadNetworkModes(texts, defaults, config));
  return config;
}

TEST(NetworkOptions, ReadsModes) {
  for (const char* mode : {"none", "host", "slirp4netns", "pasta"}) {
    auto config = Read({mode});
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(config->mode, mode);
  }
  EXPECT_EQ(Read({"container:web"})->mode, "container:web");
  EXPECT_EQ(Read({"ns:/proc/7/ns/net"})->mode, "ns:/proc/7/ns/net");
}

TEST(NetworkOptions, ReadsOptionsOfSlirp4netns) {
  auto config = Read({"slirp4netns:allow_host_loopback=true,cidr=10.9.8.7/"
                      "24,enable_ipv6=true,mtu=1500,outbound_addr=eth0,bypass=off"},
                     {"mtu=9000", "port_handler=rootlesskit"});
  ASSERT_TRUE(config) << config.error().what;
  UserModeOptions wanted{.mtu = 1500, .allow_host_loopback = true, .ipv6 = true};
  wanted.cidr = "10.9.8.0/24";
  wanted.outbound_addr = "eth0";
  EXPECT_EQ(config->options, wanted);
  EXPECT_TRUE(Read({"slirp4netns:port_handler=slirp4netns"})->options.slirp_ports);
}

TEST(NetworkOptions, ReadsUserDefinedNetworks) {
  auto config = Read({"front:ip=10.89.0.7,alias=web,alias=www,mac=02:00:00:00:00:07", "back:ip6=fd00::7"});
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->mode, "bridge");
  ASSERT_EQ(config->networks.size(), 2U);
  EXPECT_EQ(config->networks[0], (NetworkUse{.network = "front",
                                             .aliases = {"web", "www"},
                                             .ip = "10.89.0.7",
                                             .ip6 = "",
                                             .mac = "02:00:00:00:00:07",
                                             .interface = ""}));
  EXPECT_EQ(config->networks[1].ip6, "fd00::7");
}

TEST(NetworkOptions, RefusesWhatItDoesNotKnow) {
  for (const auto& [texts, part] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"slirp4netns:mtu=10"}, "mtu"},
           {{"slirp4netns:mtu=70000"}, "mtu"},
           {{"slirp4netns:mtu=15x"}, "mtu"},
           {{"slirp4netns:cidr=10.0.2.0"}, "cidr"},
           {{"slirp4netns:cidr=10.0.2.0/30"}, "cidr"},
           {{"slirp4netns:cidr=fd00::/64"}, "cidr"},
           {{"slirp4netns:speed=high"}, "unknown option"},
           {{"slirp4netns:bypass"}, "KEY=VALUE"},
           {{"slirp4netns:bypass=maybe"}, "bypass"},
           {{"slirp4netns:port_handler=docker"}, "port_handler"},
           {{"host:x=y"}, "takes no options"},
           {{"container:"}, "container:NAME"},
           {{"ns:"}, "ns:PATH"},
           {{"front", "host"}, "multiple networks"},
           {{"host", "front"}, "multiple networks"},
           {{"front:ip=10.89.0.300"}, "ip="},
           {{"front:colour=red"}, "unknown"}}) {
    auto config = Read(texts);
    ASSERT_FALSE(config) << texts[0];
    EXPECT_EQ(config.error().code, Code::kInvalid);
    EXPECT_THAT(config.error().what, HasSubstr(part));
  }
}

}  // namespace
}  // namespace wolffia
