// User-defined networks: what is chosen, what is refused, and how they are kept.
#include "network/network_definition.h"

#include <gtest/gtest.h>

#include "storage/network_store.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

NetworkSurroundings Around(const std::vector<std::string>& routes) {
  NetworkSurroundings around;
  around.networks.push_back(DefaultNetwork());
  for (const std::string& route : routes) around.routes.push_back(*ParseIpPrefix(route));
  return around;
}

std::string Refusal(const NetworkWish& wish, const NetworkSurroundings& around) {
  auto network = DefineNetwork(wish, around, 1);
  return network ? "" : network.error().what;
}

TEST(NetworkDefinition, ChoosesWhatIsLeftOpen) {
  auto network = DefineNetwork({}, Around({"10.89.0.0/24", "10.89.1.128/25"}), 1);
  ASSERT_TRUE(network) << network.error().what;
  EXPECT_EQ(network->name, "wolffia1");
  EXPECT_EQ(network->interface, "wolffia1");
  ASSERT_EQ(network->subnets.size(), 1U);
  EXPECT_EQ(network->subnets[0], (NetworkSubnet{.subnet = "10.89.2.0/24", .gateway = "10.89.2.1"}));
  NetworkSurroundings more = Around({"10.0.0.0/8"});
  EXPECT_NE(Refusal({}, more).find("no subnet between"), std::string::npos);
}

TEST(NetworkDefinition, TakesWhatIsAskedFor) {
  auto network = DefineNetwork({.name = "foo",
                                .subnets = {"10.91.0.7/24"},
                                .gateways = {"10.91.0.5"},
                                .ranges = {"10.91.0.128/25"},
                                .ipv6 = true,
                                .options = {{"com.docker.network.driver.mtu", "9000"}, {"isolate", "0"}}},
                               Around({}), 0x1122334455667788);
  ASSERT_TRUE(network) << network.error().what;
  ASSERT_EQ(network->subnets.size(), 2U);
  EXPECT_EQ(network->subnets[0], (NetworkSubnet{"10.91.0.0/24", "10.91.0.5", "10.91.0.129", "10.91.0.255"}));
  EXPECT_EQ(network->subnets[1].subnet, "fd77:6655:4433:2211::/64");
  EXPECT_TRUE(network->ipv6);
  EXPECT_EQ(MtuOf(*network), 9000);
  EXPECT_FALSE(IsIsolated(*network));
}

TEST(NetworkDefinition, RefusesInPodmansWords) {
  const NetworkSurroundings around = Around({"192.168.7.0/24"});
  EXPECT_EQ(Refusal({.name = "b/d"}, around),
            "network name b/d invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
  EXPECT_EQ(Refusal({.name = "host"}, around),
            "cannot create network with name \"host\" because it conflicts with a valid network mode");
  EXPECT_EQ(Refusal({.name = "wolffia"}, around),
            "network name wolffia already used: network already exists");
  for (const char* taken : {"192.168.7.128/25", "192.168.0.0/16", "10.88.9.0/24", "10.0.2.0/24"})
    EXPECT_TRUE(Refusal({.name = "a", .subnets = {taken}}, around)
                    .ends_with("is already used on the host or by another config"))
        << taken;
  EXPECT_EQ(Refusal({.name = "a", .subnets = {"10.92.0.0/33"}}, around),
            "invalid CIDR address: 10.92.0.0/33");
  EXPECT_EQ(Refusal({.name = "a", .gateways = {"10.93.0.1"}}, around),
            "cannot set gateway or range without subnet");
  for (const char* gateway : {"10.93.0.1", "10.92.0.0", "10.92.0.255"})
    EXPECT_EQ(Refusal({.name = "a", .subnets = {"10.92.0.0/24"}, .gateways = {gateway}}, around),
              std::string("gateway ") + gateway + " not in subnet 10.92.0.0/24");
  EXPECT_EQ(Refusal({.name = "a", .subnets = {"10.92.0.0/24"}, .ranges = {"10.95.0.0/25"}}, around),
            "ip range 10.95.0.0/25 not in subnet 10.92.0.0/24");
  EXPECT_NE(Refusal({.name = "a", .subnets = {"10.92.0.0/24", "10.93.0.0/24"}}, around), "");
  EXPECT_NE(Refusal({.name = "a", .subnets = {"10.92.0.0/31"}}, around), "");
  for (const char* mtu : {"575", "65536", "x", "1500x", "-1"})
    EXPECT_NE(Refusal({.name = "a", .options = {{"mtu", mtu}}}, around), "") << mtu;
  EXPECT_EQ(Refusal({.name = "a", .options = {{"foo", "1"}}}, around),
            "unsupported network option foo: there are mtu and isolate");
}

class NetworkStoreTest : public ::testing::Test {
 protected:
  TempDir dir_;
  Store store_ =
      Store::Open({.root = dir_ / "root", .runroot = dir_ / "run", .durability = Durability::kVolatile})
          .value();
};

TEST_F(NetworkStoreTest, KeepsNetworks) {
  NetworkStore networks(store_);
  auto define = [&](const std::vector<NetworkRecord>& others) {
    return DefineNetwork({.name = "foo", .labels = {{"a", "b"}}}, {others, {}}, 1);
  };
  auto made = networks.Create(define);
  ASSERT_TRUE(made) << made.error().what;
  auto twice = networks.Create(define);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::kExists);
  EXPECT_EQ(networks.Get("foo").value(), *made);
  EXPECT_EQ(networks.Get(made->id.substr(0, 12)).value(), *made);
  EXPECT_EQ(networks.List()->size(), 2U);
  EXPECT_EQ(networks.Get("").error().code, Code::kNotFound);
  EXPECT_EQ(networks.Get("../foo").error().what,
            "unable to find network with name or ID ../foo: network not found");
  EXPECT_TRUE(networks.Remove("foo"));
  EXPECT_EQ(networks.Remove("foo").error().code, Code::kNotFound);
  EXPECT_EQ(networks.Remove("wolffia").error().what, "default network wolffia cannot be removed");
}

TEST_F(NetworkStoreTest, PassesOverWhatIsNoNetwork) {
  NetworkStore networks(store_);
  ASSERT_TRUE(MakeDirectories(store_.root_path() + "/networks"));
  const char* bad[] = {"{}", "[", "", R"({"name":"x","id":"0","subnets":[{"subnet":"10.0.0.0"}]})"};
  for (int i = 0; i < 4; i++)
    ASSERT_TRUE(ReplaceFileAt(store_.root(), "networks/x" + std::to_string(i) + ".json", bad[i], 0600,
                              Durability::kVolatile));
  EXPECT_EQ(networks.List()->size(), 1U);
  EXPECT_EQ(networks.Get("x0").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace wolffia
