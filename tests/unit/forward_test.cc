// The port forwarder between two network namespaces that the test makes: itself is "the host", with clients
// at addresses of its own, and a child is "the container", with a server.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "engine/base/file.h"
#include "network/forward_address.h"
#include "network/links.h"
#include "network/port_forwarder.h"
#include "network/port_mapping.h"

namespace wolffia {
namespace {

using ::testing::HasSubstr;

constexpr const char* kInside = "10.0.2.100";
constexpr uint16_t kPort = 80;

void Must(const Result<>& result) {
  if (result) return;
  fprintf(stderr, "%s\n", result.error().what.c_str());
  _exit(99);
}

void Write(const char* path, const std::string& text) {
  auto fd = Open(path, O_WRONLY);
  Must(fd ? WriteFull(fd->get(), text) : Result<>(std::unexpected(fd.error())));
}

// Up at both ends, as the kernel wants it of an interface that default routes lead through.
int MakeInterface(Links& links) {
  Fd here = *Open("/proc/self/ns/net", O_RDONLY);
  Must(links.AddVeth(
      {.name = "eth0", .peer = "far", .peer_namespace = here.get(), .peer_mac = {2, 0, 0, 0, 0, 1}}));
  for (const char* name : {"far", "eth0"}) Must(links.SetUp(*links.IndexOf(name)));
  return *links.IndexOf("eth0");
}

// A user and a network namespace of our own, as root: the host's has its addresses on the loopback, and no
// way out; the container's, an interface with default routes.
void EnterNamespaces(const std::vector<std::string>& addresses,
                     const std::vector<std::string>& gateways = {}) {
  const std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) Must(FailErrno("unshare"));
  Write("/proc/self/setgroups", "deny");
  Write("/proc/self/uid_map", "0 " + uid + " 1");
  Write("/proc/self/gid_map", "0 " + gid + " 1");
  auto links = Links::Open();
  int interface = *links->IndexOf("lo");
  Must(links->SetUp(interface));
  if (!gateways.empty()) interface = MakeInterface(*links);
  for (const std::string& text : addresses) {
    const IpAddress address = *ParseIp(text);
    Must(links->AddAddress(interface, address, gateways.empty() ? address.bits() : address.v6 ? 64 : 24));
  }
  for (const std::string& gateway : gateways) Must(links->AddDefaultRoute(interface, *ParseIp(gateway), 100));
}

ForwardAddress Address(const std::string& ip, uint16_t port) {
  ForwardAddress address;
  const bool v6 = ip.find(':') != ip.npos;
  address.any.sa_family = v6 ? AF_INET6 : AF_INET;
  inet_pton(address.any.sa_family, ip.c_str(),
            v6 ? static_cast<void*>(&address.v6.sin6_addr) : &address.v4.sin_addr);
  (v6 ? address.v6.sin6_port : address.v4.sin_port) = htons(port);
  return address;
}

std::string Text(const ForwardAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v6 = address.any.sa_family == AF_INET6;
  inet_ntop(address.any.sa_family,
            v6 ? static_cast<const void*>(&address.v6.sin6_addr) : &address.v4.sin_addr, text, sizeof text);
  return text;
}

int ready = -1;  // in the container

// Its port answers now, or never will.
void SayReady() {
  if (write(ready, "r", 1) != 1) _exit(1);
}

Fd Serve(int type, const std::string& ip) {
  const ForwardAddress address = Address(ip, kPort);
  Fd fd(socket(address.any.sa_family, type | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd.get(), &address.any, address.size()) < 0) Must(FailErrno("bind"));
  if (type == SOCK_STREAM && listen(fd.get(), 4096) < 0) Must(FailErrno("listen"));
  SayReady();
  return fd;
}

ForwardAddress PeerOf(int fd) {
  ForwardAddress peer;
  socklen_t size = sizeof peer;
  getpeername(fd, &peer.any, &size);
  return peer;
}

// Says who the client is, then gives back what it gets, to the end.
void Echo(const Fd& listener) {
  while (true) {
    Fd client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) _exit(1);
    if (fork() != 0) continue;
    const std::string who = Text(PeerOf(client.get())) + "\n";
    if (write(client.get(), who.data(), who.size()) < 0) _exit(0);
    char buffer[65536];
    for (ssize_t n; (n = read(client.get(), buffer, sizeof buffer)) > 0;)
      if (!WriteFull(client.get(), buffer, static_cast<size_t>(n))) _exit(0);
    _exit(0);
  }
}

void EchoDatagrams(const Fd& socket) {
  char buffer[65536];
  while (true) {
    ForwardAddress client;
    socklen_t size = sizeof client;
    ssize_t n = recvfrom(socket.get(), buffer, sizeof buffer, 0, &client.any, &size);
    if (n < 0) continue;
    const std::string answer = Text(client) + " " + std::string(buffer, static_cast<size_t>(n));
    sendto(socket.get(), answer.data(), answer.size(), 0, &client.any, size);
  }
}

class Forwarding : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EnterNamespaces({"203.0.113.8", "203.0.113.9", "2001:db8::8"});
    signal(SIGCHLD, SIG_DFL);
  }

  void TearDown() override {
    while (forwarder_ && HasFailure()) {
      auto warning = forwarder_->ReadWarning();
      if (!warning) break;
      printf("warning: %s\n", warning->c_str());
    }
    forwarder_.reset();
    if (container_ > 0) {
      kill(-container_, SIGKILL);
      waitpid(container_, nullptr, 0);
    }
  }

  // The container, with `serve` running in it (which says when it is ready), and its port published.
  void Begin(const std::function<void()>& serve, const char* publish = "8080:80") {
    Pipe pipe = *MakePipe();
    container_ = fork();
    if (container_ == 0) {
      setpgid(0, 0);
      if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) _exit(1);
      EnterNamespaces({kInside, "fd00::100"}, {"10.0.2.2", "fd00::2"});
      ready = pipe.write.get();
      serve();
      _exit(0);
    }
    pipe.write.Reset();
    char byte;
    ASSERT_EQ(read(pipe.read.get(), &byte, 1), 1);
    const std::string proc = "/proc/" + std::to_string(container_) + "/ns/";
    user_ = *Open(proc + "user", O_RDONLY);
    net_ = *Open(proc + "net", O_RDONLY);
    auto made = PortForwarder::Reserve({*ParsePortMapping(publish)}, false, WOLFFIA_BIN_DIR "/wolffia-net");
    ASSERT_TRUE(made) << made.error().what;
    forwarder_ = *std::move(made);
    auto begun = forwarder_->Begin(Target());
    ASSERT_TRUE(begun) << begun.error().what;
    auto finished = forwarder_->Finish(interfaces_);
    ASSERT_TRUE(finished) << finished.error().what;
  }

  NetworkTarget Target() const { return {user_.get(), net_.get(), true}; }

  // A client's connection; what its server says first.
  Fd Connect(const std::string& from, const std::string& to, std::string* seen = nullptr) {
    const ForwardAddress source = Address(from, 0), destination = Address(to, 8080);
    Fd fd(socket(destination.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{10, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    EXPECT_EQ(bind(fd.get(), &source.any, source.size()), 0);
    EXPECT_EQ(connect(fd.get(), &destination.any, destination.size()), 0) << strerror(errno);
    if (seen != nullptr) {
      char c;
      while (read(fd.get(), &c, 1) == 1 && c != '\n') *seen += c;
    }
    return fd;
  }
  std::string Seen(const std::string& from, const std::string& to) {
    std::string seen;
    Connect(from, to, &seen);
    return seen;
  }

  pid_t container_ = 0;
  Fd user_, net_;
  std::vector<InterfaceState> interfaces_ = {{.network = "n",
                                              .interface = "lo",
                                              .ip = kInside,
                                              .gateway = "10.0.2.2",
                                              .ip6 = "fd00::100",
                                              .gateway6 = "fd00::2"}};
  std::unique_ptr<PortForwarder> forwarder_;
};

std::string ReadAll(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
  return all;
}

TEST_F(Forwarding, KeepsTheClientsAddress) {
  ASSERT_NO_FATAL_FAILURE(Begin([] { Echo(Serve(SOCK_STREAM, "::")); }));
  EXPECT_EQ(Seen("203.0.113.8", "203.0.113.9"), "::ffff:203.0.113.8");
  EXPECT_EQ(Seen("203.0.113.9", "203.0.113.9"), "::ffff:203.0.113.9");
  EXPECT_EQ(Seen("2001:db8::8", "2001:db8::8"), "2001:db8::8");
  EXPECT_FALSE(forwarder_->ReadWarning());
  EXPECT_EQ(Seen("127.0.0.1", "127.0.0.1"), "::ffff:10.0.2.2");
  EXPECT_EQ(Seen("::1", "::1"), "fd00::2");
  EXPECT_THAT(forwarder_->ReadWarning().value_or(""), HasSubstr("loopback"));
  EXPECT_FALSE(forwarder_->ReadWarning()) << "once";
}

TEST_F(Forwarding, ReachesServersOfIpv4Alone) {
  ASSERT_NO_FATAL_FAILURE(Begin([] { Echo(Serve(SOCK_STREAM, "0.0.0.0")); }));
  EXPECT_EQ(Seen("203.0.113.8", "203.0.113.9"), "203.0.113.8");
  EXPECT_EQ(Seen("2001:db8::8", "2001:db8::8"), "10.0.2.2");
}

TEST_F(Forwarding, SaysThatIpv6ClientsAreNotShown) {
  interfaces_[0].ip6 = interfaces_[0].gateway6 = "";
  ASSERT_NO_FATAL_FAILURE(Begin([] { Echo(Serve(SOCK_STREAM, "0.0.0.0")); }));
  EXPECT_EQ(Seen("2001:db8::8", "2001:db8::8"), "10.0.2.2");
  EXPECT_EQ(Seen("2001:db8::8", "2001:db8::8"), "10.0.2.2");
  EXPECT_THAT(forwarder_->ReadWarning().value_or(""), HasSubstr("IPv6 clients"));
  EXPECT_FALSE(forwarder_->ReadWarning()) << "once";
}

TEST_F(Forwarding, CarriesBytesAndHalfACloseBothWays) {
  ASSERT_NO_FATAL_FAILURE(Begin([] { Echo(Serve(SOCK_STREAM, "0.0.0.0")); }));
  std::string sent;
  for (int i = 0; i < 3'000'000; i++) sent += static_cast<char>(i * 7 + i / 251);
  std::string seen;
  Fd fd = Connect("203.0.113.8", "203.0.113.9", &seen);
  if (fork() == 0) {
    const bool written = WriteFull(fd.get(), sent).has_value();
    shutdown(fd.get(), SHUT_WR);
    _exit(written ? 0 : 1);
  }
  EXPECT_TRUE(ReadAll(fd.get()) == sent);
  int status;
  wait(&status);
  EXPECT_EQ(status, 0);
}

TEST_F(Forwarding, RefusesWhatTheContainerRefuses) {
  ASSERT_NO_FATAL_FAILURE(Begin([] {
    SayReady();
    pause();
  }));
  Fd fd = Connect("203.0.113.8", "203.0.113.9");
  char byte;
  EXPECT_EQ(read(fd.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(Forwarding, PassesResetsOn) {
  ASSERT_NO_FATAL_FAILURE(Begin([] {
    Fd listener = Serve(SOCK_STREAM, "0.0.0.0");
    const linger now{1, 0};
    for (int i = 0; i < 2; i++) {  // the first client is reset; the second one resets, and the third is told
      Fd client(accept(listener.get(), nullptr, nullptr));
      char byte;
      const ssize_t n = read(client.get(), &byte, 1);
      if (i == 0) setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      if (i == 0) continue;
      const char* said =
          n == 1 && read(client.get(), &byte, 1) < 0 && errno == ECONNRESET ? "reset\n" : "other\n";
      Fd third(accept(listener.get(), nullptr, nullptr));
      Must(WriteFull(third.get(), said));
    }
  }));
  char byte = 'x';
  Fd first = Connect("203.0.113.8", "203.0.113.9");
  ASSERT_EQ(write(first.get(), &byte, 1), 1);
  EXPECT_EQ(read(first.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
  {
    Fd second = Connect("203.0.113.8", "203.0.113.9");
    ASSERT_EQ(write(second.get(), &byte, 1), 1);
    pollfd settle{second.get(), 0, 0};
    poll(&settle, 1, 100);  // the byte is there before the reset
    const linger now{1, 0};
    setsockopt(second.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  EXPECT_EQ(Seen("203.0.113.8", "203.0.113.9"), "reset");
}

// One that does not read holds up its own writer; others go on.
TEST_F(Forwarding, HoldsBackForSlowReaders) {
  ASSERT_NO_FATAL_FAILURE(Begin([] {
    Fd listener = Serve(SOCK_STREAM, "0.0.0.0");
    const std::string much(8 << 20, 'm');
    while (true) {
      Fd client(accept(listener.get(), nullptr, nullptr));
      if (fork() != 0) continue;
      (void)WriteFull(client.get(), much);
      _exit(0);
    }
  }));
  std::vector<Fd> slow;
  for (int i = 0; i < 20; i++) slow.push_back(Connect("203.0.113.8", "203.0.113.9"));
  EXPECT_EQ(ReadAll(Connect("203.0.113.8", "203.0.113.9").get()).size(), 8U << 20);
  for (Fd& fd : slow) EXPECT_EQ(ReadAll(fd.get()).size(), 8U << 20);
}

TEST_F(Forwarding, RepairLosesNoPort) {
  ASSERT_NO_FATAL_FAILURE(Begin([] { Echo(Serve(SOCK_STREAM, "0.0.0.0")); }));
  Fd broken = Connect("203.0.113.8", "203.0.113.9");
  char byte;
  ASSERT_EQ(read(broken.get(), &byte, 1), 1);
  const pid_t killed = forwarder_->Process().pid;
  kill(killed, SIGKILL);
  pollfd ended{forwarder_->Process().pidfd, POLLIN, 0};
  ASSERT_EQ(poll(&ended, 1, 10'000), 1);
  Fd waits = Connect("203.0.113.8", "203.0.113.9");  // nobody accepts it yet
  auto repaired = forwarder_->Repair(Target(), interfaces_);
  ASSERT_TRUE(repaired) << repaired.error().what;
  EXPECT_NE(forwarder_->Process().pid, killed);
  EXPECT_EQ(read(waits.get(), &byte, 1), 1);
  EXPECT_EQ(byte, '2');
  EXPECT_EQ(Seen("203.0.113.8", "203.0.113.9"), "203.0.113.8");
}

std::string Ask(const Fd& fd, const ForwardAddress& destination, const std::string& text) {
  sendto(fd.get(), text.data(), text.size(), 0, &destination.any, destination.size());
  char buffer[65536];
  ForwardAddress from;
  socklen_t size = sizeof from;
  const ssize_t n = recvfrom(fd.get(), buffer, sizeof buffer, 0, &from.any, &size);
  if (n < 0) return strerror(errno);
  return Text(from) + ": " + std::string(buffer, static_cast<size_t>(n));
}

TEST_F(Forwarding, CarriesDatagrams) {
  ASSERT_NO_FATAL_FAILURE(Begin(
      [] {
        // Of IPv6 alone, and one of IPv4 beside it.
        Fd six(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const int one = 1;
        setsockopt(six.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        const ForwardAddress any = Address("::", kPort);
        if (bind(six.get(), &any.any, any.size()) < 0) Must(FailErrno("bind"));
        Fd four = Serve(SOCK_DGRAM, "0.0.0.0");
        EchoDatagrams(fork() == 0 ? four : six);
      },
      "8080:80/udp"));
  struct Case {
    const char *from, *to, *seen;
  };
  for (const Case& c : {Case{"203.0.113.8", "203.0.113.9", "203.0.113.8"},
                        {"127.0.0.1", "127.0.0.1", "10.0.2.2"},
                        {"203.0.113.8", "203.0.113.8", "203.0.113.8"},
                        {"2001:db8::8", "2001:db8::8", "2001:db8::8"},
                        {"::1", "::1", "fd00::2"}}) {
    const ForwardAddress source = Address(c.from, 0);
    Fd fd(socket(source.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience{5, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ASSERT_EQ(bind(fd.get(), &source.any, source.size()), 0);
    const std::string expected = std::string(c.to) + ": " + c.seen + " ";
    for (int i = 0; i < 3; i++) EXPECT_EQ(Ask(fd, Address(c.to, 8080), "x"), expected + "x");
    const std::string large(30'000, 'l');
    EXPECT_TRUE(Ask(fd, Address(c.to, 8080), large) == expected + large);
  }
}

// 1,000 at once, and then more than the descriptors allow: those wait, and none is lost.
TEST_F(Forwarding, ServesAsManyAsDescriptorsAllow) {
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit low = old;
  low.rlim_cur = 1400;  // ours: a client each
  low.rlim_max = 2400;  // the forwarder's: two a connection
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  ASSERT_NO_FATAL_FAILURE(Begin([] {
    // Answers a byte with a byte, in one process.
    Fd listener = Serve(SOCK_STREAM, "0.0.0.0");
    std::vector<pollfd> fds = {{listener.get(), POLLIN, 0}};
    while (poll(fds.data(), fds.size(), -1) > 0)
      for (size_t i = 0; i < fds.size(); i++) {
        if (fds[i].revents == 0) continue;
        char byte;
        if (i == 0) {
          fds.push_back({accept(listener.get(), nullptr, nullptr), POLLIN, 0});
        } else if (read(fds[i].fd, &byte, 1) != 1 || write(fds[i].fd, &byte, 1) != 1) {
          close(fds[i].fd);
          fds.erase(fds.begin() + static_cast<ptrdiff_t>(i--));
        }
      }
  }));
  std::vector<Fd> clients;
  char byte = 'b';
  for (int i = 0; i < 1300; i++) clients.push_back(Connect("203.0.113.8", "203.0.113.9"));
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < 1000; i++) {
      ASSERT_EQ(write(clients[static_cast<size_t>(i)].get(), &byte, 1), 1);
      ASSERT_EQ(read(clients[static_cast<size_t>(i)].get(), &byte, 1), 1) << i;
    }
  clients.erase(clients.begin(), clients.begin() + 1000);
  for (Fd& fd : clients) {
    ASSERT_EQ(write(fd.get(), &byte, 1), 1);
    ASSERT_EQ(read(fd.get(), &byte, 1), 1);
  }
  clients.clear();
  const std::string fds = "/proc/" + std::to_string(forwarder_->Process().pid) + "/fd";
  size_t open = 0;
  for (int i = 0;
       i < 100 && (open = ListDirectory(AT_FDCWD, fds).value_or(std::vector<std::string>(99)).size()) > 16;
       i++)
    poll(nullptr, 0, 50);
  EXPECT_LE(open, 16U) << "descriptors of connections that have ended";
  setrlimit(RLIMIT_NOFILE, &old);
}

}  // namespace
}  // namespace wolffia
