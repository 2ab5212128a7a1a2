#include "engine/guarantees/apart_trial.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/runtime/namespace_work.h"

namespace wolffia {
namespace {

constexpr const char* kWhat = "make a user namespace with ids of its own";

// Root of its namespace says who it is, and stays until the other end of `until` closes.
[[noreturn]] void Stand(const IdMaps& maps, const HostFacts& host, int tell, int until) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  auto stood = WorkAsRoot(maps, host, kWhat, [&]() -> Result<> {
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // as of a program that was executed
    const pid_t self = getpid();
    TRY(WriteFull(tell, std::string_view(reinterpret_cast<const char*>(&self), sizeof self)));
    char byte;
    (void)!read(until, &byte, 1);
    return {};
  });
  _exit(stood ? 0 : 1);
}

Result<> Attack(pid_t pid) {
  if (kill(pid, 0) == 0 || errno != EPERM)
    return Fail(Code::kIo, "root of a range of ids may send signals to a process of another");
  Fd memory(open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (memory) return Fail(Code::kIo, "root of a range of ids may read the memory of a process of another");
  return {};
}

}  // namespace

std::string TryApart(const IdMaps& one, const IdMaps& other, const HostFacts& host) {
  auto told = MakePipe(), until = MakePipe();
  if (!told || !until) return "no pipe can be made";
  const pid_t pid = fork();
  if (pid < 0) return std::string("start a process: ") + std::strerror(errno);
  if (pid == 0) {
    until->write.Reset();
    Stand(one, host, told->write.get(), until->read.get());
  }
  auto standing = Child::Forked(pid);
  if (!standing) return standing.error().what;
  told->write.Reset();
  until->read.Reset();
  pid_t root = 0;
  auto read = ReadFull(told->read.get(), &root, sizeof root);
  if (!read || *read != sizeof root) return std::string(kWhat) + ": the process in it has ended";
  auto tried = WorkAsRoot(other, host, kWhat, [&] { return Attack(root); });
  until->write.Reset();
  (void)standing->Wait();
  return tried ? "" : tried.error().what;
}

}  // namespace wolffia
