#include "network/slirp4netns.h"

#include <fcntl.h>

#include "network/host_support.h"
#include "network/ip_address.h"

namespace wolffia {
namespace {

constexpr int kReadyFd = 3, kExitFd = 4, kNamespaceFd = 5, kPortsFd = 6;  // of slirp4netns
constexpr int kDeadlineMs = 10'000;
constexpr std::string_view kDefaultCidr = "10.0.2.0/24";

// Its addresses in its network (slirp4netns(1)).
constexpr uint64_t kGateway = 2, kNameServer = 3, kContainer = 100;

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
  helper_ = TRY(StartHelper(std::move(request), "slirp4netns"));
  ready_ = std::move(ready.read);
  exit_ = std::move(exit.write);
  return {};
}

Result<> Slirp4netns::Finish() {
  TRY(AwaitHelper(helper_, ready_.get(), kDeadlineMs));
  ready_.Reset();
  return ports_.Publish(interface_.ip);
}

Result<> Slirp4netns::Repair(const NetworkTarget& target) {
  helper_ = {};
  TRY(Begin(target));
  return Finish();
}

std::vector<HelperProcess> Slirp4netns::Helpers() const {
  return {{helper_.name, helper_.process.pid(), helper_.process.pidfd()}};
}

}  // namespace wolffia
