#include "engine/runtime/sealed_program.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // Linux 6.3
#endif

Result<Fd> MemoryFile(const std::string& name) {
  long fd = syscall(SYS_memfd_create, name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)  // an older kernel: all of them are executable
    fd = syscall(SYS_memfd_create, name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 && errno == EACCES)
    return Fail(Code::kUnsupported, "this host forbids programs in memory (sysctl vm.memfd_noexec)", errno);
  if (fd < 0) return FailErrno("make a file in memory");
  return Fd(static_cast<int>(fd));
}

// `running`: a program that runs, and that we could write otherwise.
bool IsGuardedWhileItRuns(const char* running) {
  Fd file(open(running, O_WRONLY | O_CLOEXEC));
  return !file && errno == ETXTBSY;
}

// The end of what program headers name: sections and debug information lie behind it.
Result<size_t> LoadedSize(int fd, size_t file_size) {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[32];
  if (TRY(PreadFull(fd, &header, sizeof header, 0)) != sizeof header ||
      header.e_phnum > std::size(segments) || header.e_phentsize != sizeof segments[0])
    return file_size;
  size_t size = header.e_phnum * sizeof segments[0];
  if (TRY(PreadFull(fd, segments, size, static_cast<off_t>(header.e_phoff))) != size) return file_size;
  size_t end = header.e_phoff + size;
  for (size_t i = 0; i < header.e_phnum; i++)
    if (segments[i].p_type == PT_LOAD) end = std::max(end, segments[i].p_offset + segments[i].p_filesz);
  return std::min(end, file_size);
}

}  // namespace

Result<Fd> SealedProgram(const std::string& path) {
  Fd file = TRY(Open(path, O_RDONLY));
  struct stat st;
  if (fstat(file.get(), &st) < 0) return FailErrno("look at " + path);
  size_t left = TRY_WITH(LoadedSize(file.get(), static_cast<size_t>(st.st_size)), path);
  Fd memory = TRY(MemoryFile(path.substr(path.rfind('/') + 1)));
  off_t from = 0;
  while (left > 0) {
    ssize_t n = sendfile(memory.get(), file.get(), &from, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("copy " + path + " to memory");
    if (n == 0) return Fail(Code::kCorrupt, path + " ended while it was read");
    left -= static_cast<size_t>(n);
  }
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    return FailErrno("seal the copy of " + path);
  return memory;
}

Result<SafeProgram> SealedOrFile(const std::string& path, int above) {
  auto sealed = SealedProgram(path);
  if (!sealed && sealed.error().code == Code::kUnsupported) return SafeProgram{path, Fd()};
  Fd memory = TRY(std::move(sealed));
  Fd high(fcntl(memory.get(), F_DUPFD_CLOEXEC, above + 1));
  if (!high) return FailErrno("hold " + path + " in memory");
  std::string place = "/proc/self/fd/" + std::to_string(high.get());
  return SafeProgram{std::move(place), std::move(high)};
}

Result<SafeProgram> FileIfUnwritable(const std::string& path, int above) {
  const bool ours = access(path.c_str(), W_OK) == 0;
  if (!ours || IsGuardedWhileItRuns("/proc/self/exe")) return SafeProgram{path, Fd()};
  return SealedOrFile(path, above);
}

}  // namespace wolffia
