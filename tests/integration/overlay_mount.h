// ServeInNamespace: mounts a file system of ours as a container's child does, and serves it from this
// process. A forked child makes its own user and mount namespace, mounts what the descriptor that it sends
// serves, and runs a body there.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/file.h"
#include "engine/base/socket.h"
#include "storage/overlay/lower_server.h"

namespace wolffia {

struct Served {
  std::string unsupported;  // why this host cannot do it; the rest is empty then
  std::string report;       // what the body returned: empty if all was well
  std::vector<FuseCounter> counters;
  uint64_t Count(std::string_view operation) const {
    for (const FuseCounter& c : counters)
      if (c.operation == operation) return c.count;
    return 0;
  }
};

// Run in the child, at the mount point. `socket` reaches the `outside` function, if there is one.
using Body = std::function<std::string(const std::string& mount_point, int socket)>;
using Outside = std::function<void(LowerServer& server, int socket)>;

template <typename Server>
struct ServedMount {
  std::function<Result<std::unique_ptr<Server>>(Fd fuse_fd)> start;
  unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
  bool all_ids = false;  // 65,536 of them, by newuidmap; else just 0
};

inline Result<> MapOneId(const std::string& uid, const std::string& gid) {
  auto write_file = [](const char* path, const std::string& text) -> Result<> {
    return WriteFull(TRY(Open(path, O_WRONLY)).get(), text);
  };
  TRY(write_file("/proc/self/setgroups", "deny"));
  TRY(write_file("/proc/self/uid_map", "0 " + uid + " 1"));
  return write_file("/proc/self/gid_map", "0 " + gid + " 1");
}

// By the parent, for a child that waits. False: there are no subordinate ids, or no newuidmap.
inline bool MapAllIds(pid_t child) {
  auto map = [&](const char* program, const char* file, unsigned own) {
    std::string command = std::string(program) + " " + std::to_string(child) + " 0 " + std::to_string(own) +
                          " 1 $(awk -F: -v u=$(id -un) '$1 == u { print 1, $2, 65535; exit }' " + file +
                          ") 2>/dev/null";
    return system(command.c_str()) == 0;
  };
  return map("newuidmap", "/etc/subuid", getuid()) && map("newgidmap", "/etc/subgid", getgid());
}

inline Result<Fd> MountInOwnNamespace(const std::string& mount_point, unsigned long flags) {
  Fd fuse = TRY(Open("/dev/fuse", O_RDWR));
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return FailErrno("mount private");
  if (mount("wolffia", mount_point.c_str(), "fuse", flags, FuseMountOptions(fuse.get()).c_str()) != 0)
    return FailErrno("mount fuse");
  return fuse;
}

// Of the child. Ends it.
inline void ServedChild(int socket, const Result<>& mapped, const std::string& mount_point,
                        unsigned long flags, const Body& body) {
  Result<Fd> fuse = mapped ? MountInOwnNamespace(mount_point, flags) : std::unexpected(mapped.error());
  if (!fuse) {
    (void)SendPacket(socket, "unsupported: " + fuse.error().what);
    _exit(0);
  }
  (void)SendPacket(socket, "mounted", {fuse->get()});
  fuse->Reset();
  auto started = ReceivePacket(socket);
  std::string report = body(mount_point, socket);
  (void)SendPacket(socket, "report: " + report.substr(0, 60000));
  _exit(0);
}

inline Result<> WaitForMaps(int socket) {
  auto maps = TRY(ReceivePacket(socket));
  if (maps.data != "maps") return Fail(Code::kUnsupported, "no subordinate ids, or no newuidmap");
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return FailErrno("become root of the namespace");
  return {};
}

template <typename Server>
Served ServeInNamespace(const ServedMount<Server>& what, const std::string& mount_point, const Body& body,
                        const std::function<void(Server& server, int socket)>& outside = nullptr) {
  Served served;
  auto pair = MakeSocketPair();
  std::string uid = std::to_string(getuid()), gid = std::to_string(getgid());
  // Not fork and unshare: a sanitizer's own thread would forbid the second.
  auto pid = static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
  if (pid < 0) {
    served.unsupported = std::string("clone with namespaces: ") + strerror(errno);
    return served;
  }
  if (pid == 0) {
    pair->ours.Reset();
    int socket = pair->theirs.get();
    Result<> mapped = what.all_ids ? WaitForMaps(socket) : MapOneId(uid, gid);
    ServedChild(socket, mapped, mount_point, what.flags, body);
  }
  pair->theirs.Reset();
  int socket = pair->ours.get();
  if (what.all_ids) (void)SendPacket(socket, MapAllIds(pid) ? "maps" : "none");
  auto mounted = ReceivePacket(socket);
  if (!mounted || mounted->fds.size() != 1) {
    served.unsupported = mounted ? mounted->data : mounted.error().what;
  } else {
    auto server = what.start(std::move(mounted->fds[0]));
    EXPECT_TRUE(server) << server.error().what;
    if (auto proc = Open("/proc", O_RDONLY | O_DIRECTORY)) (*server)->FollowClients(std::move(*proc));
    EXPECT_TRUE(SendPacket(socket, "go"));
    if (outside) outside(**server, socket);
    auto report = ReceivePacket(socket);
    served.report = report ? report->data : report.error().what;
    if (served.report == "report: ")
      served.report.clear();
    else if (served.report.empty())
      served.report = "the child died";
    waitpid(pid, nullptr, 0);  // the mount is gone with its namespace
    pid = -1;
    (*server)->Stop();
    served.counters = (*server)->Counters();
  }
  if (pid > 0) waitpid(pid, nullptr, 0);
  return served;
}

inline Served ServeInNamespace(std::shared_ptr<const Lower> lower, IdView ids, const std::string& mount_point,
                               const Body& body, const Outside& outside = nullptr) {
  ServedMount<LowerServer> what;
  what.start = [&](Fd fuse) { return LowerServer::Start(std::move(lower), std::move(ids), std::move(fuse)); };
  return ServeInNamespace(what, mount_point, body, outside);
}

}  // namespace wolffia
