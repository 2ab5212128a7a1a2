// What the first process of a World (host_trial.h) tries. One thread, may allocate: it is a copy of
// wolffia-doctor, not a container's child.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/guarantees/trial.h"

namespace wolffia {

struct InsideRequest {
  TrialResults* results;       // shared with the parent
  std::string abstract_name;   // of a socket that the parent listens on; empty: it could not
  uint16_t loopback_port = 0;  // likewise, on 127.0.0.1; 0: it could not
  std::map<std::string, uint64_t> host_namespaces;  // "pid" -> inode of ours
  bool full_ids = false;
  int groups = 0;             // how many supplementary ones we have
  int program = -1;           // our own, open for reading
  std::string seccomp_cache;  // directory of compiled filters
};

// Tries everything, in an order in which each finds what it stands on. The caller then keeps the process
// until it is killed.
void TryInside(const InsideRequest& request);

// Its parts, in this order.
void TryMounts(const InsideRequest& request);      // inside_mounts.cc
void TryNetwork(const InsideRequest& request);     // inside_network.cc
void TryIdentity(const InsideRequest& request);    // inside_identity.cc
void TryPrivileges(const InsideRequest& request);  // inside_privileges.cc

// Where the World has its own tmpfs, for those after TryMounts.
inline constexpr const char* kPlace = "/tmp";

// errno of a call that reports by -1.
int ErrorOf(long result);
// Runs `work` in a copy of this process: what it returns (0 to 255), or EIO if it was killed.
template <typename Work>
int InCopy(Work work);

// main of the copies of our program that the trials execute: its exit code says what execve(2) has given it.
// nullopt: the arguments are not those of a trial.
std::optional<int> TrialProgram(int argc, char** argv);

}  // namespace wolffia

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

template <typename Work>
int wolffia::InCopy(Work work) {
  const pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) _exit(work());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}
