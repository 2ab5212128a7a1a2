#include "cmd/heavy_program.h"

#include <unistd.h>

#include "engine/base/process.h"

namespace wolffia {

Result<std::string> RunHeavyProgram(const Command& command, const std::vector<std::string>& words,
                                    const std::string& program) {
  SpawnRequest request;
  request.program = TRY(FindSibling(program));
  request.argv = {request.program};
  for (const char* name : {"config", "root", "runroot", "log-level"})
    if (command.line.global.Has(name))
      request.argv.push_back("--" + std::string(name) + "=" + command.line.global.String(name));
  request.argv.insert(request.argv.end(), words.begin(), words.end());
  Fd nothing = TRY(Open("/dev/null", O_RDONLY));  // the container's input is not the puller's
  Pipe out = TRY(MakePipe());
  request.donations = {{nothing.get(), 0}, {out.write.get(), 1}};
  FlushOutput();
  Child child = TRY(Spawn(request));
  out.write.Reset();
  std::string printed = TRY(ReadFd(out.read.get(), 1 << 20, program));
  ExitStatus status = TRY(child.Wait());
  if (status.signal != 0)
    return Fail(Code::kIo, program + " was killed by signal " + std::to_string(status.signal));
  if (status.code != 0) return Fail(Code::kIo, "");
  while (printed.ends_with('\n')) printed.pop_back();
  return printed;
}

}  // namespace wolffia
