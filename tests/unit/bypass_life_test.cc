// Connections that take long, and supervisors that do not live long.

#include "tests/unit/bypass_world.h"

namespace wolffia {
namespace {

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
        EXPECT_EQ(Connect(fd.get(), kOutside, port), EISCONN);
        // With SO_SNDTIMEO the call ends, and the connection goes on.
        packet = ReceivePacket(in.host);
        Fd timed = Tcp();
        timeval limit{0, 200'000};
        setsockopt(timed.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        EXPECT_EQ(Connect(timed.get(), kOutside, static_cast<uint16_t>(std::stoi(packet->data))),
                  EALREADY);  // for a call of its own the kernel says EINPROGRESS
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

// A supervisor that died with a call in its hands, whether it had written it down or not.
TEST(Bypass, OutlivesItsSupervisor) {
  InWorld(
      [](const Inside& in) {
        for (int i = 0; i < 2; i++) {
          (void)ReceivePacket(in.host);
          EXPECT_EQ(Connect(Tcp().get(), kOutside, in.port), ENETUNREACH);
          EXPECT_TRUE(SendPacket(in.host, "done"));
        }
        Fd fd = Tcp();
        EXPECT_EQ(Connect(fd.get(), kOutside, in.port), 0);  // the new one takes it
        EXPECT_EQ(Ask(fd.get(), "hi"), "ohi");
      },
      [](Host& host, int container) {
        void* shared =
            mmap(nullptr, sizeof(BypassCalls), PROT_READ | PROT_WRITE, MAP_SHARED, host.table.get(), 0);
        auto* calls = static_cast<BypassCalls*>(shared);
        for (bool written_down : {true, false}) {
          host.KillSupervisor();
          EXPECT_TRUE(SendPacket(container, "go"));
          seccomp_notif call{};
          ASSERT_EQ(ioctl(host.listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call), 0) << strerror(errno);
          calls->last[0] = written_down ? call.id : call.id - 1;
          host.StartSupervisor();
          (void)ReceivePacket(container);
        }
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
