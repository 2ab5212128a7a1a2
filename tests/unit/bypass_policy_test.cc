#include "network/bypass_policy.h"

#include "network/bypass_ports.h"
#include "tests/unit/bypass_world.h"

namespace wolffia {
namespace {

TEST(BypassPolicy, KeepsInsideWhatIsNotOutside) {
  BypassPolicy policy;
  policy.inside[0] = {0x0a000200, 0xffffff00};
  policy.inside_count = 1;
  policy.gateway = 0x0a000202;
  for (const char* inside :
       {"127.0.0.1",        "127.9.9.9",       "0.0.0.0",         "0.1.2.3",   "10.0.2.2", "10.0.2.100",
        "169.254.169.254",  "224.0.0.1",       "255.255.255.255", "240.0.0.1", "::",       "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.2.3", "::127.0.0.1",     "fe80::1",   "fec0::1",  "ff02::1",
        "fd00::2",          "2001:db8::1"})
    EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address(inside, 80)))) << inside;
  for (const char* outside : {"203.0.113.1", "10.0.3.1", "192.168.1.1", "::ffff:203.0.113.1"}) {
    auto peer = OutsidePeer(policy, BytesOf(Address(outside, 80)));
    ASSERT_TRUE(peer) << outside;
    EXPECT_EQ(*peer, Address(outside, 80));
  }
  policy.ipv6 = true;
  EXPECT_TRUE(OutsidePeer(policy, BytesOf(Address("2001:db8::1", 80))));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("fd00::2", 80))));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("::1", 80))));
  policy.allow_host_loopback = true;
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(Address("10.0.2.2", 80))), Address("127.0.0.1", 80));
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(Address("::ffff:10.0.2.2", 80))), Address("::ffff:127.0.0.1", 80));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("127.0.0.1", 80))));
}

TEST(BypassPolicy, LeavesMalformedAddressesToTheKernel) {
  BypassPolicy policy;
  policy.ipv6 = true;
  EXPECT_FALSE(OutsidePeer(policy, ""));
  EXPECT_FALSE(OutsidePeer(policy, "x"));
  const BypassPeer v4 = Address(kOutside, 80), v6 = Address(kOutside6, 80);
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(v4).substr(0, 8)));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(v6).substr(0, 16)));
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(v6).substr(0, 24)), v6);
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address(kOutside, 0))));
  BypassPeer scoped = v6;
  scoped.v6.sin6_scope_id = 1;
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(scoped)));
}

TEST(BypassPolicy, KnowsItsOwnPorts) {
  BypassPolicy policy;
  policy.address = 0x0a000264;
  for (const char* own : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.2.100", "::", "::1", "::ffff:127.0.0.1",
                          "::ffff:10.0.2.100"})
    EXPECT_EQ(OwnPort(policy, BytesOf(Address(own, 80))), 80) << own;
  for (const char* other : {"10.0.2.2", "203.0.113.1", "::ffff:10.0.2.2", "2001:db8::1", "fe80::1"})
    EXPECT_FALSE(OwnPort(policy, BytesOf(Address(other, 80)))) << other;
  EXPECT_FALSE(OwnPort(policy, ""));
  EXPECT_FALSE(OwnPort(policy, BytesOf(Address("127.0.0.1", 80)).substr(0, 8)));
}

Fd BoundTo(const char* address) {
  const BypassPeer at = Address(address, 0);
  Fd fd(socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (at.any.sa_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  return bind(fd.get(), &at.any, at.size) == 0 ? std::move(fd) : Fd();
}

TEST(BypassPorts, FindTheirPlace) {
  BypassPorts ports;
  ports.Add(80, BoundTo("127.0.0.1"));
  ports.Add(81, BoundTo("127.0.0.1"));
  ports.Add(81, BoundTo("127.0.0.1"));
  const auto v4 = ports.PlaceFor(Address("0.0.0.0", 80), false);
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  const auto mapped = ports.PlaceFor(Address("::", 80), false);
  ASSERT_TRUE(mapped);
  EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&mapped->v6.sin6_addr));
  EXPECT_EQ(mapped->v6.sin6_port, v4->v4.sin_port);
  EXPECT_FALSE(ports.PlaceFor(Address("::", 80), true));         // IPv6 alone
  EXPECT_FALSE(ports.PlaceFor(Address("0.0.0.0", 81), false));   // twice on the host
  EXPECT_FALSE(ports.PlaceFor(Address("0.0.0.0", 443), false));  // not published
  ports.GiveBack(80);
  EXPECT_FALSE(ports.TakenPort(80, AF_INET));
  ports.Take(80);
  EXPECT_EQ(ports.TakenPort(80, AF_INET), v4);
  ports.GiveBack(80);
  EXPECT_FALSE(ports.TakenPort(80, AF_INET));
}

}  // namespace
}  // namespace wolffia
