// What the fast path takes, and that a program cannot tell the new socket from its own.
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "tests/unit/bypass_world.h"

namespace wolffia {
namespace {

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

}  // namespace
}  // namespace wolffia
