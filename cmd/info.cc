// wolffia info.
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cmd/report.h"
#include "cmd/verbs.h"
#include "cmd/version.h"
#include "engine/runtime/host_facts.h"
#include "storage/container_store.h"
#include "storage/image_store.h"

namespace wolffia {
namespace {

// A field of /etc/os-release (os-release(5)), without its quotes.
std::string OsRelease(std::string_view field) {
  auto text = ReadFile("/etc/os-release", 64 << 10);
  if (!text) return "";
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.starts_with(field) || line.substr(field.size(), 1) != "=") continue;
    line.remove_prefix(field.size() + 1);
    if (line.size() >= 2 && (line[0] == '"' || line[0] == '\'') && line.back() == line[0])
      line = line.substr(1, line.size() - 2);
    return std::string(line);
  }
  return "";
}

Value Ranges(const std::vector<SubordinateRange>& ranges) {
  Value list = Value::array();
  for (const SubordinateRange& range : ranges)
    list.push_back({{"first", range.first}, {"count", range.count}});
  return list;
}

Result<Value> Host(const Context& context) {
  HostFacts facts = TRY(HostFacts::Gather(context));
  utsname names{};
  uname(&names);
  struct sysinfo memory{};
  sysinfo(&memory);
  Platform platform = Platform::Host();
  return Value{
      {"arch", platform.architecture},
      {"os", platform.os},
      {"cpus", sysconf(_SC_NPROCESSORS_ONLN)},
      {"hostname", names.nodename},
      {"kernel", names.release},
      {"distribution",
       {{"distribution", OsRelease("ID")},
        {"version", OsRelease("VERSION_ID")},
        {"codename", OsRelease("VERSION_CODENAME")}}},
      {"memTotal", uint64_t{memory.totalram} * memory.mem_unit},
      {"memFree", uint64_t{memory.freeram} * memory.mem_unit},
      {"cgroup2Mount", facts.cgroup2_mount},
      {"user",
       {{"name", facts.user_name},
        {"uid", static_cast<uint32_t>(facts.uid)},
        {"gid", static_cast<uint32_t>(facts.gid)}}},
      {"subordinateIds",
       {{"uids", Ranges(facts.subordinate.uids)},
        {"gids", Ranges(facts.subordinate.gids)},
        {"newuidmap", facts.newuidmap},
        {"newgidmap", facts.newgidmap}}},
      {"security",
       {{"rootless", facts.uid != HostUid{0}},
        {"seccompEnabled", true},
        {"fuseDevice", access("/dev/fuse", R_OK | W_OK) == 0}}},
  };
}

Result<Value> StoreValue(const Session& session) {
  int running = 0;
  std::vector<ContainerStatus> containers = TRY(ContainerStore(session.store).List());
  for (const ContainerStatus& status : containers)
    running += status.state == ContainerState::kRunning ? 1 : 0;
  int total = static_cast<int>(containers.size());
  size_t images = TRY(ImageStore(session.store).List()).size();
  struct statvfs space{};
  statvfs(session.store.root_path().c_str(), &space);
  uint64_t allocated = uint64_t{space.f_blocks} * space.f_frsize;
  return Value{
      {"graphRoot", session.store.root_path()},
      {"runRoot", session.store.runroot_path()},
      {"graphRootAllocated", allocated},
      {"graphRootUsed", allocated - uint64_t{space.f_bfree} * space.f_frsize},
      {"containerStore",
       {{"number", total}, {"paused", 0}, {"running", running}, {"stopped", total - running}}},
      {"imageStore", {{"number", images}}},
  };
}

Value SettingsValue(const Settings& settings) {
  Value list = Value::array();
  for (const Settings::Origin& origin : settings.origins)
    list.push_back({{"key", origin.key}, {"value", origin.value}, {"origin", origin.origin}});
  return list;
}

// For people: one line a setting.
Value SettingsLines(const Settings& settings) {
  Value lines = Value::object();
  for (const Settings::Origin& origin : settings.origins)
    lines[origin.key] = origin.value + (origin.value.empty() ? "(" : "  (") + origin.origin + ")";
  return lines;
}

}  // namespace

Result<int> InfoVerb(const Command& command) {
  Session session = TRY(OpenSession(command));
  std::string format = command.options().String("format");
  Value info;
  info["host"] = TRY(Host(command.context));
  info["store"] = TRY(StoreValue(session));
  info["registries"] = {{"search", session.settings.registries.search}};
  info["settings"] = format.empty() ? SettingsLines(session.settings) : SettingsValue(session.settings);
  info["version"] = VersionValue();
  Print(format.empty() ? ToYamlText(info) : TRY(RenderValue(info, format)));
  return 0;
}

}  // namespace wolffia
