#include "network/holder_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/process.h"

namespace wolffia {
namespace {

constexpr size_t kMaxWords = 4096;

// The user is 0 inside; all others are themselves.
Result<> RunMapHelper(const std::string& program, pid_t pid, uint32_t own,
                      const std::vector<uint32_t>& ranges) {
  SpawnRequest request{.program = program,
                       .argv = {program, std::to_string(pid), "0", std::to_string(own), "1"}};
  for (size_t i = 0; i + 1 < ranges.size(); i += 2)
    for (uint32_t number : {ranges[i], ranges[i], ranges[i + 1]})
      request.argv.push_back(std::to_string(number));
  Output output = TRY(RunForOutput(std::move(request), "", kMaxWords));
  if (output.status.ShellCode() == 0) return {};
  while (!output.err.empty() && output.err.back() == '\n') output.err.pop_back();
  return Fail(Code::kUnsupported, "map the ids of the containers' networks: " + program + ": " + output.err);
}

Result<> WriteText(const std::string& path, const std::string& text) {
  Fd fd = TRY(Open(path, O_WRONLY));
  if (write(fd.get(), text.data(), text.size()) < 0) return FailErrno("write " + path);
  return {};
}

Result<> WriteMaps(pid_t pid, const HolderStart& start) {
  if (!start.uids.empty() && !start.gids.empty() && !start.newuidmap.empty() && !start.newgidmap.empty()) {
    TRY(RunMapHelper(start.newuidmap, pid, geteuid(), start.uids));
    return RunMapHelper(start.newgidmap, pid, getegid(), start.gids);
  }
  const std::string proc = "/proc/" + std::to_string(pid);
  TRY(WriteText(proc + "/setgroups", "deny"));
  TRY(WriteText(proc + "/uid_map", "0 " + std::to_string(geteuid()) + " 1\n"));
  return WriteText(proc + "/gid_map", "0 " + std::to_string(getegid()) + " 1\n");
}

}  // namespace

Result<> EnterHolderNamespaces(const HolderStart& start, int old) {
  Pipe made = TRY(MakePipe()), mapped = TRY(MakePipe());
  const pid_t child = fork();
  if (child < 0) return FailErrno("start the holder of the containers' networks");
  char byte = 0;
  if (child > 0) {
    made.write.Reset();
    mapped.read.Reset();
    // The child says why, should it fail; without a word from here it ends.
    if (TRY(ReadFull(made.read.get(), &byte, 1)) != 1) _exit(1);
    if (old < 0) TRY(WriteMaps(child, start));
    TRY(WriteFull(mapped.write.get(), "m"));
    _exit(0);
  }
  made.read.Reset();
  mapped.write.Reset();
  setsid();
  if (old >= 0 ? setns(old, CLONE_NEWUSER) < 0 : unshare(CLONE_NEWUSER) < 0)
    return FailErrno("make the user namespace of the containers' networks");
  TRY(WriteFull(made.write.get(), "c"));
  if (TRY(ReadFull(mapped.read.get(), &byte, 1)) != 1) _exit(1);  // the parent has said why
  return {};
}

}  // namespace wolffia
