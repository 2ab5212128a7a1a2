#include "network/slirp4netns.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "network/cidr.h"

namespace wolffia {
namespace {

constexpr int kReadyFd = 3, kExitFd = 4, kNamespaceFd = 5;  // of slirp4netns
constexpr int kDeadlineMs = 10'000;
constexpr std::string_view kDefaultCidr = "10.0.2.0/24";

// Its addresses in its network (slirp4netns(1)).
constexpr uint32_t kGateway = 2, kNameServer = 3, kContainer = 100;

Result<> CheckTun() {
  if (access("/dev/net/tun", R_OK | W_OK) == 0) return {};
  const int failed = errno;
  if (failed == EACCES)
    return Fail(
        Code::kUnsupported,
        "/dev/net/tun cannot be opened by this user, and slirp4netns needs it: ask an administrator for "
        "mode 0666 (the default of udev), or use --network host or none",
        failed);
  return Fail(
      Code::kUnsupported,
      "/dev/net/tun is missing, and slirp4netns needs it: ask an administrator to load the module tun (in a "
      "container: start the outer one with --device /dev/net/tun), or use --network host or none",
      failed);
}

}  // namespace

Result<> Slirp4netns::Prepare() {
  auto prefix = ParseIpv4Prefix(options_.cidr.empty() ? kDefaultCidr : options_.cidr);
  if (!prefix) return Fail(Code::kInvalid, "slirp4netns: cidr=" + options_.cidr + " is not an IPv4 network");
  interface_ = {.network = "slirp4netns",
                .interface = "tap0",
                .ip = FormatIpv4(prefix->address + kContainer),
                .gateway = FormatIpv4(prefix->address + kGateway)};
  interface_.prefix = prefix->bits;
  name_server_ = FormatIpv4(prefix->address + kNameServer);
  return CheckTun();
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
  helper_ = TRY(StartHelper(std::move(request), "slirp4netns"));
  ready_ = std::move(ready.read);
  exit_ = std::move(exit.write);
  return {};
}

Result<> Slirp4netns::Finish() {
  TRY(AwaitHelper(helper_, ready_.get(), kDeadlineMs));
  ready_.Reset();
  return {};
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
