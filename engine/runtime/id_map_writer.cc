#include "engine/runtime/id_map_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "engine/base/file.h"

namespace wolffia {
namespace {

Result<> WriteFile(const std::string& path, const std::string& text) {
  Fd fd = TRY(Open(path, O_WRONLY));
  ssize_t n = write(fd.get(), text.data(), text.size());  // the kernel takes a map in one write only
  if (n < 0) return FailErrno("write " + path);
  return {};
}

std::string Line(const SpecIdMapping& m) {
  return std::to_string(m.container_id) + " " + std::to_string(m.host_id) + " " + std::to_string(m.size) +
         "\n";
}

Result<> WriteSingle(pid_t pid, const IdMaps& maps) {
  std::string proc = "/proc/" + std::to_string(pid);
  TRY(WriteFile(proc + "/setgroups", "deny"));
  TRY(WriteFile(proc + "/uid_map", Line(maps.uids[0])));
  return WriteFile(proc + "/gid_map", Line(maps.gids[0]));
}

SpawnRequest HelperRequest(const std::string& program, pid_t pid, const std::vector<SpecIdMapping>& map) {
  SpawnRequest request;
  request.program = program;
  request.argv = {program, std::to_string(pid)};
  for (const SpecIdMapping& m : map) {
    request.argv.push_back(std::to_string(m.container_id));
    request.argv.push_back(std::to_string(m.host_id));
    request.argv.push_back(std::to_string(m.size));
  }
  return request;
}

}  // namespace

Result<IdMapWriter> IdMapWriter::Start(pid_t pid, const IdMaps& maps, const HostFacts& host) {
  IdMapWriter writer;
  if (maps.single) {
    TRY_WITH(WriteSingle(pid, maps), "map the ids of the container");
    return writer;
  }
  if (host.newuidmap.empty() || host.newgidmap.empty())
    return Fail(Code::kUnsupported,
                "newuidmap and newgidmap are not installed, and without them a container has one id only; "
                "install the "
                "package uidmap (shadow-utils on Fedora), or run with --uidmap 0:0:1 --gidmap 0:0:1");
  Fd null = TRY(Open("/dev/null", O_RDWR));
  for (bool uid : {true, false}) {
    Pipe words = TRY(MakePipe());
    SpawnRequest request =
        HelperRequest(uid ? host.newuidmap : host.newgidmap, pid, uid ? maps.uids : maps.gids);
    request.donations = {{null.get(), 0}, {null.get(), 1}, {words.write.get(), 2}};
    Child child = TRY_WITH(Spawn(request), "map the ids of the container");
    writer.helpers_.push_back({uid ? "newuidmap" : "newgidmap", std::move(child), std::move(words.read)});
  }
  return writer;
}

Result<> WriteMapsBelow(pid_t pid, const IdMaps& maps, uint32_t uid, uint32_t gid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  auto text = [](std::vector<SpecIdMapping> map, uint32_t own) {
    std::string lines;
    for (SpecIdMapping& m : map) {
      if (m.host_id == own) m.host_id = 0;
      lines += Line(m);
    }
    return lines;
  };
  // As for any container with one id: it must not be able to leave groups that keep it out of files.
  if (maps.single) TRY(WriteFile(proc + "/setgroups", "deny"));
  TRY(WriteFile(proc + "/uid_map", text(maps.uids, uid)));
  return WriteFile(proc + "/gid_map", text(maps.gids, gid));
}

Result<> IdMapWriter::Finish() {
  for (Helper& helper : helpers_) {
    ExitStatus status = TRY(helper.child.Wait());
    if (status.ShellCode() == 0) continue;
    if (status.signal != 0)
      return Fail(Code::kIo, "map the ids of the container: " + helper.name + " was killed (" +
                                 strsignal(status.signal) + ")");
    std::string words = ReadFd(helper.words.get(), 4096, helper.name).value_or("");
    while (!words.empty() && words.back() == '\n') words.pop_back();
    if (words.empty()) words = helper.name + " ended with code " + std::to_string(status.ShellCode());
    return Fail(Code::kUnsupported,
                "map the ids of the container: " + words +
                    "; the ids must lie in this user's ranges of /etc/subuid and /etc/subgid, and " +
                    helper.name +
                    " must be setuid root or have the file capability that its package gives it");
  }
  helpers_.clear();
  return {};
}

}  // namespace wolffia
