// What the fast path leaves to the kernel.
#include <sys/un.h>

#include "tests/unit/bypass_world.h"

namespace wolffia {
namespace {

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

}  // namespace
}  // namespace wolffia
