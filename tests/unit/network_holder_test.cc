// The holder of user-defined networks, really run: children that stand for containers get interfaces, reach
// each other, resolve names, and get them again after the holder was killed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network/bridge_driver.h"
#include "network/dns_message.h"
#include "network/links.h"
#include "network/network_definition.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

// A process with a network namespace of its own below H. It ends with the object.
class FakeContainer {
 public:
  explicit FakeContainer(int parent_namespace) {
    Pipe ready = MakePipe().value();
    pid_ = fork();
    if (pid_ == 0) {
      const bool made =
          setns(parent_namespace, CLONE_NEWUSER) == 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
      (void)!write(ready.write.get(), made ? "y" : "n", 1);
      for (;;) pause();
    }
    char byte = 0;
    made_ = ReadFull(ready.read.get(), &byte, 1).value_or(0) == 1 && byte == 'y';
    const std::string proc = "/proc/" + std::to_string(pid_) + "/ns/";
    user_ = Open(proc + "user", O_RDONLY).value_or(Fd());
    net_ = Open(proc + "net", O_RDONLY).value_or(Fd());
  }
  ~FakeContainer() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  bool made() const { return made_; }
  NetworkTarget target() const { return {user_.get(), net_.get(), true}; }

  // The exit code of `work`, done in there.
  template <typename Work>
  int Run(Work work) const {
    const pid_t child = fork();
    if (child == 0) {
      if (setns(user_.get(), CLONE_NEWUSER) < 0 || setns(net_.get(), CLONE_NEWNET) < 0) _exit(99);
      _exit(work());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
  }

 private:
  pid_t pid_ = -1;
  bool made_ = false;
  Fd user_, net_;
};

sockaddr_in Address(const std::string& ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

// A TCP connection's fate there: 0, or the errno. Nobody listens on the port, so whoever is reached refuses.
int Connect(const std::string& ip) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const sockaddr_in to = Address(ip, 7);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd polled{fd, POLLOUT, 0};
  if (poll(&polled, 1, 5000) == 0) return ETIMEDOUT;  // a new port may lose its first packets
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// The last byte of the first address that `server` says `name` has; 255: it has none.
int Resolve(const std::string& server, const std::string& name) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in to = Address(server, 53);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) return 254;
  std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  query += static_cast<char>(name.size()) + name + std::string("\0\0\x01\0\x01", 5);
  if (send(fd, query.data(), query.size(), 0) < 0) return 253;
  pollfd polled{fd, POLLIN, 0};
  if (poll(&polled, 1, 5000) != 1) return 252;
  char answer[512];
  const ssize_t n = recv(fd, answer, sizeof answer, 0);
  if (n < static_cast<ssize_t>(query.size() + 16)) return 255;
  return static_cast<uint8_t>(answer[query.size() + 15]);
}

class HolderTest : public ::testing::Test {
 protected:
  BridgeSetup Setup(const std::string& id, const std::vector<Membership>& networks) const {
    BridgeSetup setup{
        .container = id + std::string(52, '0'), .name = "Web-" + id, .networks = networks, .holder = {}};
    setup.holder = {.runtime_root = dir_ / "run",
                    .program = WOLFFIA_BIN_DIR "/wolffia-net",
                    .start = [] { return HolderStart(); }};
    return setup;
  }
  static NetworkRecord Internal(const std::string& name, const NetworkSurroundings& around) {
    return DefineNetwork({.name = name, .internal = true}, around, 1).value();
  }
  TempDir dir_;
};

TEST_F(HolderTest, ConnectsContainers) {
  NetworkSurroundings around;
  around.networks.push_back(Internal("one", around));
  around.networks.push_back(Internal("two", around));
  const NetworkRecord &one = around.networks[0], &two = around.networks[1];
  BridgeDriver a(
      Setup("aaaaaaaaaaaa", {{one, {.network = "one", .aliases = {"Alias"}, .ip = "10.89.0.77"}}}));
  auto prepared = a.Prepare();
  if (!prepared && prepared.error().os_errno == EPERM) GTEST_SKIP() << prepared.error().what;
  ASSERT_TRUE(prepared) << prepared.error().what;
  FakeContainer ca(a.ParentUserNamespace());
  ASSERT_TRUE(ca.made());
  auto attach = [](BridgeDriver& driver, const FakeContainer& container) {
    auto done = driver.Begin(container.target());
    return done ? driver.Finish() : done;
  };
  auto attached = attach(a, ca);
  ASSERT_TRUE(attached) << attached.error().what;
  BridgeDriver b(Setup("bbbbbbbbbbbb", {{one, {.network = "one"}}, {two, {.network = "two"}}}));
  ASSERT_TRUE(b.Prepare());
  FakeContainer cb(b.ParentUserNamespace());
  ASSERT_TRUE(attach(b, cb));
  BridgeDriver c(Setup("cccccccccccc", {{two, {.network = "two"}}}));
  ASSERT_TRUE(c.Prepare());
  FakeContainer cc(c.ParentUserNamespace());
  ASSERT_TRUE(attach(c, cc));

  ASSERT_EQ(b.Interfaces().size(), 2U);
  EXPECT_EQ(b.Interfaces()[0].ip, "10.89.0.2");
  EXPECT_EQ(b.Interfaces()[1].interface, "eth1");
  EXPECT_EQ(a.NameServers(), std::vector<std::string>{"10.89.0.1"});
  EXPECT_EQ(cb.Run([] { return Connect("10.89.0.77"); }), ECONNREFUSED);
  EXPECT_EQ(ca.Run([] { return Connect("10.89.0.2"); }), ECONNREFUSED);
  EXPECT_EQ(cc.Run([] { return Connect("10.89.0.77"); }), ENETUNREACH)
      << "an internal network has no way out";

  EXPECT_EQ(cb.Run([] { return Resolve("10.89.0.1", "web-aaaaaaaaaaaa"); }), 77);
  EXPECT_EQ(cb.Run([] { return Resolve("10.89.0.1", "alias"); }), 77);
  EXPECT_EQ(cb.Run([] { return Resolve("10.89.0.1", "aaaaaaaaaaaa"); }), 77);
  EXPECT_EQ(cb.Run([] { return Resolve("10.89.1.1", "web-cccccccccccc"); }), 3);
  EXPECT_EQ(ca.Run([] { return Resolve("10.89.0.1", "web-cccccccccccc"); }), 255) << "they share no network";

  // Of the holder everything is lost; the containers keep their addresses.
  const int killed = a.Helpers()[0].pid;
  ASSERT_GT(killed, 0);
  kill(killed, SIGKILL);
  pollfd gone{b.Helpers()[0].pidfd, POLLIN, 0};
  ASSERT_EQ(poll(&gone, 1, 10'000), 1);
  for (auto [driver, container] : {std::pair{&b, &cb}, {&a, &ca}, {&c, &cc}}) {
    auto repaired = driver->Repair(container->target());
    ASSERT_TRUE(repaired) << repaired.error().what;
  }
  EXPECT_NE(a.Helpers()[0].pid, killed);
  EXPECT_EQ(cb.Run([] { return Connect("10.89.0.77"); }), ECONNREFUSED);
  EXPECT_EQ(cb.Run([] { return Resolve("10.89.0.1", "web-aaaaaaaaaaaa"); }), 77);
}

TEST_F(HolderTest, SaysWhatIsWrong) {
  NetworkSurroundings around;
  const NetworkRecord one = Internal("one", around);
  BridgeDriver a(Setup("aaaaaaaaaaaa", {{one, {.network = "one", .ip = "10.89.0.77"}}}));
  auto prepared = a.Prepare();
  if (!prepared && prepared.error().os_errno == EPERM) GTEST_SKIP() << prepared.error().what;
  ASSERT_TRUE(prepared) << prepared.error().what;
  auto refusal = [&](const NetworkUse& use) {
    auto done = BridgeDriver(Setup("bbbbbbbbbbbb", {{one, use}})).Prepare();
    return done ? "" : done.error().what;
  };
  EXPECT_EQ(refusal({.ip = "10.89.0.77"}),
            "network one: requested ip address 10.89.0.77 is already allocated to another container");
  EXPECT_NE(refusal({.ip = "10.1.1.1"}), "");
  EXPECT_NE(refusal({.ip6 = "fd00::9"}), "");
  EXPECT_NE(refusal({.mac = "01:00:00:00:00:01"}), "") << "a multicast address";
  EXPECT_NE(refusal({.interface = "a/b"}), "");
  EXPECT_NE(refusal({.interface = "lo"}), "");
  NetworkRecord other = one;
  other.id = "other";
  auto done = BridgeDriver(Setup("bbbbbbbbbbbb", {{other, {}}})).Prepare();
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace wolffia
