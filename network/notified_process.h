// NotifiedProcess: a thread of a container that waits for our answer to a system call, as seen from outside:
// its memory, its descriptors, and where else a socket of its is held. Everything that it tells may have
// changed a moment later, and the thread's number may be another's: the caller asks afterwards whether the
// call is still the same (SECCOMP_IOCTL_NOTIF_ID_VALID), and relies on copies only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

class NotifiedProcess {
 public:
  static std::optional<NotifiedProcess> Open(pid_t thread);

  pid_t id() const { return process_; }
  // Exactly `size` bytes, once.
  bool ReadMemory(uint64_t address, void* buffer, size_t size) const;
  Fd TakeDescriptor(int number) const;  // none: not open, or not to be had

  // A socket's numbers in the process, and the epoll sets there that wait for it.
  struct Place {
    int number;
    bool close_on_exec;
  };
  struct Registration {
    int set, number;  // descriptors of the process
    uint32_t events;
    uint64_t data;
  };
  struct Places {
    ino_t inode;
    std::vector<Place> numbers;
    std::vector<Registration> registrations;
  };
  // nullopt: too many descriptors to look through, or another process of the container's holds the socket
  // too.
  std::optional<Places> FindSocket(int number, ino_t inode) const;
  // Puts `socket` where the socket of `places` is, as far as it is there still: while the call `id` of
  // `listener` waits. False: nowhere.
  bool Install(int listener, uint64_t id, int socket, const Places& places) const;

 private:
  bool ReadNumbers(ino_t inode, Places& places) const;
  bool IsShared(int number, ino_t inode) const;

  pid_t thread_ = 0, process_ = 0, parent_ = 0;
  Fd pidfd_;
};

}  // namespace wolffia
