#include "network/forward_namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "network/forward_source.h"
#include "network/links.h"
#include "network/nft.h"

namespace wolffia {
namespace {

constexpr uint8_t kTable = 100;          // of routes, and
constexpr uint32_t kRulePriority = 100;  // its place among the rules: before the main table's
constexpr int32_t kMarkPriority = -150;  // NF_IP_PRI_MANGLE: after conntrack, before routes are chosen again
constexpr const char* kAcceptMark = "/proc/sys/net/ipv4/tcp_fwmark_accept";
// Resets and ICMP, which no socket sends, get the mark of what they answer.
constexpr const char* kReflectMark = "/proc/sys/net/ipv4/fwmark_reflect";
constexpr const char* kReflectMark6 = "/proc/sys/net/ipv6/fwmark_reflect";

Result<> UnlessThere(Result<> added) {
  if (!added && added.error().os_errno == EEXIST) return {};
  return added;
}

Result<> AddRule(NetlinkSocket& socket, uint8_t family) {
  fib_rule_hdr rule{};
  rule.family = family;
  rule.table = kTable;
  rule.action = FR_ACT_TO_TBL;
  NetlinkMessage message;
  message.Start(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL).Put(rule);
  message.U32(FRA_FWMARK, kForwardMark).U32(FRA_PRIORITY, kRulePriority);
  return UnlessThere(socket.Request(std::move(message), "add a rule for forwarded ports"));
}

Result<> AddRoute(NetlinkSocket& socket, uint8_t family, int loopback) {
  rtmsg route{};
  route.rtm_family = family;
  route.rtm_table = kTable;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  NetlinkMessage message;
  message.Start(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL).Put(route);
  message.U32(RTA_OIF, static_cast<uint32_t>(loopback));
  return UnlessThere(socket.Request(std::move(message), "add a route for forwarded ports"));
}

Result<> WriteSysctl(const char* path) {
  auto fd = Open(path, O_WRONLY);
  Result<> written = fd ? WriteFull(fd->get(), "1") : std::unexpected(fd.error());
  if (written) return {};
  return Fail(Code::kUnsupported, "clients' addresses are not kept: " + written.error().what,
              written.error().os_errno);
}

Result<> SetCapabilities(uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int i = 0; i < 2; i++) data[i].effective = data[i].permitted = static_cast<uint32_t>(kept >> (32 * i));
  if (syscall(SYS_capset, &header, data) < 0) return FailErrno("capset");
  return {};
}

}  // namespace

Result<> EnterForwardNamespaces(int user_namespace, int net_namespace) {
  if (setns(user_namespace, CLONE_NEWUSER) < 0) return FailErrno("join the container's user namespace");
  if (setns(net_namespace, CLONE_NEWNET) < 0) return FailErrno("join the container's network namespace");
  return {};
}

Result<> PrepareForwardRoutes() {
  Links links = TRY(Links::Open());
  const int loopback = TRY(links.IndexOf("lo"));
  TRY(links.SetUp(loopback));
  NetlinkSocket socket = TRY(NetlinkSocket::Open(NETLINK_ROUTE));
  for (uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    Result<> added = AddRule(socket, family);
    if (added) added = AddRoute(socket, family, loopback);
    // A kernel without IPv6 has no clients of it.
    const bool none = !added && family == AF_INET6 &&
                      (added.error().os_errno == EAFNOSUPPORT || added.error().os_errno == EOPNOTSUPP ||
                       added.error().os_errno == EACCES);
    if (!added && !none) return added;
  }
  (void)WriteSysctl(kReflectMark6);
  TRY(WriteSysctl(kReflectMark));
  return WriteSysctl(kAcceptMark);
}

Result<> PrepareForwardMarks() {
  NftTable table("wolffia-ports");
  table.Chain({.name = "out", .type = "route", .hook = NF_INET_LOCAL_OUT, .priority = kMarkPriority});
  table.Rule("out", NftRule().Mark(kForwardMark).SetCtMark(kForwardMark));
  table.Rule("out", NftRule().CtReply().CtMark(kForwardMark).SetMark(kForwardMark));
  NetlinkSocket socket = TRY(NetlinkSocket::Open(NETLINK_NETFILTER));
  return table.Install(socket).With("UDP clients' addresses are not kept");
}

Result<> DropForwardCapabilities() {
  return SetCapabilities(uint64_t{1} << CAP_NET_ADMIN | uint64_t{1} << CAP_NET_BIND_SERVICE);
}

}  // namespace wolffia
