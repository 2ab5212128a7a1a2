#include "engine/runtime/pause.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr int kMaxLooks =
    100;  // a container that makes processes faster than they are stopped does not exist

struct State {
  char letter = 0;  // R S D T t Z X
  int64_t start = 0;
};

// Fields 3 and 22 of /proc/PID/stat.
std::optional<State> StateOf(int proc, const std::string& pid) {
  auto stat = ReadFileAt(proc, pid + "/stat", 4096);
  if (!stat) return std::nullopt;
  size_t at = stat->rfind(')');
  if (at == std::string::npos || at + 2 >= stat->size()) return std::nullopt;
  State state{(*stat)[at + 2], 0};
  for (int field = 3; field <= 22 && at != std::string::npos; field++) at = stat->find(' ', at + 1);
  if (at != std::string::npos)
    std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), state.start);
  return state;
}

// A directory of procfs stands for its process, whatever becomes of the number.
void Send(int proc, const std::string& pid, int64_t start, int signal) {
  auto process = OpenAt(proc, pid, O_RDONLY | O_DIRECTORY);
  auto state = StateOf(proc, pid);
  if (process && state && state->start == start)
    syscall(SYS_pidfd_send_signal, process->get(), signal, nullptr, 0);
}

Result<std::vector<std::string>> Pids(int proc) {
  std::vector<std::string> pids = TRY(ListDirectory(proc, "."));
  std::erase_if(pids, [](const std::string& name) {
    return name.find_first_not_of("0123456789") != std::string::npos;
  });
  return pids;
}

}  // namespace

Result<StoppedBefore> PauseProcesses(int proc) {
  StoppedBefore stopped, told;
  for (int look = 0; look < kMaxLooks; look++) {
    bool found = false;
    for (const std::string& pid : TRY(Pids(proc))) {
      auto state = StateOf(proc, pid);
      if (!state || std::strchr("ZXx", state->letter) != nullptr) continue;
      const std::pair key(atoi(pid.c_str()), state->start);
      if (stopped.contains(key) || !told.insert(key).second) continue;
      if (look == 0 && (state->letter == 'T' || state->letter == 't')) {
        stopped.insert(key);
        continue;
      }
      found = true;
      Send(proc, pid, state->start, SIGSTOP);
    }
    if (!found) return stopped;
  }
  return Fail(Code::kBusy, "the container makes new processes faster than they can be stopped");
}

Result<> ContinueProcesses(int proc, const StoppedBefore& stopped_before) {
  for (const std::string& pid : TRY(Pids(proc))) {
    auto state = StateOf(proc, pid);
    if (state && !stopped_before.contains({atoi(pid.c_str()), state->start}))
      Send(proc, pid, state->start, SIGCONT);
  }
  return {};
}

}  // namespace wolffia
