// Ways to the host's loopback that must not work.
#include "network/host_address.h"
#include "network/socket_confinement.h"
#include "tests/unit/bypass_world.h"

namespace wolffia {
namespace {

// In whatever hands.
void CannotReachTheLoopback(int fd, uint16_t secret) {
  timeval limit{0, 300'000};
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  BypassPeer nobody{};
  nobody.any.sa_family = AF_UNSPEC;
  auto try_loopback = [&] {
    for (const char* loopback : {"127.0.0.1", "0.0.0.0"}) {
      ASSERT_EQ(connect(fd, &nobody.any, sizeof nobody.v4), 0);
      EXPECT_NE(Connect(fd, loopback, secret), 0) << loopback;
    }
    ASSERT_EQ(connect(fd, &nobody.any, sizeof nobody.v4), 0);
  };
  try_loopback();
  BypassPeer own = Address("127.0.0.1", 0);
  EXPECT_EQ(bind(fd, &own.any, own.size), 0);
  try_loopback();
}

TEST(SocketConfinement, FiltersForAnAdministrator) {
  InHost([](Host& host) {
    const BypassPeer peer = Address(kOutside, host.server.port());
    auto confinement = SocketConfinement::Make();
    Fd fd = Tcp();
    ASSERT_TRUE(confinement->Confine(fd.get(), peer, false));
    ASSERT_EQ(connect(fd.get(), &peer.any, peer.size), 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
    CannotReachTheLoopback(fd.get(), host.secret.port());
    const int off = 0;
    EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof off), -1);
    EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof off), -1);
  });
}

// On a kernel that lets ordinary users filter TCP, too.
TEST(SocketConfinement, HoldsForAnOrdinaryUser) {
  InHost([](Host& host) {
    auto confinement = SocketConfinement::Make();
    DropCapabilities();
    const BypassPeer peer = Address(kOutside, host.server.port());
    Fd fd = Tcp(), lost = Tcp();
    ASSERT_TRUE(confinement->Confine(fd.get(), peer, false));
    ASSERT_EQ(connect(fd.get(), &peer.any, peer.size), 0);
    EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
    CannotReachTheLoopback(fd.get(), host.secret.port());
  });
}

TEST(SocketConfinement, ListenersHearClientsAlone) {
  InHost([](Host& host) {
    Fd listener = Tcp(), client = Tcp();
    BypassPeer at = Address("127.0.0.1", 0);
    ASSERT_EQ(bind(listener.get(), &at.any, at.size), 0);
    ASSERT_TRUE(SocketConfinement::ConfineListener(listener.get(), false));
    ASSERT_EQ(listen(listener.get(), 1), 0);
    getsockname(listener.get(), &at.any, &at.size);
    ASSERT_EQ(connect(client.get(), &at.any, at.size), 0);
    Fd accepted(accept(listener.get(), nullptr, nullptr));
    EXPECT_EQ(Ask(client.get(), "hi", accepted.get()), "hi");
    timeval limit{0, 300'000};
    for (int fd : {listener.get(), accepted.get()}) {
      ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
      BypassPeer nobody{};
      nobody.any.sa_family = AF_UNSPEC;
      shutdown(fd, SHUT_RDWR);
      connect(fd, &nobody.any, sizeof nobody.v4);
      EXPECT_NE(Connect(fd, "127.0.0.1", host.secret.port()), 0);
    }
  });
}

TEST(SocketConfinement, BindsToAnInterfaceForGood) {
  InHost([](Host& host) {
    auto routes = NetlinkSocket::Open(NETLINK_ROUTE);
    DropCapabilities();
    EXPECT_FALSE(FindInterfaceTo(*routes, *ParseIp("127.0.0.1")));
    EXPECT_FALSE(FindInterfaceTo(*routes, *ParseIp("::1")));
    EXPECT_FALSE(FindInterfaceTo(*routes, *ParseIp("198.51.100.1")));
    EXPECT_TRUE(FindInterfaceTo(*routes, *ParseIp(kOutside6)));
    EXPECT_EQ(FindInterfaceTo(*routes, *ParseIp("203.0.113.7")),
              FindInterfaceTo(*routes, *ParseIp(kOutside)));
    const auto interface = FindInterfaceTo(*routes, *ParseIp(kOutside));
    ASSERT_TRUE(interface);
    Fd fd = Tcp();
    ASSERT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &*interface, sizeof *interface), 0);
    CannotReachTheLoopback(fd.get(), host.secret.port());
    const int any = 0;
    EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "", 0), -1);
    EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &any, sizeof any), -1);
  });
}

TEST(Bypass, GivesSocketsThatNeverSeeTheLoopback) {
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
        CannotReachTheLoopback(packet->fds[0].get(), host.secret.port());
        EXPECT_TRUE(SendPacket(container, "done"));
      });
}

TEST(Bypass, LetsNobodyListenOnItsSockets) {
  InWorld([](const Inside& in) {
    Fd fd = Tcp();
    ASSERT_EQ(Connect(fd.get(), kOutside, in.port), 0);
    BypassPeer nobody{};
    nobody.any.sa_family = AF_UNSPEC;
    ASSERT_EQ(connect(fd.get(), &nobody.any, sizeof nobody.v4), 0);
    EXPECT_EQ(listen(fd.get(), 1), -1);
    EXPECT_EQ(errno, EOPNOTSUPP);
    EXPECT_EQ(listen(Tcp().get(), 1), 0);
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

}  // namespace
}  // namespace wolffia
