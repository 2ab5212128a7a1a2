#include "engine/runtime/container_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace wolffia {

Result<StreamPipes> StreamPipes::Make(bool with_input) {
  StreamPipes pipes;
  auto make = [](Fd& read, Fd& write) -> Result<> {
    Pipe pipe = TRY_WITH(MakePipe(), "make the container's standard streams");
    read = std::move(pipe.read);
    write = std::move(pipe.write);
    return {};
  };
  if (with_input) TRY(make(pipes.theirs_.in, pipes.ours_.in));
  TRY(make(pipes.ours_.out, pipes.theirs_.out));
  TRY(make(pipes.ours_.err, pipes.theirs_.err));
  return pipes;
}

Result<> StreamPipes::Install() const {
  const Fd* streams[] = {&theirs_.in, &theirs_.out, &theirs_.err};
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (*streams[fd] && dup2(streams[fd]->get(), fd) < 0) return FailErrno("hand over the standard streams");
  return {};
}

void CloseStdio() {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (null < 0 || dup2(null, fd) < 0) close(fd);
  if (null > STDERR_FILENO) close(null);
}

}  // namespace wolffia
