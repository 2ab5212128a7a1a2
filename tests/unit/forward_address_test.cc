#include "network/forward_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace wolffia {
namespace {

ForwardAddress Address(const char* ip, uint16_t port) {
  ForwardAddress address;
  if (inet_pton(AF_INET, ip, &address.v4.sin_addr) == 1) {
    address.any.sa_family = AF_INET;
    address.v4.sin_port = htons(port);
  } else {
    address.any.sa_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, ip, &address.v6.sin6_addr), 1) << ip;
    address.v6.sin6_port = htons(port);
  }
  return address;
}

std::string Text(const ForwardAddress& address) {
  char text[INET6_ADDRSTRLEN] = "own";
  if (address.any.sa_family == AF_INET) inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
  if (address.any.sa_family == AF_INET6) inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
  return address.any.sa_family == AF_UNSPEC ? text : text + std::string(" ") + std::to_string(address.port());
}

ForwardTarget Target(const char* ip, const char* gateway,
                     const char* ip6 = "::", const char* gateway6 = "::") {
  ForwardTarget target;
  EXPECT_EQ(inet_pton(AF_INET, ip, &target.ip), 1);
  EXPECT_EQ(inet_pton(AF_INET, gateway, &target.gateway), 1);
  EXPECT_EQ(inet_pton(AF_INET6, ip6, &target.ip6), 1);
  EXPECT_EQ(inet_pton(AF_INET6, gateway6, &target.gateway6), 1);
  return target;
}

TEST(ForwardRoute, KeepsOrReplaces) {
  const ForwardTarget v4 = Target("10.0.2.100", "10.0.2.2");
  const ForwardTarget both = Target("10.0.2.100", "10.0.2.2", "fd00::100", "fd00::2");
  struct Case {
    const ForwardTarget& target;
    const char *client, *source, *destination;
    bool kept, other_family;
  };
  const Case cases[] = {
      {v4, "203.0.113.8", "203.0.113.8 4000", "10.0.2.100 80", true, false},
      {v4, "10.0.2.2", "10.0.2.2 4000", "10.0.2.100 80", true, false},
      {v4, "127.0.0.1", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "127.255.0.9", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "10.0.2.100", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "0.0.0.0", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "224.0.0.1", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "255.255.255.255", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "::ffff:203.0.113.8", "203.0.113.8 4000", "10.0.2.100 80", true, false},
      {v4, "::ffff:127.0.0.1", "10.0.2.2 4000", "10.0.2.100 80", false, false},
      {v4, "2001:db8::8", "10.0.2.2 4000", "10.0.2.100 80", false, true},
      {v4, "::1", "10.0.2.2 4000", "10.0.2.100 80", false, true},
      {both, "2001:db8::8", "2001:db8::8 4000", "fd00::100 80", true, false},
      {both, "::1", "fd00::2 4000", "fd00::100 80", false, false},
      {both, "fe80::1", "fd00::2 4000", "fd00::100 80", false, false},
      {both, "ff02::1", "fd00::2 4000", "fd00::100 80", false, false},
      {both, "fd00::100", "fd00::2 4000", "fd00::100 80", false, false},
      {both, "203.0.113.8", "203.0.113.8 4000", "10.0.2.100 80", true, false},
  };
  for (const Case& c : cases) {
    const ForwardRoute route = RouteFor(Address(c.client, 4000), 80, c.target);
    EXPECT_TRUE(route.possible) << c.client;
    EXPECT_EQ(Text(route.source), c.source) << c.client;
    EXPECT_EQ(Text(route.destination), c.destination) << c.client;
    EXPECT_EQ(route.kept, c.kept) << c.client;
    EXPECT_EQ(route.other_family, c.other_family) << c.client;
  }
}

TEST(ForwardRoute, FallsBack) {
  const ForwardTarget both = Target("10.0.2.100", "10.0.2.2", "fd00::100", "fd00::2");
  EXPECT_EQ(Text(RouteFor(Address("2001:db8::8", 1), 80, both, true).destination), "10.0.2.100 80");
  const ForwardTarget six = Target("0.0.0.0", "0.0.0.0", "fd00::100", "fd00::2");
  EXPECT_EQ(Text(RouteFor(Address("203.0.113.8", 1), 80, six).source), "fd00::2 1");
  EXPECT_FALSE(RouteFor(Address("::1", 1), 80, six, true).possible);
  EXPECT_FALSE(RouteFor(Address("203.0.113.8", 1), 80, {}).possible);
  // No gateway, as on a network without a way out.
  EXPECT_EQ(Text(RouteFor(Address("127.0.0.1", 1), 80, Target("10.0.2.100", "0.0.0.0")).source), "own");
}

}  // namespace
}  // namespace wolffia
