#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <map>

#include "network/netlink.h"

namespace wolffia {
namespace {

TEST(Netlink, DumpsTheLinks) {
  auto socket = NetlinkSocket::Open(NETLINK_ROUTE);
  ASSERT_TRUE(socket) << socket.error().what;
  NetlinkMessage message;
  message.Start(RTM_GETLINK, 0).Put(ifinfomsg{});
  std::map<std::string, int> links;
  auto dumped = socket->Dump(std::move(message), "list links", [&](const NetlinkAnswer& answer) {
    ifinfomsg info;
    ASSERT_GE(answer.payload.size(), sizeof info);
    memcpy(&info, answer.payload.data(), sizeof info);
    ForEachAttribute(answer.payload.substr(sizeof info), [&](uint16_t type, std::string_view value) {
      if (type == IFLA_IFNAME) links[std::string(value.substr(0, value.find('\0')))] = info.ifi_index;
    });
  });
  ASSERT_TRUE(dumped) << dumped.error().what;
  EXPECT_EQ(links["lo"], static_cast<int>(if_nametoindex("lo")));
}

TEST(Netlink, TellsWhyTheKernelRefuses) {
  auto socket = NetlinkSocket::Open(NETLINK_ROUTE);
  ASSERT_TRUE(socket);
  NetlinkMessage message;
  ifinfomsg info{};
  info.ifi_index = 999999;
  message.Start(RTM_NEWLINK, 0).Put(info);
  auto done = socket->Request(std::move(message), "change a link");
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().what.starts_with("change a link")) << done.error().what;
}

TEST(Netlink, NestsAttributes) {
  NetlinkMessage message;
  message.Start(RTM_NEWLINK, 0).Put(ifinfomsg{});
  size_t outer = message.Begin(IFLA_LINKINFO);
  message.Text(IFLA_INFO_KIND, "veth");
  message.End(outer);
  message.U32(IFLA_MTU, 1500);
  std::string_view bytes(message.bytes().data(), message.bytes().size());
  std::map<uint16_t, std::string> seen;
  ForEachAttribute(bytes.substr(sizeof(nlmsghdr) + sizeof(ifinfomsg)),
                   [&](uint16_t type, std::string_view value) { seen[type] = value; });
  EXPECT_EQ(seen.size(), 2U);
  std::string kind;
  ForEachAttribute(seen[IFLA_LINKINFO], [&](uint16_t, std::string_view value) { kind = value; });
  EXPECT_EQ(kind, std::string("veth\0", 5));
}

}  // namespace
}  // namespace wolffia
