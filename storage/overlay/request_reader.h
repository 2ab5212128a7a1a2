// RequestReader: which of a session's threads reads /dev/fuse.
//
// One thread at a time has the turn. It reads a request, serves it itself if that kind of request is quick,
// and reads the next one: nobody else is woken up. It passes the turn on before it serves what may take long
// (what took long lately, as reads from a disk do; fsync), and when requests keep coming without a pause. A
// thread that is held up with the turn in its hands (a network file system that hangs) loses it to another
// one after kPatience.
//
// While one process asks for one thing after the other, the turn belongs to a thread that follows this
// process from processor to processor (client_follower.h), until the requests end, become large or come from
// several processes, or until that thread makes no progress. The less it was worth, the longer it waits for
// the next time.
#pragma once

#include <linux/fuse.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "storage/overlay/client_follower.h"
#include "storage/overlay/fuse_counters.h"
#include "storage/overlay/fuse_request.h"

namespace wolffia {

class RequestReader {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Role { kAny, kFollower };

  // `fd` becomes non-blocking. `stopping` ends Take after a Wake, and Read after a signal.
  RequestReader(int fd, const std::atomic<bool>& stopping);

  // From now on processes are followed. `proc`: as in client_follower.h.
  void FollowClients(Fd proc) { follower_.UseProc(std::move(proc)); }
  // True once: when a thread for Role::kFollower is of use for the first time.
  bool WantsFollower();

  // Waits for the turn. Returns a ticket, 0 if the session stops.
  uint64_t Take(Role role);
  bool Has(uint64_t ticket) const { return ticket_.load(std::memory_order_acquire) == ticket; }
  // Bytes of the request; -EAGAIN: the turn is gone; 0 or another negative errno: there will be no other
  // request. For the thread with the turn.
  ssize_t Read(uint64_t ticket, Role role, void* buffer, size_t size);

  // What comes before and after serving the request that Read gave. Begin passes the turn on if it must.
  struct Service {
    uint64_t ticket = 0;
    Role role = Role::kAny;
    uint32_t opcode = 0;
    uint32_t pid = 0;
    Clock::time_point begun;
  };
  Service Begin(uint64_t ticket, Role role, const fuse_in_header& request);
  void End(const Service& service);

  // Between the two, for a request that found no room: passes the turn on, and waits (a second at most) until
  // other threads have served what the kernel has forgotten before. It may tell of that up to eight requests
  // late (fuse_dev_do_read), and only then is there room again for who has just removed a file.
  void AwaitForgets(uint64_t ticket);

  void Pass(uint64_t ticket);
  // There will be no other request: nobody gets a turn any more.
  void Finish();
  // Whether nobody waits for the turn.
  bool Alone() const { return waiting_.load(std::memory_order_relaxed) == 0; }
  void Wake();

 private:
  enum class Follower { kNone, kWanted, kStarting, kWaiting, kLeading };

  ssize_t ReadDevice(void* buffer, size_t size);
  bool AwaitAny(std::unique_lock<std::mutex>& lock);
  bool AwaitFollowing(std::unique_lock<std::mutex>& lock);
  bool HasReader();
  bool Over() const { return finished_ || stopping_; }
  bool IsQuick(uint32_t opcode) const;
  bool Observe(const fuse_in_header& request, Role role, Clock::time_point now);
  void Follow(const Service& service);
  // Under mutex_. `paid`: it was of use while it lasted.
  void StopFollowing(bool paid);
  void PassLocked(uint64_t ticket);

  const int fd_;
  const std::atomic<bool>& stopping_;
  ClientFollower follower_;

  std::mutex mutex_;  // a leaf; guards what follows
  std::condition_variable turn_;
  std::condition_variable follow_;
  bool taken_ = false;
  bool finished_ = false;
  uint64_t last_ticket_ = 0;
  uint64_t followed_from_ = 0;  // requests_ when the follower got the turn
  Clock::time_point follow_after_{};
  Clock::duration pause_{};  // before following again

  std::atomic<Follower> state_ = Follower::kNone;  // written under mutex_, but for kWanted
  std::atomic<bool> follower_sleeps_ = false;      // because nobody asks for anything
  std::atomic<uint64_t> ticket_ = 0;               // of the thread that has the turn
  std::atomic<int> waiting_ = 0;                   // threads of Role::kAny in Take
  std::atomic<bool> active_ = false;   // requests have come lately: one that waits looks after the reader
  std::atomic<bool> serving_ = false;  // the thread with the turn serves a request
  std::atomic<int> forgetting_ = 0;    // threads that serve a FORGET, or do not know yet what they read
  std::atomic<uint64_t> requests_ = 0;
  std::array<std::atomic<uint8_t>, kFuseOpcodes> slow_{};  // by opcode: so many more are taken for slow

  // Of the thread with the turn; one that has just lost it may still count.
  std::atomic<int> successive_ = 0;   // requests that came without a pause
  std::atomic<uint32_t> client_ = 0;  // who asked last
  std::atomic<int> alone_ = 0;        // so many small requests came from it alone, each soon after the answer before
  std::atomic<Clock::time_point> answered_{};
};

}  // namespace wolffia
