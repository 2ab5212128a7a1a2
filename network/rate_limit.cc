#include "network/rate_limit.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "network/namespace_socket.h"
#include "network/netlink.h"

namespace wolffia {
namespace {

// The bucket holds what may leave at once: at least one packet of the largest MTU with its header, which
// would never leave otherwise, and what flows in the 4 ms between two looks of a slow kernel.
constexpr uint64_t kLeastBurst = (64 << 10) + 2048;
constexpr uint64_t kBurstsASecond = 250;
// Bytes that may wait: a tenth of a second, or a few packets.
constexpr uint64_t kLeastQueue = 256 << 10;
constexpr uint64_t kQueuesASecond = 10;
constexpr uint32_t kIngressHandle = 0xffff0000, kBucketHandle = 0x00010000;
constexpr uint32_t kPriority = 1;

uint32_t Bounded(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

class Limiter {
 public:
  explicit Limiter(NetlinkSocket socket) : socket_(std::move(socket)) {}

  Result<> Limit(const std::string& interface, const std::string& helper, const NetworkRates& rates) {
    const int index = TRY(IndexOf(interface));
    if (rates.egress != 0) TRY(AddBucket(index, rates.egress, interface));
    if (rates.ingress == 0) return {};
    TRY(MakeHelper(helper));
    const int through = TRY(IndexOf(helper));
    TRY(AddBucket(through, rates.ingress, helper));
    return Redirect(index, through, interface);
  }

 private:
  Result<int> IndexOf(const std::string& name) {
    NetlinkMessage message;
    message.Start(RTM_GETLINK, 0).Put(ifinfomsg{});
    int index = 0;
    TRY(socket_.Dump(std::move(message), "list interfaces", [&](const NetlinkAnswer& answer) {
      ifinfomsg info{};
      if (answer.payload.size() < sizeof info) return;
      memcpy(&info, answer.payload.data(), sizeof info);
      ForEachAttribute(answer.payload.substr(sizeof info), [&](uint16_t type, std::string_view value) {
        if (type == IFLA_IFNAME && value.substr(0, value.find('\0')) == name) index = info.ifi_index;
      });
    }));
    if (index == 0) return Fail(Code::kNotFound, "the container's network has no interface " + name);
    return index;
  }

  Result<> MakeHelper(const std::string& name) {
    NetlinkMessage message;
    ifinfomsg up{};
    up.ifi_flags = up.ifi_change = IFF_UP;
    message.Start(RTM_NEWLINK, NLM_F_CREATE).Put(up).Text(IFLA_IFNAME, name);
    const size_t info = message.Begin(IFLA_LINKINFO);
    message.Text(IFLA_INFO_KIND, "ifb");
    message.End(info);
    return Explain(socket_.Request(std::move(message), "make the interface " + name), "ifb");
  }

  static tcmsg MessageFor(int index, uint32_t parent, uint32_t handle) {
    tcmsg header{};
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = index;
    header.tcm_parent = parent;
    header.tcm_handle = handle;
    return header;
  }

  Result<> AddBucket(int index, uint64_t rate, const std::string& interface) {
    const uint64_t bytes = rate / 8;
    const uint64_t burst = std::max(kLeastBurst, bytes / kBurstsASecond);
    tc_tbf_qopt options{};
    options.rate.rate = Bounded(bytes);
    options.rate.linklayer = TC_LINKLAYER_ETHERNET;
    options.limit = Bounded(burst + std::max(kLeastQueue, bytes / kQueuesASecond));
    NetlinkMessage message;
    message.Start(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)
        .Put(MessageFor(index, TC_H_ROOT, kBucketHandle));
    message.Text(TCA_KIND, "tbf");
    const size_t body = message.Begin(TCA_OPTIONS);
    message.Value(TCA_TBF_PARMS, options).U32(TCA_TBF_BURST, Bounded(burst));
    if (bytes > UINT32_MAX) message.Value(TCA_TBF_RATE64, bytes);
    message.End(body);
    return Explain(socket_.Request(std::move(message), "limit the rate of " + interface), "tbf");
  }

  // Everything that arrives at `from` leaves through `to`, and comes back from there as if it had arrived at
  // `from`.
  Result<> Redirect(int from, int to, const std::string& interface) {
    NetlinkMessage queue;
    queue.Start(RTM_NEWQDISC, NLM_F_CREATE).Put(MessageFor(from, TC_H_INGRESS, kIngressHandle));
    queue.Text(TCA_KIND, "ingress");
    TRY(Explain(socket_.Request(std::move(queue), "limit what " + interface + " receives"), "ingress"));

    NetlinkMessage filter;
    tcmsg header = MessageFor(from, kIngressHandle, 0);
    header.tcm_info = TC_H_MAKE(kPriority << 16, __builtin_bswap16(ETH_P_ALL));
    filter.Start(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE).Put(header);
    filter.Text(TCA_KIND, "u32");
    const size_t body = filter.Begin(TCA_OPTIONS);
    tc_u32_sel select{};
    select.flags = TC_U32_TERMINAL;
    select.nkeys = 1;
    std::string match(reinterpret_cast<const char*>(&select), sizeof select);
    match.resize(match.size() + sizeof(tc_u32_key));  // 0 of 0 bits: every packet
    filter.Attribute(TCA_U32_SEL, match);
    const size_t actions = filter.Begin(TCA_U32_ACT), first = filter.Begin(1);
    filter.Text(TCA_ACT_KIND, "mirred");
    const size_t options = filter.Begin(TCA_ACT_OPTIONS);
    tc_mirred redirect{};
    redirect.action = TC_ACT_STOLEN;
    redirect.eaction = TCA_EGRESS_REDIR;
    redirect.ifindex = static_cast<uint32_t>(to);
    filter.Value(TCA_MIRRED_PARMS, redirect);
    for (size_t begun : {options, first, actions, body}) filter.End(begun);
    return Explain(socket_.Request(std::move(filter), "limit what " + interface + " receives"),
                   "cls_u32 and act_mirred");
  }

  static Result<> Explain(Result<> done, std::string_view module) {
    if (done || (done.error().os_errno != ENOENT && done.error().os_errno != EOPNOTSUPP)) return done;
    return Fail(Code::kUnsupported,
                "--network-rate: " + done.error().what + ": this kernel has no " + std::string(module) +
                    "; an administrator can load it with modprobe, or leave the option out",
                done.error().os_errno);
  }

  NetlinkSocket socket_;
};

}  // namespace

Result<> LimitRates(const NetworkTarget& target, const std::vector<std::string>& interfaces,
                    const NetworkRates& rates) {
  if (!rates.limited()) return {};
  Fd inside = TRY(SocketInside(target, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  Limiter limiter(TRY(NetlinkSocket::Adopt(std::move(inside))));
  for (size_t i = 0; i < interfaces.size(); i++)
    TRY(limiter.Limit(interfaces[i], "ifb" + std::to_string(i), rates));
  return {};
}

}  // namespace wolffia
