#include "engine/runtime/network_at_path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "engine/base/file.h"
#include "engine/base/process.h"

namespace wolffia {
namespace {

constexpr size_t kMaxMapBytes = 64 << 10;  // 340 lines at most

constexpr const char* kRemedy =
    "; name a network namespace that was made inside a user namespace of yours (as unshare --map-root-user "
    "--net makes it), or another container's with --network container:NAME";

std::string Named(const std::string& path) {
  return "--network ns:" + path;
}

// O_PATH opens nothing: neither a fifo that waits nor a device that acts comes to life.
Result<Fd> OpenNamespace(const std::string& path) {
  const Fd place = TRY_WITH(Open(path, O_PATH), "--network ns");
  struct statfs system;
  if (fstatfs(place.get(), &system) < 0) return FailErrno(Named(path));
  if (system.f_type != NSFS_MAGIC)
    return Fail(Code::kInvalid, Named(path) + ": this is not a namespace (as /proc/PID/ns/net)");
  Fd network = TRY_WITH(Open("/proc/self/fd/" + std::to_string(place.get()), O_RDONLY), Named(path));
  if (ioctl(network.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    return Fail(Code::kInvalid, Named(path) + ": this is a namespace, but not of a network");
  return network;
}

bool IsOwn(int ns, const char* kind) {
  struct stat it, ours;
  return fstat(ns, &it) == 0 && stat((std::string("/proc/self/ns/") + kind).c_str(), &ours) == 0 &&
         it.st_dev == ours.st_dev && it.st_ino == ours.st_ino;
}

Result<Fd> OpenOwner(int network, const std::string& path) {
  if (IsOwn(network, "net"))
    return Fail(Code::kInvalid, Named(path) + ": this is the host's own network: give --network host");
  Fd user(ioctl(network, NS_GET_USERNS));
  if (!user && errno != EPERM) return FailErrno(Named(path));
  if (!user || IsOwn(user.get(), "user"))
    return Fail(Code::kUnsupported,
                Named(path) +
                    ": it belongs to the host's user namespace (as those of \"ip netns\" do), whose " +
                    "networks only the host's root may give to others" + kRemedy,
                EPERM);
  return user;
}

Result<std::vector<SpecIdMapping>> ReadMap(const std::string& path) {
  const std::string text = TRY(ReadFile(path, kMaxMapBytes));
  std::vector<SpecIdMapping> map;
  SpecIdMapping m;
  int read = 0;
  for (const char* at = text.c_str();
       sscanf(at, "%u %u %u%n", &m.container_id, &m.host_id, &m.size, &read) == 3; at += read)
    map.push_back(m);
  std::ranges::sort(map, {}, &SpecIdMapping::container_id);
  return map;
}

// As the members of a user namespace have them, in the ids of ours.
Result<IdMaps> MapsOf(pid_t member, const std::string& path) {
  const std::string proc = "/proc/" + std::to_string(member);
  IdMaps maps;
  maps.uids = TRY(ReadMap(proc + "/uid_map"));
  maps.gids = TRY(ReadMap(proc + "/gid_map"));
  const bool has_user = HasUser(maps, HostUid{geteuid()}, HostGid{getegid()});
  maps.single = IsSingle(maps, has_user);
  if (!has_user)
    return Fail(Code::kUnsupported, Named(path) +
                                        ": the user namespace that it belongs to does not map you (uid " +
                                        std::to_string(geteuid()) + ", gid " + std::to_string(getegid()) +
                                        "), and the container's files are yours");
  if (!maps.single && TRY(ReadFile(proc + "/setgroups", 64)) == "deny\n")
    return Fail(Code::kUnsupported, Named(path) +
                                        ": the user namespace that it belongs to forbids setgroups(2), so "
                                        "no program could be given its groups there");
  return maps;
}

// In a process of its own: whoever has joined a user namespace cannot come back. It says that it has, and
// stays to be looked at until the other end of `hear` closes.
[[noreturn]] void JoinAndWait(const NetworkAtPath& to, int tell, int hear) {
  int failed = 0;
  if (setns(to.user.get(), CLONE_NEWUSER) < 0 || setns(to.network.get(), CLONE_NEWNET) < 0) failed = errno;
  (void)!write(tell, &failed, sizeof failed);
  char byte;
  (void)!read(hear, &byte, 1);
  _exit(0);
}

std::unexpected<Error> ExplainRefusal(const NetworkAtPath& at, const std::string& path, int failed) {
  uid_t owner = 0;
  if (failed != EPERM || ioctl(at.user.get(), NS_GET_OWNER_UID, &owner) < 0)
    return FailErrno(Named(path) + ": join it", failed);
  return Fail(Code::kUnsupported,
              Named(path) + ": it belongs to a user namespace of another user (uid " + std::to_string(owner) +
                  ")" + kRemedy,
              failed);
}

}  // namespace

Result<NetworkAtPath> OpenNetworkAtPath(const std::string& path) {
  NetworkAtPath at;
  at.network = TRY(OpenNamespace(path));
  at.user = TRY(OpenOwner(at.network.get(), path));
  Pipe told = TRY(MakePipe()), heard = TRY(MakePipe());
  const pid_t pid = fork();
  if (pid < 0) return FailErrno("start a process");
  if (pid == 0) {
    heard.write.Reset();
    JoinAndWait(at, told.write.get(), heard.read.get());
  }
  Child member = TRY(Child::Forked(pid));
  told.write.Reset();
  int failed = 0;
  if (TRY(ReadFull(told.read.get(), &failed, sizeof failed)) != sizeof failed)
    return Fail(Code::kIo, Named(path) + ": the process that joined it has ended");
  if (failed != 0) return ExplainRefusal(at, path, failed);
  at.maps = TRY(MapsOf(pid, path));
  return at;
}

}  // namespace wolffia
