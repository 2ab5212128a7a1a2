#include "network/notified_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, since Linux 6.9
constexpr int kMaxDescriptors = 1024;
constexpr int kMaxRelatives = 64;
constexpr int kMaxGenerations = 8;
constexpr size_t kMaxTextBytes = 256 << 10;
constexpr int kFirstFreeNumber = 64;

std::string PathOf(pid_t process, const char* name) {
  return "/proc/" + std::to_string(process) + "/" + name;
}

std::string LinkOf(const std::string& path) {
  char text[64];
  const ssize_t n = readlink(path.c_str(), text, sizeof text);
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : "";
}

// The number after "name:" in a text of lines.
template <typename Number>
bool ReadField(std::string_view text, std::string_view name, int base, Number& number) {
  size_t at = text.starts_with(name) ? 0 : text.find("\n" + std::string(name));
  if (at == std::string_view::npos) return false;
  at = text.find_first_not_of(" \t", text.find(':', at) + 1);
  return at != std::string_view::npos &&
         std::from_chars(text.data() + at, text.data() + text.size(), number, base).ec == std::errc();
}

bool ReadParent(pid_t process, pid_t& leader, pid_t& parent) {
  auto status = ReadFile(PathOf(process, "status"), kMaxTextBytes);
  return status && ReadField(*status, "Tgid:", 10, leader) && ReadField(*status, "PPid:", 10, parent);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Calls `each` with every number that names an entry; false: it said so, or there is no such directory.
template <typename Each>
bool ForEachNumber(const std::string& path, Each each) {
  std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  if (directory == nullptr) return false;
  while (const dirent* entry = readdir(directory.get())) {
    int number;
    const char* end = entry->d_name + strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, number).ptr != end) continue;
    if (!each(number)) return false;
  }
  return true;
}

bool HoldsSocket(pid_t process, int number, ino_t inode) {
  return LinkOf(PathOf(process, "fd/") + std::to_string(number)) == "socket:[" + std::to_string(inode) + "]";
}

// "tfd:        5 events:       19 data:                5  pos:0 ino:61 sdev:5", a line for each file that it
// waits for.
void ReadRegistrations(int set, std::string_view text, ino_t inode,
                       std::vector<NotifiedProcess::Registration>& registrations) {
  while (!text.empty()) {
    const std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    int number;
    unsigned events;
    unsigned long long data;
    unsigned long file;
    if (sscanf(line.c_str(), "tfd: %d events: %x data: %llx pos:%*s ino:%lx", &number, &events, &data,
               &file) == 4 &&
        file == inode)
      registrations.push_back({set, number, events, data});
  }
}

}  // namespace

std::optional<NotifiedProcess> NotifiedProcess::Open(pid_t thread) {
  NotifiedProcess p;
  p.thread_ = thread;
  if (!ReadParent(thread, p.process_, p.parent_)) return std::nullopt;
  p.pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, thread, kPidfdThread)));
  if (!p.pidfd_) p.pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, p.process_, 0)));
  if (!p.pidfd_) return std::nullopt;
  return p;
}

bool NotifiedProcess::ReadMemory(uint64_t address, void* buffer, size_t size) const {
  iovec ours{buffer, size}, theirs{reinterpret_cast<void*>(address), size};
  return process_vm_readv(thread_, &ours, 1, &theirs, 1, 0) == static_cast<ssize_t>(size);
}

Fd NotifiedProcess::TakeDescriptor(int number) const {
  return Fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_.get(), number, 0)));
}

bool NotifiedProcess::ReadNumbers(ino_t inode, Places& places) const {
  const std::string socket = "socket:[" + std::to_string(inode) + "]";
  int seen = 0;
  return ForEachNumber(PathOf(thread_, "fd"), [&](int number) {
    if (++seen > kMaxDescriptors) return false;
    const std::string link = LinkOf(PathOf(thread_, "fd/") + std::to_string(number));
    const bool is_socket = link == socket;
    if (!is_socket && link != "anon_inode:[eventpoll]") return true;
    auto info = ReadFile(PathOf(thread_, "fdinfo/") + std::to_string(number), kMaxTextBytes);
    unsigned flags = 0;
    if (!info || !ReadField(*info, "flags:", 8, flags)) return false;
    if (is_socket)
      places.numbers.push_back({number, (flags & O_CLOEXEC) != 0});
    else
      ReadRegistrations(number, *info, inode, places.registrations);
    return true;
  });
}

// A descriptor that was inherited has the same number on both sides of fork(2). Looked at are the ancestors
// and the descendants of the process, as far as they are in its network.
bool NotifiedProcess::IsShared(int number, ino_t inode) const {
  const std::string network = LinkOf(PathOf(process_, "ns/net"));
  pid_t leader, above = parent_;
  for (int i = 0; i < kMaxGenerations && above > 1; i++) {
    if (LinkOf(PathOf(above, "ns/net")) != network) break;
    if (HoldsSocket(above, number, inode)) return true;
    if (!ReadParent(above, leader, above)) break;
  }
  std::vector<pid_t> descendants = {process_};
  for (size_t i = 0; i < descendants.size(); i++) {
    if (i > 0 && HoldsSocket(descendants[i], number, inode)) return true;
    const std::string tasks = PathOf(descendants[i], "task");
    const bool counted = ForEachNumber(tasks, [&](int task) {
      const std::string path = tasks + "/" + std::to_string(task);
      auto children = ReadFile(path + "/children", kMaxTextBytes);
      if (!children) return access(path.c_str(), F_OK) < 0;  // it has ended meanwhile
      const char *at = children->data(), *end = at + children->size();
      for (pid_t child; at < end; at++) {
        const auto [next, error] = std::from_chars(at, end, child);
        if (error != std::errc()) break;
        descendants.push_back(child);
        at = next;
      }
      return descendants.size() <= kMaxRelatives;
    });
    if (!counted && (i == 0 || descendants.size() > kMaxRelatives)) return true;
  }
  return false;
}

std::optional<NotifiedProcess::Places> NotifiedProcess::FindSocket(int number, ino_t inode) const {
  Places places{.inode = inode, .numbers = {}, .registrations = {}};
  if (!ReadNumbers(inode, places) || places.numbers.empty() || IsShared(number, inode)) return std::nullopt;
  return places;
}

namespace {

struct Registering {
  int set, socket;
  const NotifiedProcess::Registration& registration;
  int result = -1;
};

// In a process that shares our memory but has a copy of our descriptors, of which it may overwrite any.
int RegisterInCopy(void* argument) {
  auto& r = *static_cast<Registering*>(argument);
  const int floor = std::max(kFirstFreeNumber, r.registration.number + 1);
  const int set = fcntl(r.set, F_DUPFD_CLOEXEC, floor), socket = fcntl(r.socket, F_DUPFD_CLOEXEC, floor);
  epoll_event event{};
  event.events = r.registration.events;
  event.data.u64 = r.registration.data;
  if (set >= 0 && socket >= 0 && dup2(socket, r.registration.number) >= 0)
    r.result = epoll_ctl(set, EPOLL_CTL_ADD, r.registration.number, &event);
  _exit(0);
}

// Puts `socket` into the epoll set `set` as if it had the number there that it has in the other process.
bool RegisterAs(int set, int socket, const NotifiedProcess::Registration& registration) {
  alignas(16) char stack[16 << 10];
  Registering work{set, socket, registration};
  const pid_t pid = clone(RegisterInCopy, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &work);
  if (pid < 0) return false;
  while (waitpid(pid, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
  return work.result == 0;
}

}  // namespace

bool NotifiedProcess::Install(int listener, uint64_t id, int socket, const Places& places) const {
  bool installed = false;
  for (const Place& place : places.numbers) {
    // The number may be another file's by now: then that one stays.
    if (!HoldsSocket(thread_, place.number, places.inode)) continue;
    seccomp_notif_addfd add{};
    add.id = id;
    add.flags = SECCOMP_ADDFD_FLAG_SETFD;
    add.srcfd = static_cast<uint32_t>(socket);
    add.newfd = static_cast<uint32_t>(place.number);
    add.newfd_flags = place.close_on_exec ? O_CLOEXEC : 0;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0) installed = true;
  }
  if (!installed) return false;
  for (const Registration& registration : places.registrations)
    if (Fd set = TakeDescriptor(registration.set)) RegisterAs(set.get(), socket, registration);
  return true;
}

}  // namespace wolffia
