// Links, addresses and rules, really made, in network namespaces of a user namespace of the test's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "network/links.h"
#include "network/nft.h"

namespace wolffia {
namespace {

constexpr int kRefused = 77;

// Runs `work` in a child with new user and network namespaces; its text is what failed.
void InNamespaces(const std::function<std::string()>& work) {
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) _exit(kRefused);
    const std::string failed = work();
    (void)!write(pipe_fds[1], failed.data(), failed.size());
    _exit(failed.empty() ? 0 : 1);
  }
  close(pipe_fds[1]);
  char words[4096];
  const ssize_t n = read(pipe_fds[0], words, sizeof words);
  close(pipe_fds[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kRefused)
    GTEST_SKIP() << "this host forbids user namespaces";
  EXPECT_EQ(status, 0) << std::string(words, n > 0 ? static_cast<size_t>(n) : 0);
}

#define MUST(...)                              \
  ({                                           \
    auto result_ = (__VA_ARGS__);              \
    if (!result_) return result_.error().what; \
    TakeValue(std::move(result_));             \
  })

TEST(Links, ConnectTwoNamespacesByABridge) {
  InNamespaces([]() -> std::string {
    Fd own = MUST(Open("/proc/self/ns/net", O_RDONLY));
    if (unshare(CLONE_NEWNET) < 0) return "unshare";
    Fd other = MUST(Open("/proc/self/ns/net", O_RDONLY));
    if (setns(own.get(), CLONE_NEWNET) < 0) return "setns";
    Links here = MUST(Links::Open());
    MUST(here.AddBridge("br1", *ParseMac("02:00:00:00:00:01"), 1500));
    const int bridge = MUST(here.IndexOf("br1"));
    MUST(here.SetUp(bridge));
    MUST(here.AddAddress(bridge, *ParseIp("10.89.7.1"), 24));
    MUST(here.AddVeth({.name = "v1",
                       .peer = "eth0",
                       .peer_namespace = other.get(),
                       .peer_mac = *ParseMac("02:00:00:00:00:02"),
                       .bridge = bridge}));
    Links there = MUST(Links::OpenIn(other.get(), own.get()));
    const int eth0 = MUST(there.IndexOf("eth0"));
    MUST(there.AddAddress(eth0, *ParseIp("10.89.7.2"), 24));
    MUST(there.AddAddress(eth0, *ParseIp("fd00::2"), 64));
    MUST(there.SetUp(eth0));
    MUST(there.AddDefaultRoute(eth0, *ParseIp("10.89.7.1"), 100));
    if (!MUST(there.HasDefaultRoute(false))) return "no default route";
    if (MUST(there.HasDefaultRoute(true))) return "a default route of IPv6";
    const auto routes = MUST(there.Routes());
    if (std::ranges::find(routes, *ParseIpPrefix("10.89.7.0/24")) == routes.end()) return "no route";
    if (MUST(here.IndexOf("v1")) == 0) return "no near end";
    if (auto none = here.IndexOf("eth0"); none || none.error().code != Code::kNotFound) return "eth0 is here";
    MUST(there.Remove(eth0));
    if (here.IndexOf("v1")) return "the near end stays";
    return "";
  });
}

TEST(Nft, InstallsAndReplacesRules) {
  InNamespaces([]() -> std::string {
    NetlinkSocket socket = MUST(NetlinkSocket::Open(NETLINK_NETFILTER));
    NftTable table("wolffia");
    table.Chain({.name = "out", .type = "route", .hook = NF_INET_LOCAL_OUT, .priority = -150});
    table.Chain({.name = "nat", .type = "nat", .hook = NF_INET_POST_ROUTING, .priority = 100});
    table.Chain({.name = "forward", .hook = NF_INET_FORWARD, .policy = NF_DROP});
    table.Rule("out", NftRule().Mark(0x77).SetCtMark(0x77));
    table.Rule("out", NftRule().CtReply().CtMark(0x77).SetMark(0x77));
    table.Rule("nat", NftRule().From(*ParseIpPrefix("10.89.0.0/24")).OutInterface("tap0").Masquerade());
    table.Rule("forward", NftRule().CtEstablished().Accept());
    table.Rule("forward", NftRule().InInterface("br1").OutInterface("br1", false).Drop());
    table.Rule("forward", NftRule().To(*ParseIpPrefix("fd00::/64"), false).ToPort(IPPROTO_UDP, 53).Accept());
    MUST(table.Install(socket));
    MUST(table.Install(socket));
    NftTable wrong("wolffia");
    wrong.Rule("missing", NftRule().Drop());
    if (wrong.Install(socket)) return "a rule of a chain that is not there was taken";
    return "";
  });
}

TEST(IpAddress, ReadsAndWrites) {
  EXPECT_EQ(FormatIp(*ParseIp("10.89.0.1")), "10.89.0.1");
  EXPECT_EQ(FormatIp(*ParseIp("FD00:0::1")), "fd00::1");
  for (const char* bad : {"", "10.1", "256.1.1.1", "10.0.0.1 ", "::g", "fe80::1%eth0", "01.2.3.4x"})
    EXPECT_FALSE(ParseIp(bad)) << bad;
  EXPECT_EQ(FormatIpPrefix(*ParseIpPrefix("10.89.3.7/23")), "10.89.2.0/23");
  EXPECT_EQ(FormatIpPrefix(*ParseIpPrefix("0.0.0.0/0")), "0.0.0.0/0");
  for (const char* bad : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/8x", "/8"})
    EXPECT_FALSE(ParseIpPrefix(bad)) << bad;
}

TEST(IpAddress, Counts) {
  EXPECT_EQ(FormatIp(Plus(*ParseIp("10.89.0.255"), 1)), "10.89.1.0");
  EXPECT_EQ(FormatIp(Plus(*ParseIp("fd00::ffff:ffff"), 2)), "fd00::1:0:1");
  EXPECT_EQ(FormatIp(ParseIpPrefix("10.89.0.0/22")->Last()), "10.89.3.255");
  EXPECT_TRUE(ParseIpPrefix("10.0.0.0/8")->Overlaps(*ParseIpPrefix("10.89.0.0/24")));
  EXPECT_TRUE(ParseIpPrefix("10.89.0.0/24")->Overlaps(*ParseIpPrefix("10.0.0.0/8")));
  EXPECT_FALSE(ParseIpPrefix("10.89.0.0/24")->Overlaps(*ParseIpPrefix("10.89.1.0/24")));
  EXPECT_FALSE(ParseIpPrefix("::/0")->Contains(*ParseIp("10.89.0.1")));
}

TEST(MacAddress, ReadsAndWrites) {
  EXPECT_EQ(FormatMac(*ParseMac("02:42:0A:59:00:ff")), "02:42:0a:59:00:ff");
  EXPECT_EQ(FormatMac(MacFor(*ParseIp("10.89.0.2"))), "0a:57:0a:59:00:02");
  EXPECT_EQ(FormatMac(MacFor(*ParseIp("fd00::1:2"))), "0a:57:00:01:00:02");
  EXPECT_TRUE(IsUnicast(MacFor(*ParseIp("fd00::1"))));
  for (const char* bad :
       {"", "02:42:0a:59:00", "02:42:0a:59:00:fg", "02.42.0a.59.00.ff", "+2:42:0a:59:00:ff"})
    EXPECT_FALSE(ParseMac(bad)) << bad;
}

}  // namespace
}  // namespace wolffia
