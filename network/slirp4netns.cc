#include "network/slirp4netns.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/socket.h>

#include "network/host_support.h"
#include "network/ip_address.h"
#include "network/links.h"
#include "network/namespace_socket.h"

namespace wolffia {
namespace {

constexpr int kReadyFd = 3, kExitFd = 4, kNamespaceFd = 5, kPortsFd = 6;  // of slirp4netns
constexpr int kDeadlineMs = 10'000;
constexpr std::string_view kDefaultCidr = "10.0.2.0/24";

// Its addresses in its network (slirp4netns(1)).
constexpr uint64_t kGateway = 2, kNameServer = 3, kContainer = 100;
// IPv6, as libslirp has it, whatever the IPv4 network is.
constexpr const char *kGateway6 = "fd00::2", *kContainer6 = "fd00::100";
constexpr int kPrefix6 = 64;
constexpr uint32_t kMetric6 = 2048;  // after the route that its router advertisements bring
// Of the address that the kernel makes itself of an advertisement, after a second or two, and then prefers:
// UDP from a published port would be answered from it rather than from the address that was asked.
constexpr const char* kMakesAddress = "/proc/sys/net/ipv6/conf/default/autoconf";

}  // namespace

Result<> Slirp4netns::Prepare() {
  auto prefix = ParseIpPrefix(options_.cidr.empty() ? kDefaultCidr : options_.cidr);
  if (!prefix || prefix->address.v6)
    return Fail(Code::kInvalid, "slirp4netns: cidr=" + options_.cidr + " is not an IPv4 network");
  interface_ = {.network = "slirp4netns",
                .interface = "tap0",
                .ip = FormatIp(Plus(prefix->address, kContainer)),
                .gateway = FormatIp(Plus(prefix->address, kGateway))};
  interface_.prefix = prefix->bits;
  if (options_.ipv6) {
    interface_.ip6 = kContainer6;
    interface_.gateway6 = kGateway6;
    interface_.prefix6 = kPrefix6;
  }
  name_server_ = FormatIp(Plus(prefix->address, kNameServer));
  TRY(CheckNetworkSupport("slirp4netns"));
  return ports_.Prepare();
}

std::vector<std::string> Slirp4netns::Arguments(bool root_mapped) const {
  std::vector<std::string> words = {"slirp4netns",
                                    "--configure",
                                    "--mtu=" + std::to_string(options_.mtu),
                                    "--ready-fd=" + std::to_string(kReadyFd),
                                    "--exit-fd=" + std::to_string(kExitFd),
                                    "--enable-seccomp"};
  if (root_mapped) words.push_back("--enable-sandbox");  // it becomes root of the user namespace for that
  if (!options_.allow_host_loopback) words.push_back("--disable-host-loopback");
  if (options_.ipv6) words.push_back("--enable-ipv6");
  if (!options_.cidr.empty()) words.push_back("--cidr=" + options_.cidr);
  if (!options_.outbound_addr.empty()) words.push_back("--outbound-addr=" + options_.outbound_addr);
  if (!options_.outbound_addr6.empty()) words.push_back("--outbound-addr6=" + options_.outbound_addr6);
  if (!ports_.empty()) words.push_back("--api-socket=" + SlirpPorts::SocketPath(kPortsFd));
  // By descriptor: the container's first process may not be looked at, once its ids have changed.
  words.push_back("--netns-type=path");
  words.push_back("/proc/self/fd/" + std::to_string(kNamespaceFd));
  words.push_back(interface_.interface);
  return words;
}

Result<> Slirp4netns::Begin(const NetworkTarget& target) {
  Pipe ready = TRY(MakePipe()), exit = TRY(MakePipe());
  SpawnRequest request{.program = "slirp4netns", .argv = Arguments(target.root_mapped)};
  request.user_namespace = target.user_namespace;
  request.donations = {
      {ready.write.get(), kReadyFd}, {exit.read.get(), kExitFd}, {target.net_namespace, kNamespaceFd}};
  Fd place;
  if (!ports_.empty()) {
    place = TRY(ports_.MakePlace());
    request.donations.push_back({place.get(), kPortsFd});
  }
  target_ = target;
  if (options_.ipv6) (void)WriteSysctlInside(target, kMakesAddress, '0');  // no such file: no IPv6
  helper_ = TRY(StartHelper(std::move(request), "slirp4netns"));
  ready_ = std::move(ready.read);
  exit_ = std::move(exit.write);
  return {};
}

Result<> Slirp4netns::Finish() {
  TRY(AwaitHelper(helper_, ready_.get(), kDeadlineMs));
  ready_.Reset();
  if (!interface_.ip6.empty() && !AddIpv6()) {  // the container has it switched off
    interface_.ip6 = interface_.gateway6 = "";
    interface_.prefix6 = 0;
  }
  return ports_.Publish(interface_.ip);
}

// The kernel makes itself an address from the router's advertisement, but after seconds, and nobody knows
// which.
Result<> Slirp4netns::AddIpv6() {
  Fd inside = TRY(SocketInside(target_, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  Links links = TRY(Links::Adopt(std::move(inside)));
  const int index = TRY(links.IndexOf(interface_.interface));
  TRY(links.AddAddress(index, *ParseIp(interface_.ip6), interface_.prefix6));
  return links.AddDefaultRoute(index, *ParseIp(interface_.gateway6), kMetric6);
}

Result<> Slirp4netns::Repair(const NetworkTarget& target) {
  helper_ = {};
  TRY(Begin(target));
  return Finish();
}

// The kernel takes its tap device apart before it lets it go: some 20 ms.
bool Slirp4netns::BeginEnd() {
  exit_.Reset();
  (void)helper_.process.Signal(SIGKILL);
  return ports_.empty();
}

std::vector<HelperProcess> Slirp4netns::Helpers() const {
  return {{helper_.name, helper_.process.pid(), helper_.process.pidfd()}};
}

}  // namespace wolffia
