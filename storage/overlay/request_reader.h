// RequestReader: which of a session's threads reads /dev/fuse, and how it waits.
//
// One thread at a time has the turn. It reads a request, serves it itself if that kind of request is quick,
// and reads the next one: nobody else is woken up. It passes the turn on before it serves what may take long
// (what took long lately, as reads from a disk do; fsync), and when requests keep coming without a pause. A
// thread that is held up with the turn in its hands (a network file system that hangs) loses it to another
// one after kPatience.
//
// Waiting: a process that waits for an answer mostly asks again at once. So the reader looks for the next
// request for up to kSpin before it sleeps, because waking it costs more than the request, above all in a
// virtual machine. It does so only while that pays: not after a wait that was longer, and not while anybody
// else wants the processor.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "storage/overlay/fuse_counters.h"
#include "storage/overlay/fuse_request.h"

namespace wolffia {

class RequestReader {
 public:
  // `fd` becomes non-blocking. `stopping` ends Take after a Wake, and Read after a signal.
  RequestReader(int fd, const std::atomic<bool>& stopping);

  // Waits for the turn. Returns a ticket, 0 if the session stops.
  uint64_t Take();
  bool Has(uint64_t ticket) const { return ticket_.load(std::memory_order_acquire) == ticket; }
  // Bytes of the request; 0 or a negative errno: there will be no other one. For the thread with the turn.
  ssize_t Read(void* buffer, size_t size);
  // What comes before and after serving the request that Read gave. Begin passes the turn on if it must.
  void Begin(uint64_t ticket, uint32_t opcode);
  void End(uint64_t ticket, uint32_t opcode);
  void Pass(uint64_t ticket);
  // Whether nobody waits for the turn.
  bool Alone() const { return waiting_.load(std::memory_order_relaxed) == 0; }
  void Wake();

 private:
  using Clock = std::chrono::steady_clock;
  bool Spin(Clock::time_point start);
  bool IsQuick(uint32_t opcode) const;

  const int fd_;
  const std::atomic<bool>& stopping_;

  std::mutex mutex_;  // a leaf
  std::condition_variable turn_;
  bool taken_ = false;                 // under mutex_
  uint64_t last_ticket_ = 0;           // under mutex_
  std::atomic<uint64_t> ticket_ = 0;   // of the thread that has the turn
  std::atomic<int> waiting_ = 0;       // threads in Take
  std::atomic<bool> active_ = false;   // requests have come lately: one that waits looks after the reader
  std::atomic<bool> serving_ = false;  // the thread with the turn serves a request
  std::atomic<uint64_t> requests_ = 0;
  std::array<std::atomic<uint8_t>, kFuseOpcodes> slow_{};  // by opcode: so many more are taken for slow

  // Of the thread with the turn.
  Clock::duration spin_{};
  int crowded_ = 0;     // spins that are left out because somebody else wanted the processor
  int successive_ = 0;  // requests that came without a pause
};

// For whoever causes requests while serving one, and waits until they have been answered. False: there is no
// other thread that would answer them.
bool LetOthersRead(const FuseRequest& request);

}  // namespace wolffia
