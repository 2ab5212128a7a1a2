// FuseSession and its RequestReader over a socket in place of /dev/fuse: who reads, who is passed by, how it
// ends.
#include "storage/overlay/fuse_session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace wolffia {
namespace {

using Clock = std::chrono::steady_clock;

// GETATTR of node 2 waits until it is let go; of others it answers at once.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  int waiting = 0;
  void Open() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

void GetAttr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  auto& gate = *static_cast<Gate*>(fuse_req_userdata(req));
  if (ino == 2) {
    std::unique_lock lock(gate.mutex);
    ++gate.waiting;
    gate.changed.wait(lock, [&] { return gate.open; });
    --gate.waiting;
  }
  struct stat st{};
  st.st_mode = S_IFREG;
  fuse_reply_attr(req, &st, 1);
}

// ACCESS finds no room until a FORGET, which comes while it is served and takes a while, has made some.
std::atomic<bool> room = false, forget_sent = false;
void Access(fuse_req_t req, fuse_ino_t, int) {
  while (!forget_sent) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  fuse_reply_err(req, room ? 0 : ENOSPC);
}
void Forget(fuse_req_t req, fuse_ino_t, uint64_t) {
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  room = true;
  fuse_reply_none(req);
}

class Session : public testing::Test {
 protected:
  void Start(int threads) {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    kernel_ = Fd(pair[0]);
    timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    fuse_lowlevel_ops ops{};
    ops.getattr = GetAttr;
    ops.access = Access;
    ops.forget = Forget;
    FuseSessionOptions options;
    options.threads = threads;
    options.counts = &counts_;
    auto session = FuseSession::Start(ops, gate_, Fd(pair[1]), options);
    ASSERT_TRUE(session);
    session_ = std::move(*session);
    fuse_init_in init{.major = 7, .minor = 31};
    Send(FUSE_INIT, 0, {reinterpret_cast<const char*>(&init), 16});
    ASSERT_EQ(Receive(), unique_);
  }
  uint64_t Send(uint32_t opcode, uint64_t node, std::string body) {
    fuse_in_header header{};
    header.len = static_cast<uint32_t>(sizeof header + body.size());
    header.opcode = opcode;
    header.nodeid = node;
    header.unique = ++unique_;
    body.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
    EXPECT_EQ(send(kernel_.get(), body.data(), body.size(), MSG_NOSIGNAL), static_cast<ssize_t>(body.size()));
    return unique_;
  }
  uint64_t SendGetAttr(uint64_t node) {
    return Send(FUSE_GETATTR, node, std::string(sizeof(fuse_getattr_in), 0));
  }
  uint64_t Receive(int* error = nullptr) {  // whose answer it is; 0: none
    char packet[4096];
    fuse_out_header header{};
    if (recv(kernel_.get(), packet, sizeof packet, 0) < static_cast<ssize_t>(sizeof header)) return 0;
    memcpy(&header, packet, sizeof header);
    if (error != nullptr) *error = -header.error;
    return header.unique;
  }

  FuseCounts counts_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  Fd kernel_;
  std::unique_ptr<FuseSession> session_;
  uint64_t unique_ = 0;
};

TEST_F(Session, PassesByWhatIsHeldUp) {
  Start(4);
  // Three threads wait for the gate; the fourth answers what comes.
  std::set<uint64_t> held;
  for (int i = 0; i < 3; ++i) {
    held.insert(SendGetAttr(2));
    for (int n = 0; n < 100; ++n) {
      uint64_t sent = SendGetAttr(1);
      ASSERT_EQ(Receive(), sent);
    }
  }
  gate_->Open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(held.erase(Receive()), 1u);
  session_->Stop();
  EXPECT_EQ(counts_.by_opcode[FUSE_GETATTR], 303u);
}

TEST_F(Session, AnswersWhatWaitedForAThread) {
  Start(2);
  std::set<uint64_t> sent = {SendGetAttr(2), SendGetAttr(2), SendGetAttr(1), SendGetAttr(1)};
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  gate_->Open();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent.erase(Receive()), 1u);
}

// The kernel may give out a FORGET after requests that it has queued later.
TEST_F(Session, FindsTheRoomThatALateForgetGivesBack) {
  Start(4);
  for (int n = 0; n < 10; ++n) {
    room = forget_sent = false;
    const uint64_t sent = Send(FUSE_ACCESS, 1, std::string(sizeof(fuse_access_in), 0));
    Send(FUSE_FORGET, 3, std::string(sizeof(fuse_forget_in), 0));
    forget_sent = true;
    int error = -1;
    ASSERT_EQ(Receive(&error), sent);
    EXPECT_EQ(error, 0);
  }
  room = false;  // and where none comes, it is said at once
  auto fastest = Clock::duration::max();
  for (int n = 0; n < 5; ++n) {
    const uint64_t sent = Send(FUSE_ACCESS, 1, std::string(sizeof(fuse_access_in), 0));
    const auto begun = Clock::now();
    int error = -1;
    ASSERT_EQ(Receive(&error), sent);
    EXPECT_EQ(error, ENOSPC);
    fastest = std::min(fastest, Clock::now() - begun);
  }
  EXPECT_LT(fastest, std::chrono::milliseconds(500));
}

TEST_F(Session, WorksWithOneThread) {
  Start(1);
  for (int n = 0; n < 1000; ++n) {
    uint64_t sent = SendGetAttr(1);
    ASSERT_EQ(Receive(), sent);
  }
  session_->Stop();
  session_->Stop();
}

// Many at once: all are answered, each once.
TEST_F(Session, AnswersCrowds) {
  Start(4);
  for (int round = 0; round < 50; ++round) {
    std::set<uint64_t> sent;
    for (int i = 0; i < 60; ++i) sent.insert(SendGetAttr(1));
    for (int i = 0; i < 60; ++i) ASSERT_EQ(sent.erase(Receive()), 1u);
    if (round % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

TEST_F(Session, EndsWhenTheKernelIsGone) {
  Start(4);
  for (int i = 0; i < 10; ++i) {
    SendGetAttr(1);
    (void)Receive();
  }
  kernel_.Reset();
  session_->Wait();
  session_->Stop();
}

// A thread that nobody can end is left behind.
TEST_F(Session, StopsThoughAThreadHangs) {
  Start(4);
  SendGetAttr(2);
  uint64_t sent = SendGetAttr(1);
  EXPECT_EQ(Receive(), sent);
  auto start = Clock::now();
  session_->Stop();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  session_.reset();
  gate_->Open();
  for (int i = 0; i < 500 && gate_.use_count() > 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(gate_.use_count(), 1);  // the last thread has closed
}

}  // namespace
}  // namespace wolffia
