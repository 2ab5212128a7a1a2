// A container in miniature for the fast path's supervisor: a "host" (a network namespace with an address that
// is not its loopback's, a public server there and a secret one on its loopback) and in it a "container" (a
// namespace with nothing but its own loopback), whose process has the filter. What the supervisor leaves
// alone ends in ENETUNREACH.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
#include "network/links.h"

namespace wolffia {

inline constexpr char kOutside[] = "203.0.113.1", kOutside6[] = "2001:db8::1";

inline BypassPeer Address(const char* text, uint16_t port) {
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

inline std::string_view BytesOf(const BypassPeer& peer) {
  return {reinterpret_cast<const char*>(&peer.any), peer.size};
}

// A way out, which leads nowhere but to the host's own addresses on it.
inline void MakeOutside() {
  auto links = Links::Open();
  const Fd here(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const Links::Veth veth{
      .name = "out", .peer = "far", .peer_namespace = here.get(), .peer_mac = {2, 0, 0, 0, 0, 1}};
  auto made = links->AddVeth(veth);
  ASSERT_TRUE(made) << made.error().what;
  for (const char* name : {"out", "far"}) EXPECT_TRUE(links->SetUp(*links->IndexOf(name)));
  EXPECT_TRUE(links->AddAddress(*links->IndexOf("out"), *ParseIp(kOutside), 24));
  EXPECT_TRUE(links->AddAddress(*links->IndexOf("out"), *ParseIp(kOutside6), 128));
}

// From now on an ordinary user of its network.
inline void DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ASSERT_EQ(syscall(SYS_capset, &header, none), 0) << strerror(errno);
}

inline void EnterNamespaces() {
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

inline void Send(int socket, const BypassMessage& message, const std::vector<int>& fds) {
  auto sent = SendPacket(socket, {reinterpret_cast<const char*>(&message), sizeof message}, fds);
  EXPECT_TRUE(sent) << sent.error().what;
}

// The kernel readies an IPv6 address a little later.
inline void AwaitIpv6(uint16_t port) {
  const BypassPeer peer = Address(kOutside6, port);
  for (int i = 0; i < 500; i++) {
    Fd probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(probe.get(), &peer.any, peer.size);
    pollfd ready{probe.get(), POLLOUT, 0};
    if (poll(&ready, 1, 20) == 1 && ready.revents == POLLOUT) return;
  }
}

inline int InstallFilter() {
  std::vector<sock_filter> filter = BypassFilter();
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                                  &program));
}

struct Host {
  Server server{kOutside, 'o'}, server6{kOutside6, '6'}, secret{"127.0.0.1", 's'};
  Fd table, inside_socket, listener, user_namespace, control;
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
    Send(control.get(), message, {inside_socket.get(), table.get(), user_namespace.get()});
    message.kind = BypassMessage::kListener;
    Send(control.get(), message, {listener.get()});
  }
  void KillSupervisor() {
    kill(supervisor, SIGKILL);
    waitpid(supervisor, nullptr, 0);
  }
};

// Runs `test` in the host alone, as its administrator.
inline void InHost(const std::function<void(Host&)>& test) {
  const pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    EnterNamespaces();
    MakeOutside();
    Host world;
    AwaitIpv6(world.server6.port());
    test(world);
    EXPECT_EQ(world.secret.accepted(), 0);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  waitpid(host, &status, 0);
  EXPECT_EQ(status, 0);
}

// Runs `inside` in the container; `outside`, in the host, hears it on the socket that `inside` has.
inline void InWorld(const std::function<void(const Inside&)>& inside,
                    const std::function<void(Host&, int container)>& outside = {}) {
  const pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    EnterNamespaces();
    MakeOutside();
    DropCapabilities();
    auto sockets = MakeSocketPair();
    Pipe go = *MakePipe();
    const pid_t container = fork();
    if (container == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      sockets->ours.Reset();
      go.write.Reset();
      EnterNamespaces();
      Fd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      Fd users(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
      Fd listener(InstallFilter());
      EXPECT_TRUE(listener) << strerror(errno);
      EXPECT_TRUE(SendPacket(sockets->theirs.get(), "mine", {probe.get(), listener.get(), users.get()}));
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
    world.user_namespace = std::move(mine->fds[2]);
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

inline Fd Tcp(int flags = 0, int family = AF_INET) {
  return Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

inline int Connect(int fd, const char* address, uint16_t port) {
  BypassPeer peer = Address(address, port);
  return connect(fd, &peer.any, peer.size) == 0 ? 0 : errno;
}

inline std::string Ask(int to, const std::string& text, int from = -1) {
  if (write(to, text.data(), text.size()) < 0) return strerror(errno);
  pollfd ready{from < 0 ? to : from, POLLIN, 0};
  poll(&ready, 1, 10'000);
  char buffer[64];
  ssize_t n = read(ready.fd, buffer, sizeof buffer);
  return n < 0 ? strerror(errno) : std::string(buffer, static_cast<size_t>(n));
}

inline int ErrorOf(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

inline bool AwaitWritable(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, 10'000) == 1;
}

}  // namespace wolffia
