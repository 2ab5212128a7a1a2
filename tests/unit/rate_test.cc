#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "engine/base/socket.h"
#include "network/namespace_socket.h"
#include "network/netlink.h"
#include "network/rate_limit.h"

namespace wolffia {
namespace {

using std::chrono::steady_clock;

TEST(NetworkRates, Parses) {
  auto both = ParseNetworkRates("ingress=10mbit,egress=2.5g");
  ASSERT_TRUE(both) << both.error().what;
  EXPECT_EQ(*both, (NetworkRates{10'000'000, 2'500'000'000}));
  EXPECT_EQ(ParseNetworkRates("egress=64000")->egress, 64'000U);
  EXPECT_EQ(ParseNetworkRates("egress=64Kbit")->egress, 64'000U);
  EXPECT_EQ(ParseNetworkRates("ingress=1tbit")->ingress, 1'000'000'000'000U);
}

TEST(NetworkRates, RefusesWhatItDoesNotMean) {
  for (const char* text :
       {"", "10mbit", "ingress=", "ingress", "ingress=ten", "ingress=10mbps", "ingress=10mibit",
        "ingress=-1mbit", "ingress=1", "ingress=2tbit", "egress=1e9", "egress=nan", "egress=inf",
        "ingress=1mbit,ingress=2mbit", "up=1mbit", "ingress=1mbit;egress=1mbit", "egress=1mbit x"}) {
    auto rates = ParseNetworkRates(text);
    ASSERT_FALSE(rates) << text;
    EXPECT_EQ(rates.error().code, Code::kInvalid);
    EXPECT_TRUE(rates.error().what.starts_with("--network-rate ")) << rates.error().what;
  }
}

// A user namespace with two network namespaces and a veth pair between them: 10.9.0.1 and 10.9.0.2. One
// process lives in each until the object goes; this one stays outside, as a container's monitor does.
class TwoNamespaces {
 public:
  TwoNamespaces() {
    auto sockets = MakeSocketPair();
    holder_ = fork();
    if (holder_ == 0) _exit(Hold(sockets->theirs.get()));
    sockets->theirs.Reset();
    auto ready = ReceivePacket(sockets->ours.get());
    if (ready && ready->fds.size() == 3) fds_ = std::move(ready->fds);
  }
  ~TwoNamespaces() {
    kill(holder_, SIGKILL);
    waitpid(holder_, nullptr, 0);
  }
  bool ok() const { return fds_.size() == 3; }
  NetworkTarget a() const { return {fds_[0].get(), fds_[1].get()}; }
  NetworkTarget b() const { return {fds_[0].get(), fds_[2].get()}; }

 private:
  static void SetUp(const char* name, const char* address) {
    Fd s(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    in->sin_family = AF_INET;
    inet_pton(AF_INET, address, &in->sin_addr);
    ioctl(s.get(), SIOCSIFADDR, &request);
    inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
    ioctl(s.get(), SIOCSIFNETMASK, &request);
    ioctl(s.get(), SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    ioctl(s.get(), SIOCSIFFLAGS, &request);
  }
  static int Hold(int socket) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return 1;
    auto user = Open("/proc/self/ns/user", O_RDONLY), first = Open("/proc/self/ns/net", O_RDONLY);
    if (unshare(CLONE_NEWNET) < 0) return 1;
    auto second = Open("/proc/self/ns/net", O_RDONLY);
    auto netlink = NetlinkSocket::Open(NETLINK_ROUTE);
    if (!netlink) return 1;
    NetlinkMessage message;
    message.Start(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL).Put(ifinfomsg{}).Text(IFLA_IFNAME, "eth0");
    size_t info = message.Begin(IFLA_LINKINFO);
    message.Text(IFLA_INFO_KIND, "veth");
    size_t data = message.Begin(IFLA_INFO_DATA), peer = message.Begin(VETH_INFO_PEER);
    message.Put(ifinfomsg{})
        .Text(IFLA_IFNAME, "eth0")
        .U32(IFLA_NET_NS_FD, static_cast<uint32_t>(first->get()));
    for (size_t begun : {peer, data, info}) message.End(begun);
    if (auto made = netlink->Request(std::move(message), "make a veth pair"); !made) {
      fprintf(stderr, "%s\n", made.error().what.c_str());
      return 1;
    }
    SetUp("eth0", "10.9.0.2");
    if (setns(first->get(), CLONE_NEWNET) < 0) return 1;
    SetUp("eth0", "10.9.0.1");
    if (!SendPacket(socket, "ready", {user->get(), first->get(), second->get()})) return 1;
    pause();
    return 0;
  }
  pid_t holder_ = -1;
  std::vector<Fd> fds_;
};

// Seconds that `bytes` take from one namespace into the other.
double Transfer(const NetworkTarget& from, const NetworkTarget& to, const char* address, size_t bytes) {
  auto listener = SocketInside(to, AF_INET, SOCK_STREAM, 0),
       sender = SocketInside(from, AF_INET, SOCK_STREAM, 0);
  EXPECT_TRUE(listener && sender) << (listener ? sender.error().what : listener.error().what);
  sockaddr_in at{.sin_family = AF_INET};
  inet_pton(AF_INET, address, &at.sin_addr);
  socklen_t size = sizeof at;
  EXPECT_EQ(bind(listener->get(), reinterpret_cast<sockaddr*>(&at), size), 0) << strerror(errno);
  EXPECT_EQ(listen(listener->get(), 1), 0);
  getsockname(listener->get(), reinterpret_cast<sockaddr*>(&at), &size);
  if (connect(sender->get(), reinterpret_cast<sockaddr*>(&at), size) < 0) {
    ADD_FAILURE() << "connect: " << strerror(errno);
    return 0;
  }
  Fd receiver(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto begin = steady_clock::now();
  std::thread writer([&] {
    (void)WriteFull(sender->get(), std::string(bytes, 'x'));
    sender->Reset();
  });
  std::string buffer(64 << 10, '\0');
  size_t received = 0;
  for (ssize_t n; (n = read(receiver.get(), buffer.data(), buffer.size())) > 0;)
    received += static_cast<size_t>(n);
  writer.join();
  EXPECT_EQ(received, bytes);
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

constexpr size_t kBytes = 2 << 20;
constexpr uint64_t kRate = 16'000'000;  // 2 MB/s: the transfer takes a second
// Less what the bucket lets through at once and the sender's socket takes.
constexpr double kLeastSeconds = 0.8;

TEST(RateLimit, HoldsInEitherDirectionAndAfterChange) {
  TwoNamespaces net;
  ASSERT_TRUE(net.ok());
  EXPECT_LT(Transfer(net.a(), net.b(), "10.9.0.2", kBytes), kLeastSeconds);  // none yet

  auto limited = LimitRates(net.a(), {"eth0"}, {.egress = kRate});
  ASSERT_TRUE(limited) << limited.error().what;
  const double out = Transfer(net.a(), net.b(), "10.9.0.2", kBytes);
  EXPECT_GT(out, kLeastSeconds);
  EXPECT_LT(Transfer(net.b(), net.a(), "10.9.0.1", kBytes), kLeastSeconds);

  limited = LimitRates(net.a(), {"eth0"}, {.ingress = kRate, .egress = 1'000'000'000'000});
  ASSERT_TRUE(limited) << limited.error().what;
  const double in = Transfer(net.b(), net.a(), "10.9.0.1", kBytes);
  EXPECT_GT(in, kLeastSeconds);
  EXPECT_LT(Transfer(net.a(), net.b(), "10.9.0.2", kBytes), kLeastSeconds);
  RecordProperty("seconds", std::to_string(out) + " " + std::to_string(in));
  // The same once more, as after a driver's repair.
  limited = LimitRates(net.a(), {"eth0"}, {.ingress = kRate, .egress = kRate});
  ASSERT_TRUE(limited) << limited.error().what;
}

TEST(RateLimit, NamesAMissingInterface) {
  TwoNamespaces net;
  ASSERT_TRUE(net.ok());
  auto limited = LimitRates(net.a(), {"tap7"}, {.egress = kRate});
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().what, "the container's network has no interface tap7");
}

}  // namespace
}  // namespace wolffia
