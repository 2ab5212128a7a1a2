// The fast path's supervisor against a container in miniature: a "host" (a network namespace with an address
// that is not its loopback's, a public server there and a secret one on its loopback) and in it a "container"
// (a namespace with nothing but its own loopback), whose process has the filter. What the supervisor leaves
// alone ends in ENETUNREACH.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "engine/base/file.h"
#include "engine/base/socket.h"
#include "network/bypass_policy.h"
#include "network/bypass_supervisor.h"
#include "network/netlink.h"

namespace wolffia {
namespace {

constexpr char kOutside[] = "203.0.113.1", kOutside6[] = "2001:db8::1";

BypassPeer Address(const char* text, uint16_t port) {
  BypassPeer peer{};
  if (strchr(text, ':') == nullptr) {
    peer.v4.sin_family = AF_INET;
    peer.v4.sin_port = htons(port);
    inet_pton(AF_INET, text, &peer.v4.sin_addr);
    peer.size = sizeof peer.v4;
  } else {
    peer.v6.sin6_family = AF_INET6;
    peer.v6.sin6_port = htons(port);
    inet_pton(AF_INET6, text, &peer.v6.sin6_addr);
    peer.size = sizeof peer.v6;
  }
  return peer;
}

std::string_view BytesOf(const BypassPeer& peer) {
  return {reinterpret_cast<const char*>(&peer.any), peer.size};
}

// --- Policy ---

TEST(BypassPolicy, KeepsInsideWhatIsNotOutside) {
  BypassPolicy policy;
  policy.inside[0] = {0x0a000200, 0xffffff00};
  policy.inside_count = 1;
  policy.gateway = 0x0a000202;
  for (const char* inside :
       {"127.0.0.1",        "127.9.9.9",       "0.0.0.0",         "0.1.2.3",   "10.0.2.2", "10.0.2.100",
        "169.254.169.254",  "224.0.0.1",       "255.255.255.255", "240.0.0.1", "::",       "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.2.3", "::127.0.0.1",     "fe80::1",   "fec0::1",  "ff02::1",
        "fd00::2",          "2001:db8::1"})
    EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address(inside, 80)))) << inside;
  for (const char* outside : {"203.0.113.1", "10.0.3.1", "192.168.1.1", "::ffff:203.0.113.1"}) {
    auto peer = OutsidePeer(policy, BytesOf(Address(outside, 80)));
    ASSERT_TRUE(peer) << outside;
    EXPECT_EQ(*peer, Address(outside, 80));
  }
  policy.ipv6 = true;
  EXPECT_TRUE(OutsidePeer(policy, BytesOf(Address("2001:db8::1", 80))));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("fd00::2", 80))));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("::1", 80))));
  policy.allow_host_loopback = true;
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(Address("10.0.2.2", 80))), Address("127.0.0.1", 80));
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(Address("::ffff:10.0.2.2", 80))), Address("::ffff:127.0.0.1", 80));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address("127.0.0.1", 80))));
}

TEST(BypassPolicy, LeavesMalformedAddressesToTheKernel) {
  BypassPolicy policy;
  policy.ipv6 = true;
  EXPECT_FALSE(OutsidePeer(policy, ""));
  EXPECT_FALSE(OutsidePeer(policy, "x"));
  const BypassPeer v4 = Address(kOutside, 80), v6 = Address(kOutside6, 80);
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(v4).substr(0, 8)));
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(v6).substr(0, 16)));
  EXPECT_EQ(*OutsidePeer(policy, BytesOf(v6).substr(0, 24)), v6);
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(Address(kOutside, 0))));
  BypassPeer scoped = v6;
  scoped.v6.sin6_scope_id = 1;
  EXPECT_FALSE(OutsidePeer(policy, BytesOf(scoped)));
}

// --- The world ---

void AddAddress(NetlinkSocket& netlink, int family, const char* text, uint8_t bits) {
  char bytes[16];
  inet_pton(family, text, bytes);
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(family);
  header.ifa_prefixlen = bits;
  header.ifa_index = if_nametoindex("lo");
  header.ifa_flags = IFA_F_NODAD;
  NetlinkMessage message;
  const size_t size = family == AF_INET ? 4 : 16;
  message.Start(RTM_NEWADDR, NLM_F_CREATE)
      .Put(header)
      .Attribute(IFA_LOCAL, bytes, size)
      .Attribute(IFA_ADDRESS, bytes, size);
  auto added = netlink.Request(std::move(message), "add an address");
  EXPECT_TRUE(added) << added.error().what;
}

void EnterNamespaces() {
  const std::string id = std::to_string(geteuid()), gid = std::to_string(getegid());
  ASSERT_EQ(unshare(CLONE_NEWUSER | CLONE_NEWNET), 0) << strerror(errno);
  auto put = [](const char* path, const std::string& text) {
    Fd file(open(path, O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(file && WriteFull(file.get(), text)) << path << ": " << strerror(errno);
  };
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", id + " " + id + " 1");
  put("/proc/self/gid_map", gid + " " + gid + " 1");
  Fd s(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  EXPECT_EQ(ioctl(s.get(), SIOCSIFFLAGS, &request), 0);
}

// Answers "<first letter><what it was sent>". Counts connections.
class Server {
 public:
  Server(const char* address, char letter) : letter_(letter) {
    BypassPeer at = Address(address, 0);
    listener_ = Fd(socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), &at.any, at.size), 0) << address << ": " << strerror(errno);
    EXPECT_EQ(listen(listener_.get(), 128), 0);
    getsockname(listener_.get(), &at.any, &at.size);
    port_ = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
    std::thread([this] { Serve(); }).detach();  // until the process ends
  }
  uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }

 private:
  void Serve() {
    for (;;) {
      int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      accepted_++;
      std::thread([fd, this] {
        char buffer[256];
        buffer[0] = letter_;
        for (ssize_t n; (n = read(fd, buffer + 1, sizeof buffer - 1)) > 0;)
          if (write(fd, buffer, static_cast<size_t>(n) + 1) < 0) break;
        close(fd);
      }).detach();
    }
  }
  Fd listener_;
  uint16_t port_ = 0;
  char letter_;
  std::atomic<int> accepted_ = 0;
};

// What the container's process knows.
struct Inside {
  uint16_t port, port6, secret;  // of the public servers, and of the one on the host's loopback
  int host;                      // a socket to the host's process
};

void Send(int socket, const BypassMessage& message, const std::vector<int>& fds) {
  auto sent = SendPacket(socket, {reinterpret_cast<const char*>(&message), sizeof message}, fds);
  EXPECT_TRUE(sent) << sent.error().what;
}

// The kernel readies an IPv6 address a little later.
void AwaitIpv6(uint16_t port) {
  const BypassPeer peer = Address(kOutside6, port);
  for (int i = 0; i < 500; i++) {
    Fd probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(probe.get(), &peer.any, peer.size);
    pollfd ready{probe.get(), POLLOUT, 0};
    if (poll(&ready, 1, 20) == 1 && ready.revents == POLLOUT) return;
  }
}

int InstallFilter() {
  std::vector<sock_filter> filter = BypassFilter();
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

struct Host {
  Server server{kOutside, 'o'}, server6{kOutside6, '6'}, secret{"127.0.0.1", 's'};
  Fd table, inside_socket, listener, control;
  pid_t supervisor = -1;

  void StartSupervisor() {
    auto sockets = MakeSocketPair();
    supervisor = fork();
    if (supervisor == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      sockets->ours.Reset();
      _exit(RunBypass(sockets->theirs.get()));
    }
    control = std::move(sockets->ours);
    BypassMessage message;
    message.kind = BypassMessage::kSetUp;
    message.policy.ipv6 = true;
    message.policy.inside[0] = {0x0a000200, 0xffffff00};
    message.policy.inside_count = 1;
    Send(control.get(), message, {inside_socket.get(), table.get()});
    message.kind = BypassMessage::kListener;
    Send(control.get(), message, {listener.get()});
  }
  void KillSupervisor() {
    kill(supervisor, SIGKILL);
    waitpid(supervisor, nullptr, 0);
  }
};

// Runs `inside` in the container; `outside`, in the host, hears it on the socket that `inside` has.
void InWorld(const std::function<void(const Inside&)>& inside,
             const std::function<void(Host&, int container)>& outside = {}) {
  const pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    EnterNamespaces();
    auto netlink = NetlinkSocket::Open(NETLINK_ROUTE);
    AddAddress(*netlink, AF_INET, kOutside, 24);
    AddAddress(*netlink, AF_INET6, kOutside6, 128);
    auto sockets = MakeSocketPair();
    Pipe go = *MakePipe();
    const pid_t container = fork();
    if (container == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      sockets->ours.Reset();
      go.write.Reset();
      EnterNamespaces();
      Fd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      Fd listener(InstallFilter());
      EXPECT_TRUE(listener) << strerror(errno);
      EXPECT_TRUE(SendPacket(sockets->theirs.get(), "mine", {probe.get(), listener.get()}));
      listener.Reset();
      Inside facts{};
      EXPECT_EQ(read(go.read.get(), &facts, sizeof facts), static_cast<ssize_t>(sizeof facts));
      facts.host = sockets->theirs.get();
      inside(facts);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    sockets->theirs.Reset();
    auto mine = ReceivePacket(sockets->ours.get());
    Host world;
    world.table = Fd(memfd_create("calls", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(world.table.get(), sizeof(BypassCalls)), 0);
    world.inside_socket = std::move(mine->fds[0]);
    world.listener = std::move(mine->fds[1]);
    world.StartSupervisor();
    AwaitIpv6(world.server6.port());
    Inside facts{world.server.port(), world.server6.port(), world.secret.port(), -1};
    EXPECT_TRUE(WriteFull(go.write.get(), &facts, sizeof facts));
    if (outside) outside(world, sockets->ours.get());
    int status = -1;
    waitpid(container, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(world.secret.accepted(), 0);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  waitpid(host, &status, 0);
  EXPECT_EQ(status, 0);
}

Fd Tcp(int flags = 0, int family = AF_INET) {
  return Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

int Connect(int fd, const char* address, uint16_t port) {
  BypassPeer peer = Address(address, port);
  return connect(fd, &peer.any, peer.size) == 0 ? 0 : errno;
}

std::string Ask(int to, const std::string& text, int from = -1) {
  if (write(to, text.data(), text.size()) < 0) return strerror(errno);
  pollfd ready{from < 0 ? to : from, POLLIN, 0};
  poll(&ready, 1, 10'000);
  char buffer[64];
  ssize_t n = read(ready.fd, buffer, sizeof buffer);
  return n < 0 ? strerror(errno) : std::string(buffer, static_cast<size_t>(n));
}

int ErrorOf(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

bool AwaitWritable(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, 10'000) == 1;
}

// --- The supervisor ---

TEST(Bypass, ConnectsOutside) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp();
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), 0) << strerror(errno);
    EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
    BypassPeer peer{};
    peer.size = sizeof peer.v6;
    ASSERT_EQ(getpeername(fd.get(), &peer.any, &peer.size), 0);
    EXPECT_EQ(peer, Address(kOutside, in.port));
    EXPECT_NE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(Connect(fd.get(), kOutside, in.port), EISCONN);

    Fd inherited(socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(Connect(inherited.get(), kOutside, in.port), 0);
    EXPECT_EQ(fcntl(inherited.get(), F_GETFD) & FD_CLOEXEC, 0);
  });
}

TEST(Bypass, ConnectsByIpv6) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp(0, AF_INET6), mapped = Tcp(0, AF_INET6);
    ASSERT_EQ(Connect(fd.get(), kOutside6, in.port6), 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "6hi");
    ASSERT_EQ(Connect(mapped.get(), "::ffff:203.0.113.1", in.port), 0);
    EXPECT_EQ(Ask(mapped.get(), "hi"), "ohi");
  });
}

TEST(Bypass, ConnectsWithoutBlocking) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp(SOCK_NONBLOCK);
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), EINPROGRESS);
    ASSERT_TRUE(AwaitWritable(fd.get()));
    EXPECT_EQ(ErrorOf(fd.get()), 0);
    EXPECT_EQ(Connect(fd.get(), kOutside, in.port), 0);  // as the kernel: once, then
    EXPECT_EQ(Connect(fd.get(), kOutside, in.port), EISCONN);
    EXPECT_NE(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
  });
}

TEST(Bypass, KeepsOptions) {
  InWorld([](const Inside& in) {
    struct {
      int level, name, value, seen;
    } const kOptions[] = {{SOL_SOCKET, SO_KEEPALIVE, 1, 1},       {IPPROTO_TCP, TCP_NODELAY, 1, 1},
                          {IPPROTO_TCP, TCP_KEEPIDLE, 77, 77},    {IPPROTO_TCP, TCP_USER_TIMEOUT, 9000, 9000},
                          {IPPROTO_IP, IP_TOS, 0x10, 0x10},       {IPPROTO_IP, IP_TTL, 33, 33},
                          {SOL_SOCKET, SO_SNDBUF, 50000, 100000}, {SOL_SOCKET, SO_RCVLOWAT, 2, 2}};
    Fd fd = Tcp();
    for (const auto& o : kOptions)
      ASSERT_EQ(setsockopt(fd.get(), o.level, o.name, &o.value, sizeof o.value), 0);
    timeval limit{7, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), 0);
    for (const auto& o : kOptions) {
      int value = -1;
      socklen_t size = sizeof value;
      getsockopt(fd.get(), o.level, o.name, &value, &size);
      EXPECT_EQ(value, o.seen) << o.level << " " << o.name;
    }
    limit = {};
    socklen_t size = sizeof limit;
    getsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, &size);
    EXPECT_EQ(limit.tv_sec, 7);
  });
}

TEST(Bypass, KeepsEpollRegistrations) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp(SOCK_NONBLOCK), set(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLOUT | EPOLLET, .data = {.u64 = 0x123456789abcdef0}};
    ASSERT_EQ(epoll_ctl(set.get(), EPOLL_CTL_ADD, fd.get(), &event), 0);
    ASSERT_EQ(epoll_wait(set.get(), &event, 1, 0), 1);  // unconnected: writable, and hung up
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), EINPROGRESS);
    event = {};
    ASSERT_EQ(epoll_wait(set.get(), &event, 1, 10'000), 1);
    EXPECT_EQ(event.events, static_cast<uint32_t>(EPOLLOUT));
    EXPECT_EQ(event.data.u64, 0x123456789abcdef0U);
    event.events = EPOLLIN;
    EXPECT_EQ(epoll_ctl(set.get(), EPOLL_CTL_MOD, fd.get(), &event), 0);
    ASSERT_EQ(write(fd.get(), "hi", 2), 2);
    ASSERT_EQ(epoll_wait(set.get(), &event, 1, 10'000), 1);
    EXPECT_EQ(epoll_ctl(set.get(), EPOLL_CTL_DEL, fd.get(), nullptr), 0);
  });
}

TEST(Bypass, ReplacesEveryDuplicate) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp(), second(dup(fd.get()));
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), 0);
    EXPECT_EQ(Ask(fd.get(), "hi", second.get()), "ohi");
    EXPECT_EQ(fcntl(second.get(), F_GETFD) & FD_CLOEXEC, 0);
  });
}

TEST(Bypass, LeavesSharedSocketsInside) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp();
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    EXPECT_EQ(Connect(fd.get(), kOutside, in.port), ENETUNREACH);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    // The other way round: the child connects what its parent has too.
    Fd again = Tcp();
    const pid_t connecting = fork();
    if (connecting == 0) _exit(Connect(again.get(), kOutside, in.port));
    int status = 0;
    waitpid(connecting, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), ENETUNREACH);
    // And of a fork before, each has its own.
    const pid_t own = fork();
    if (own == 0) _exit(Connect(Tcp().get(), kOutside, in.port));
    waitpid(own, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  });
}

TEST(Bypass, PassesErrorsOn) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp();
    EXPECT_EQ(Connect(fd.get(), kOutside, 1), ECONNREFUSED);
    EXPECT_EQ(Connect(fd.get(), "198.51.100.1", 80), ENETUNREACH);
    EXPECT_EQ(Connect(fd.get(), kOutside, in.port), 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
    BypassPeer peer = Address(kOutside, in.port);
    EXPECT_EQ(connect(-1, &peer.any, peer.size), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(connect(Tcp().get(), nullptr, 16), -1);
    EXPECT_EQ(errno, EFAULT);
    EXPECT_EQ(connect(Tcp().get(), &peer.any, 1'000'000), -1);
    EXPECT_EQ(errno, EINVAL);
  });
}

TEST(Bypass, LeavesTheRestInside) {
  InWorld([](const Inside& in) {
    EXPECT_EQ(Connect(Tcp().get(), "127.0.0.1", in.secret), ECONNREFUSED);
    EXPECT_EQ(Connect(Tcp().get(), "0.0.0.0", in.secret), ECONNREFUSED);
    EXPECT_EQ(Connect(Tcp(0, AF_INET6).get(), "::ffff:127.0.0.1", in.secret), ECONNREFUSED);
    EXPECT_EQ(Connect(Tcp().get(), "10.0.2.2", in.secret), ENETUNREACH);
    Fd udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(Connect(udp.get(), kOutside, in.port), ENETUNREACH);
    Fd bound = Tcp();
    BypassPeer any = Address("0.0.0.0", 0);
    ASSERT_EQ(bind(bound.get(), &any.any, any.size), 0);
    EXPECT_EQ(Connect(bound.get(), kOutside, in.port), ENETUNREACH);
    Fd device = Tcp();
    timeval limit{0, 100'000};
    setsockopt(device.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ASSERT_EQ(setsockopt(device.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    EXPECT_NE(Connect(device.get(), kOutside, in.port), 0);
    BypassPeer peer = Address(kOutside, in.port);
    EXPECT_EQ(sendto(Tcp().get(), "hi", 2, MSG_FASTOPEN, &peer.any, peer.size), -1);
    EXPECT_EQ(errno, EOPNOTSUPP);
    // Its own loopback works.
    Server own("127.0.0.1", 'l');
    Fd fd = Tcp();
    ASSERT_EQ(Connect(fd.get(), "127.0.0.1", own.port()), 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "lhi");
    // Unix sockets, abstract ones too.
    Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = "\0bypass"};
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  });
}

TEST(Bypass, LeavesNetworksInsideTheContainerAlone) {
  InWorld([](const Inside& in) {
    const pid_t nested = fork();
    if (nested == 0) {
      EnterNamespaces();
      _exit(Connect(Tcp().get(), kOutside, in.port));
    }
    int status = 0;
    waitpid(nested, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), ENETUNREACH);
  });
}

// A socket that was given to the container, in hands that no filter holds: it hears its peer and nobody else.
TEST(Bypass, GivesSocketsThatAreGoodForOnePeer) {
  InWorld(
      [](const Inside& in) {
        Fd fd = Tcp();
        ASSERT_EQ(Connect(fd.get(), kOutside, in.port), 0);
        ASSERT_TRUE(SendPacket(in.host, "socket", {fd.get()}));
        (void)ReceivePacket(in.host);
      },
      [](Host& host, int container) {
        auto packet = ReceivePacket(container);
        ASSERT_EQ(packet->fds.size(), 1U);
        const int fd = packet->fds[0].get();
        timeval limit{0, 400'000};
        ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
        BypassPeer nobody{};
        nobody.any.sa_family = AF_UNSPEC;
        ASSERT_EQ(connect(fd, &nobody.any, sizeof nobody.v4), 0);
        EXPECT_EQ(Connect(fd, "127.0.0.1", host.secret.port()), EINPROGRESS);
        ASSERT_EQ(connect(fd, &nobody.any, sizeof nobody.v4), 0);
        EXPECT_EQ(Connect(fd, "127.0.0.1", 1), EINPROGRESS);  // nor does it tell that nobody listens
        ASSERT_EQ(connect(fd, &nobody.any, sizeof nobody.v4), 0);
        const int off = 0;
        EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof off), -1);
        EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof off), -1);
        EXPECT_EQ(Connect(fd, kOutside, host.server.port()), 0);
        EXPECT_EQ(Ask(fd, "hi"), "ohi");
        EXPECT_TRUE(SendPacket(container, "done"));
      });
}

// Address and descriptor change all the time while they are looked at.
TEST(Bypass, IsNotFooledByWhatChanges) {
  InWorld([](const Inside& in) {
    BypassPeer shared = Address(kOutside, in.port);
    const BypassPeer public_one = shared, secret = Address("127.0.0.1", in.secret);
    Fd given = Tcp();
    ASSERT_EQ(Connect(given.get(), kOutside, in.port), 0);
    BypassPeer nobody{};
    nobody.any.sa_family = AF_UNSPEC;
    connect(given.get(), &nobody.any, sizeof nobody.v4);
    const int number = fcntl(given.get(), F_DUPFD_CLOEXEC, 300);
    std::atomic<bool> stop = false;
    std::thread address([&] {
      while (!stop) {
        memcpy(&shared.v4, &secret.v4, sizeof shared.v4);
        memcpy(&shared.v4, &public_one.v4, sizeof shared.v4);
      }
    });
    std::thread descriptor([&] {
      while (!stop) {
        Fd fresh = Tcp(SOCK_NONBLOCK);
        dup2(fresh.get(), number);
        dup2(given.get(), number);
      }
    });
    fcntl(given.get(), F_SETFL, O_NONBLOCK);
    int connected = 0;
    for (int i = 0; i < 2000; i++) {
      Fd fd = Tcp(SOCK_NONBLOCK);
      if (i % 2 == 0) dup2(fd.get(), number);
      connect(number, &shared.any, sizeof shared.v4);
      BypassPeer peer{};
      peer.size = sizeof peer.v6;
      if (getpeername(number, &peer.any, &peer.size) == 0) {
        connected++;
        char answer = 0;
        pollfd ready{number, POLLIN, 0};
        if (send(number, "x", 1, MSG_NOSIGNAL) == 1 && poll(&ready, 1, 10) == 1)
          (void)!read(number, &answer, 1);
        EXPECT_NE(answer, 's');
      }
    }
    stop = true;
    address.join();
    descriptor.join();
    EXPECT_GT(connected, 0);
  });  // and the secret server has seen nobody
}

TEST(Bypass, TakesAnInterruptedConnectUpAgain) {
  InWorld(
      [](const Inside& in) {
        auto packet = ReceivePacket(in.host);
        const auto port = static_cast<uint16_t>(std::stoi(packet->data));
        struct sigaction action{};
        action.sa_handler = [](int) {};
        sigaction(SIGALRM, &action, nullptr);
        Fd fd = Tcp();
        alarm(1);
        EXPECT_EQ(Connect(fd.get(), kOutside, port), EINTR);
        ASSERT_TRUE(SendPacket(in.host, "interrupted"));
        EXPECT_EQ(Connect(fd.get(), kOutside, port), 0);
        // With SO_SNDTIMEO the call ends, and the connection goes on.
        packet = ReceivePacket(in.host);
        Fd timed = Tcp();
        timeval limit{0, 200'000};
        setsockopt(timed.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        EXPECT_EQ(Connect(timed.get(), kOutside, static_cast<uint16_t>(std::stoi(packet->data))),
                  EINPROGRESS);
        EXPECT_EQ(ErrorOf(timed.get()), 0);
        EXPECT_TRUE(SendPacket(in.host, "done"));
      },
      [](Host&, int container) {
        // A listener whose queue is full answers no SYN.
        auto full = [](Fd& listener, Fd& first) {
          BypassPeer at = Address(kOutside, 0);
          bind(listener.get(), &at.any, at.size);
          listen(listener.get(), 0);
          getsockname(listener.get(), &at.any, &at.size);
          EXPECT_EQ(connect(first.get(), &at.any, at.size), 0);
          return std::to_string(ntohs(at.v4.sin_port));
        };
        Fd listener = Tcp(), first = Tcp(), other = Tcp(), second = Tcp();
        EXPECT_TRUE(SendPacket(container, full(listener, first)));
        (void)ReceivePacket(container);
        Fd accepted(accept(listener.get(), nullptr, nullptr));
        EXPECT_TRUE(SendPacket(container, full(other, second)));
        (void)ReceivePacket(container);
      });
}

TEST(Bypass, OutlivesItsSupervisor) {
  InWorld(
      [](const Inside& in) {
        auto packet = ReceivePacket(in.host);
        const auto port = static_cast<uint16_t>(std::stoi(packet->data));
        Fd fd = Tcp();
        EXPECT_EQ(Connect(fd.get(), kOutside, port), ENETUNREACH);  // it was left to the kernel
        EXPECT_EQ(Connect(fd.get(), kOutside, in.port), 0);         // the new one takes it
        EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
      },
      [](Host& host, int container) {
        Fd listener = Tcp(), first = Tcp();
        BypassPeer at = Address(kOutside, 0);
        bind(listener.get(), &at.any, at.size);
        listen(listener.get(), 0);
        getsockname(listener.get(), &at.any, &at.size);
        EXPECT_EQ(connect(first.get(), &at.any, at.size), 0);
        EXPECT_TRUE(SendPacket(container, std::to_string(ntohs(at.v4.sin_port))));
        void* shared = mmap(nullptr, sizeof(BypassCalls), PROT_READ, MAP_SHARED, host.table.get(), 0);
        const auto* calls = static_cast<const volatile BypassCalls*>(shared);
        for (int i = 0; i < 1000 && calls->slots[0].id == 0; i++) usleep(10'000);
        usleep(50'000);
        EXPECT_NE(calls->slots[0].id, 0U);
        host.KillSupervisor();
        host.StartSupervisor();
      });
}

TEST(Bypass, LeavesNoDescriptorBehind) {
  InWorld(
      [](const Inside& in) {
        (void)ReceivePacket(in.host);
        for (int i = 0; i < 500; i++) {
          Fd fd = Tcp(i % 2 == 0 ? SOCK_NONBLOCK : 0);
          Connect(fd.get(), kOutside, i % 5 == 0 ? 1 : in.port);
        }
        ASSERT_TRUE(SendPacket(in.host, "done"));
        (void)ReceivePacket(in.host);
      },
      [](Host& host, int container) {
        auto descriptors = [&] {
          return ListDirectory(AT_FDCWD, "/proc/" + std::to_string(host.supervisor) + "/fd")->size();
        };
        const size_t before = descriptors();
        EXPECT_TRUE(SendPacket(container, "go"));
        (void)ReceivePacket(container);
        EXPECT_LE(descriptors(), before + 10);  // it may have begun meanwhile
        EXPECT_TRUE(SendPacket(container, "bye"));
      });
}

}  // namespace
}  // namespace wolffia
