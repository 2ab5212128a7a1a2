// ClientFollower: one thread of the server that runs on the processor of the process that waits for it.
//
// A request and its answer wake two threads. Across processors that means, in a virtual machine, leaving the
// guest twice (25 us each, measured; the server's own work is 5 to 10), and otherwise two interrupts. On one
// processor it is two context switches (5 us together). The scheduler would not leave both there: it moves
// whoever is woken to a processor that idles. It does leave them if the server's thread has SCHED_IDLE: a
// processor that runs nothing else counts as idle, so the client stays when it is answered, and takes the
// processor over at once; when it waits again, the server goes on without having been woken. (Linux 5.4;
// kernel/sched/fair.c, select_idle_sibling.)
//
// What SCHED_IDLE costs is that any other work on that processor goes first. RequestReader therefore gives
// the thread requests only while they come one after the other from one process, and takes them away from it
// when it makes no progress.
//
// Where the client runs is read from its `stat` in a proc file system of the PID namespace in which the FUSE
// file system was mounted: the request's pid is of that namespace.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "engine/base/fd.h"

namespace wolffia {

class ClientFollower {
 public:
  // A directory of proc, as above; once. Without one, and with a single processor, nobody is followed.
  void UseProc(Fd proc);
  bool Possible() const { return proc_.load(std::memory_order_acquire) >= 0; }

  // The calling thread becomes the follower, for the rest of its life.
  void Enlist();
  // Puts the follower beside the thread `pid`, before it is woken. False: that can't be done.
  bool Place(uint32_t pid);
  // Lets the follower run anywhere again, because where it is it does not get to run. From any thread.
  void Release();
  // On the follower's thread, after each answer: false if it does not pay, because several processes ask in
  // turn or the client moves about.
  bool Keep(uint32_t pid);

 private:
  int ProcessorOf(uint32_t pid) const;  // -1: not known
  bool PinTo(int processor);

  Fd owned_proc_;
  std::atomic<int> proc_ = -1;  // owned_proc_, once it is there
  std::atomic<pid_t> thread_ = 0;
  cpu_set_t allowed_{};  // before Enlist
  std::atomic<int> processor_ = -1;

  // Of the window of requests that is being looked at; of the follower's thread.
  // Atomic, for a follower that has lost its turn may end its last request while the next one is placed.
  std::atomic<int> requests_ = 0;
  std::atomic<int> changes_ = 0;  // of the process that asks
  std::atomic<uint32_t> client_ = 0;
  std::atomic<int> moves_ = 0;  // lately; over all windows
  std::atomic<long> preempted_ = 0;  // of the thread, since it began
};

}  // namespace wolffia
