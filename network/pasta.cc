#include "network/pasta.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <csignal>

#include "engine/base/socket.h"
#include "network/host_address.h"
#include "network/host_support.h"
#include "network/namespace_socket.h"
#include "network/netlink.h"

namespace wolffia {
namespace {

constexpr int kControlFd = 3, kUserFd = 4, kNetFd = 5;
constexpr int kDeadlineMs = 10'000, kPauseMs = 2;
constexpr const char* kInterface = "eth0";

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

std::string InheritedFd(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

Result<> Pasta::Prepare() {
  return CheckNetworkSupport("pasta");
}

std::vector<std::string> Pasta::Arguments() const {
  std::vector<std::string> words = {"wolffia-net",  "keep",         "pasta",
                                    "--config-net", "--foreground", "--quiet"};
  for (const char* ports : {"-t", "-u", "-T", "-U"}) words.insert(words.end(), {ports, "none"});
  words.insert(words.end(), {"--ns-ifname", kInterface, "--mtu", std::to_string(options_.mtu)});
  if (!options_.allow_host_loopback) words.push_back("--no-map-gw");
  words.insert(words.end(), options_.pasta_args.begin(), options_.pasta_args.end());
  words.insert(words.end(),
               {"--no-netns-quit", "--userns", InheritedFd(kUserFd), "--netns", InheritedFd(kNetFd)});
  return words;
}

Result<> Pasta::Begin(const NetworkTarget& target) {
  target_ = target;
  SocketPair control = TRY(MakeSocketPair());
  SpawnRequest request{.program = TRY(FindSibling("wolffia-net")), .argv = Arguments()};
  request.donations = {
      {control.theirs.get(), kControlFd}, {target.user_namespace, kUserFd}, {target.net_namespace, kNetFd}};
  helper_ = TRY(StartHelper(std::move(request), "passt"));
  helper_.name = "pasta";
  control_ = std::move(control.ours);
  return {};
}

// It says nothing when it is ready: the default route is what it makes last.
Result<> Pasta::Finish() {
  Fd inside = TRY(SocketInside(target_, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  NetlinkSocket socket = TRY(NetlinkSocket::Adopt(std::move(inside)));
  const int64_t deadline = NowMs() + kDeadlineMs;
  std::vector<InterfaceAddress> addresses;
  std::optional<DefaultRoute> route;
  while (!route) {
    const int64_t left = deadline - NowMs();
    pollfd ended{helper_.process.pidfd(), POLLIN, 0};
    if (left <= 0 || poll(&ended, 1, kPauseMs) > 0) return AwaitHelper(helper_, -1, 0);
    for (int family : {AF_INET, AF_INET6})
      if (!route) route = TRY(FindDefaultRoute(socket, family));
  }
  addresses = TRY(GlobalAddresses(socket));
  interface_ = {.network = "pasta", .interface = kInterface};
  for (const InterfaceAddress& address : addresses) {
    std::string& ip = address.ipv6 ? interface_.ip6 : interface_.ip;
    if (!ip.empty()) continue;
    ip = address.address;
    (address.ipv6 ? interface_.prefix6 : interface_.prefix) = address.prefix;
  }
  for (int family : {AF_INET, AF_INET6})
    if (auto found = TRY(FindDefaultRoute(socket, family)))
      (family == AF_INET ? interface_.gateway : interface_.gateway6) = found->gateway;
  return {};
}

void Pasta::End() {
  pollfd told{control_.get(), POLLIN, 0};
  if (control_ && poll(&told, 1, kDeadlineMs) > 0)
    if (auto packet = ReceivePacket(control_.get()); packet && !packet->fds.empty())
      syscall(SYS_pidfd_send_signal, packet->fds[0].get(), SIGKILL, nullptr, 0);
  control_.Reset();
  helper_ = {};
}

Result<> Pasta::Repair(const NetworkTarget& target) {
  End();
  TRY(Begin(target));
  return Finish();
}

std::vector<HelperProcess> Pasta::Helpers() const {
  return {{helper_.name, helper_.process.pid(), helper_.process.pidfd()}};
}

std::vector<InterfaceState> Pasta::Interfaces() const {
  if (interface_.interface.empty()) return {};
  return {interface_};
}

}  // namespace wolffia
