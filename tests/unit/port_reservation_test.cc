#include "network/port_reservation.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/base/file.h"
#include "network/port_mapping.h"

namespace wolffia {
namespace {

using ::testing::HasSubstr;

PortMapping Free(const char* text) {
  std::vector<PortMapping> ports = {*ParsePortMapping(text)};
  auto chosen = ChooseHostPorts(ports);
  if (!chosen) ADD_FAILURE() << chosen.error().what;
  return ports[0];
}

// Another program's server, as most set it up. True if it can have the port.
bool CanServe(uint16_t port, int type = SOCK_STREAM) {
  Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int one = 1;
  if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return false;
  return type == SOCK_DGRAM || listen(fd.get(), 1) == 0;
}

int Connect(uint16_t port, Fd& fd) {
  fd = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ? errno : 0;
}

TEST(PortReservation, NobodyElseHasThePorts) {
  for (const char* text : {"80", "53/udp"}) {
    const PortMapping port = Free(text);
    const int type = port.protocol == Protocol::kUdp ? SOCK_DGRAM : SOCK_STREAM;
    ASSERT_TRUE(CanServe(port.host_port, type));
    {
      auto made = PortReservation::Make({port});
      ASSERT_TRUE(made) << made.error().what;
      ASSERT_GE(made->ports().size(), 1U);
      EXPECT_EQ(made->ports()[0].host_port, port.host_port);
      EXPECT_FALSE(CanServe(port.host_port, type)) << "bound, and not listening yet";
      auto again = PortReservation::Make({port});
      ASSERT_FALSE(again);
      EXPECT_EQ(again.error().code, Code::kBusy);
      EXPECT_EQ(again.error().what, "rootlessport listen " + std::string(ProtocolName(port.protocol)) +
                                        " 0.0.0.0:" + std::to_string(port.host_port) +
                                        ": bind: address already in use");
      ASSERT_TRUE(made->Listen());
      ASSERT_TRUE(made->Listen()) << "a second time, after a repair";
      EXPECT_FALSE(CanServe(port.host_port, type)) << "listening";
    }
    EXPECT_TRUE(CanServe(port.host_port, type)) << "given back";
  }
}

TEST(PortReservation, RefusesUntilItListens) {
  const PortMapping port = Free("80");
  auto made = PortReservation::Make({port});
  ASSERT_TRUE(made);
  Fd client;
  EXPECT_EQ(Connect(port.host_port, client), ECONNREFUSED);
  ASSERT_TRUE(made->Listen());
  EXPECT_EQ(Connect(port.host_port, client), 0);
}

// Of two that have bound it in the same moment the second to listen is told as if the first had been quicker.
TEST(PortReservation, OneOfTwoListens) {
  const PortMapping port = Free("127.0.0.1::80");
  auto first = PortReservation::Make({port});
  ASSERT_TRUE(first);
  const int on = 1;
  ASSERT_EQ(setsockopt(first->ports()[0].socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  auto second = PortReservation::Make({port});
  ASSERT_TRUE(second) << second.error().what;
  ASSERT_EQ(setsockopt(second->ports()[0].socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  auto served = first->Listen();
  ASSERT_TRUE(served) << served.error().what;
  auto listening = second->Listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Code::kBusy);
  EXPECT_EQ(listening.error().what, "rootlessport listen tcp 127.0.0.1:" + std::to_string(port.host_port) +
                                        ": bind: address already in use");
}

// What an earlier container leaves in the kernel does not keep the next one from starting.
TEST(PortReservation, StartsAgainAfterConnections) {
  const PortMapping port = Free("80");
  for (int i = 0; i < 3; i++) {
    auto made = PortReservation::Make({port});
    ASSERT_TRUE(made) << made.error().what;
    auto listening = made->Listen();
    ASSERT_TRUE(listening) << listening.error().what;
    Fd client;
    ASSERT_EQ(Connect(port.host_port, client), 0);
    Fd server;
    for (const ReservedPort& one : made->ports())
      if (!one.ipv6) server = Fd(accept(one.socket.get(), nullptr, nullptr));
    ASSERT_TRUE(server);
    server.Reset();  // the server closes first: TIME_WAIT is on its port
    char byte;
    EXPECT_EQ(read(client.get(), &byte, 1), 0);
  }
}

TEST(PortReservation, TakesRangesAndAddresses) {
  const PortMapping range = Free("127.0.0.1::9000-9004");
  EXPECT_EQ(range.count, 5);
  auto made = PortReservation::Make({range});
  ASSERT_TRUE(made) << made.error().what;
  ASSERT_EQ(made->ports().size(), 5U);
  EXPECT_EQ(made->ports()[4].host_port, range.host_port + 4);
  EXPECT_EQ(made->ports()[4].container_port, 9004);
  PortMapping other = range;
  other.host_ip = "127.0.0.2";
  EXPECT_TRUE(PortReservation::Make({other}));
  other.host_ip = "";
  EXPECT_FALSE(PortReservation::Make({other}));
}

TEST(PortReservation, ChoosesPortsThatDiffer) {
  std::vector<PortMapping> ports(20, *ParsePortMapping("80"));
  ASSERT_TRUE(ChooseHostPorts(ports));
  for (const PortMapping& port : ports) EXPECT_GT(port.host_port, 0);
  EXPECT_TRUE(CheckPortMappings(ports));
  EXPECT_TRUE(PortReservation::Make(ports));
}

TEST(PortReservation, SaysWhyNot) {
  auto foreign = PortReservation::Make({*ParsePortMapping("203.0.113.77:8080:80")});
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().what, HasSubstr("this host does not have 203.0.113.77"));
  auto many =
      PortReservation::Make({*ParsePortMapping("1-65535:1-65535"), *ParsePortMapping("1-65535:1-65535/udp")});
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().what,
              testing::AnyOf(HasSubstr("descriptors"), HasSubstr("privileged"), HasSubstr("already in use")));
  const std::string first = *ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64);
  if (getuid() == 0 || first == "0\n") GTEST_SKIP() << "every port may be bound here";
  auto low = PortReservation::Make({*ParsePortMapping("1:80")});
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().code, Code::kDenied);
  EXPECT_THAT(low.error().what, HasSubstr("net.ipv4.ip_unprivileged_port_start=1"));
}

}  // namespace
}  // namespace wolffia
