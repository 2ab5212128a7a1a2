#include "engine/runtime/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "engine/base/file.h"

namespace wolffia {

Result<Fd> OpenMonitors(const std::string& runroot) {
  const std::string path = runroot + "/monitors";
  auto directory = OpenDirectory(AT_FDCWD, path);
  if (!directory && directory.error().os_errno == ENOENT) {
    TRY(MakeDirectories(path));
    directory = OpenDirectory(AT_FDCWD, path);
  }
  struct stat status;
  if (directory && fstat(directory->get(), &status) == 0 &&
      (status.st_uid != geteuid() || (status.st_mode & 022) != 0))
    return Fail(Code::kDenied, path + " belongs to somebody else, or others may write to it");
  return directory;
}

sockaddr_un ControlAddress(int monitors, const std::string& id) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.64s", monitors, id.c_str());
  return address;
}

bool IsOurs(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

}  // namespace wolffia
