// Addresses of one subnet, and packets between monitor and holder.
#include <gtest/gtest.h>

#include "network/address_pool.h"
#include "network/holder_protocol.h"

namespace wolffia {
namespace {

TEST(AddressPool, GivesTheFirstFreeAddress) {
  auto pool = AddressPool::Of({.subnet = "10.89.0.0/29", .gateway = "10.89.0.1"});
  ASSERT_TRUE(pool);
  EXPECT_EQ(FormatIp(*pool->Take("")), "10.89.0.2");
  EXPECT_EQ(FormatIp(*pool->Take("10.89.0.4")), "10.89.0.4");
  EXPECT_EQ(pool->Take("10.89.0.4").error().code, Code::kBusy);
  for (const char* last : {"10.89.0.3", "10.89.0.5", "10.89.0.6"}) EXPECT_EQ(FormatIp(*pool->Take("")), last);
  EXPECT_EQ(pool->Take("").error().code, Code::kNoSpace);
  pool->Free(*ParseIp("10.89.0.3"));
  EXPECT_EQ(FormatIp(*pool->Take("")), "10.89.0.3");
}

TEST(AddressPool, KeepsToItsRange) {
  auto pool = AddressPool::Of({"10.89.0.0/24", "10.89.0.1", "10.89.0.254", "10.89.0.255"});
  ASSERT_TRUE(pool);
  EXPECT_EQ(FormatIp(*pool->Take("")), "10.89.0.254");
  EXPECT_EQ(pool->Take("").error().code, Code::kNoSpace);
  EXPECT_TRUE(pool->Take("10.89.0.9")) << "only what is chosen comes from the range";
  for (const char* bad : {"10.89.0.0", "10.89.0.1", "10.89.0.255", "10.89.1.2", "x", "fd00::2"})
    EXPECT_EQ(pool->Take(bad).error().code, Code::kInvalid) << bad;
}

TEST(AddressPool, EndsAtTheEndOfTheFamily) {
  auto pool = AddressPool::Of({"255.255.255.252/30", "255.255.255.253"});
  ASSERT_TRUE(pool);
  EXPECT_EQ(FormatIp(*pool->Take("")), "255.255.255.254");
  EXPECT_EQ(pool->Take("").error().code, Code::kNoSpace);
  EXPECT_FALSE(AddressPool::Of({"10.0.0.0/24", "10.0.1.1"}));
}

TEST(HolderProtocol, CarriesWhatIsSaid) {
  JoinRequest join{"id", "name", {}};
  Membership membership;
  membership.network = {.name = "n",
                        .id = "i",
                        .interface = "br",
                        .created_ns = -5,
                        .subnets = {{"s", "g", "a", "b"}},
                        .ipv6 = true,
                        .labels = {{"k", "v"}},
                        .options = {{"mtu", "9000"}}};
  membership.use = {"n", {"alias", ""}, "10.0.0.2", "fd00::2", "02:00:00:00:00:01", "eth7"};
  join.networks = {membership, {}};
  auto decoded = DecodeHolderRequest(Encode(HolderRequest(join)));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(std::get<JoinRequest>(*decoded), join);
  EXPECT_TRUE(DecodeHolderRequest(Encode(HolderRequest(AttachNetworkRequest{}))));
  HolderAnswer answer{
      "words", 3, {{.network = "n", .interface = "eth0", .prefix = 24, .aliases = {"a"}}}, {"1.1.1.1"}};
  EXPECT_EQ(DecodeHolderAnswer(Encode(answer)).value(), answer);
  HolderStart start{"u", "g", {100000, 65536}, {1, 2}};
  EXPECT_EQ(DecodeHolderStart(Encode(start)).value(), start);
  EXPECT_FALSE(DecodeHolderStart(Encode(answer)));
}

TEST(HolderProtocol, RefusesWhatIsCutOrLonger) {
  JoinRequest join{"id", "name", {{{.name = "n"}, {.network = "n", .aliases = {"a"}}}}};
  const std::string packet = Encode(HolderRequest(join));
  for (size_t i = 0; i < packet.size(); i++) EXPECT_FALSE(DecodeHolderRequest(packet.substr(0, i))) << i;
  EXPECT_FALSE(DecodeHolderRequest(packet + "x"));
  for (size_t i = 0; i < packet.size(); i++) {
    std::string changed = packet;
    changed[i] = static_cast<char>(changed[i] ^ 0xff);
    (void)DecodeHolderRequest(changed);  // whatever it says, it ends
  }
}

}  // namespace
}  // namespace wolffia
