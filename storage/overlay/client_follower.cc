#include "storage/overlay/client_follower.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

namespace wolffia {
namespace {

constexpr int kWindow = 16;
// More changes of the client in a window: they ask in turn, and can't all have the server beside them.
constexpr int kMostChanges = kWindow / 3;
// A move costs two requests' worth of waking; so many in a row that no good window makes up for end it.
constexpr int kMostMoves = 8;
constexpr int kProcessorField = 39;  // of /proc/PID/stat, proc(5)

// ioprio_set(2); linux/ioprio.h can't be included from C++.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioBestEffort4 = 2 << 13 | 4;

}  // namespace

void ClientFollower::UseProc(Fd proc) {
  struct statfs fs {};
  if (owned_proc_ || CPU_COUNT(&allowed_) > 0) return;
  if (fstatfs(proc.get(), &fs) != 0 || fs.f_type != PROC_SUPER_MAGIC) return;
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0 || CPU_COUNT(&allowed_) < 2) return;
  owned_proc_ = std::move(proc);
  proc_.store(owned_proc_.get(), std::memory_order_release);
}

void ClientFollower::Enlist() {
  sched_param none{};
  sched_setscheduler(0, SCHED_IDLE, &none);
  // SCHED_IDLE would bring the idle class of disk I/O with it.
  syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioBestEffort4);
  thread_ = static_cast<pid_t>(syscall(SYS_gettid));
}

int ClientFollower::ProcessorOf(uint32_t pid) const {
  const std::string path = std::to_string(pid) + "/stat";
  Fd file(openat(proc_, path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[1024];
  ssize_t size = file ? read(file.get(), buffer, sizeof buffer) : -1;
  if (size <= 0) return -1;
  std::string_view text(buffer, static_cast<size_t>(size));
  size_t at = text.rfind(')');  // the end of the second field, which may hold anything
  for (int field = 2; field < kProcessorField && at != text.npos; ++field) at = text.find(' ', at + 1);
  int processor = -1;
  if (at == text.npos) return -1;
  std::from_chars(buffer + at + 1, buffer + size, processor);
  return processor;
}

bool ClientFollower::PinTo(int processor) {
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  if (processor == processor_) return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sched_setaffinity(thread_, sizeof set, &set) != 0) return false;
  processor_ = processor;
  return true;
}

bool ClientFollower::Place(uint32_t pid) {
  if (!PinTo(ProcessorOf(pid))) return false;
  for (std::atomic<int>* count : {&requests_, &changes_, &moves_}) *count = 0;
  client_ = pid;
  return true;
}

void ClientFollower::Release() {
  processor_ = -1;
  sched_setaffinity(thread_, sizeof allowed_, &allowed_);
}

bool ClientFollower::Keep(uint32_t pid) {
  if (pid != client_) ++changes_;
  client_ = pid;
  if (++requests_ < kWindow) return true;
  const int changes = changes_;
  requests_ = 0;
  changes_ = 0;
  if (changes > kMostChanges) return false;
  // A client on this processor takes it over with each answer.
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const long preempted = usage.ru_nivcsw - preempted_;
  preempted_ = usage.ru_nivcsw;
  if (preempted < kWindow / 2) {
    const int processor = ProcessorOf(pid);
    if (processor != processor_) return ++moves_ <= kMostMoves && PinTo(processor);
  }
  moves_ = std::max(0, moves_ - 1);
  return true;
}

}  // namespace wolffia
