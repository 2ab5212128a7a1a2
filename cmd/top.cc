// wolffia top.
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "cmd/container_processes.h"
#include "cmd/container_view.h"
#include "cmd/dispatch.h"
#include "cmd/top_columns.h"
#include "engine/runtime/passwd.h"

namespace wolffia {
namespace {

constexpr size_t kMaxPasswd = 4 << 20;

std::map<uint32_t, std::string> UserNames(std::string_view passwd) {
  std::map<uint32_t, std::string> names;
  for (PasswdEntry& entry : ParsePasswd(passwd)) names.emplace(entry.uid, std::move(entry.name));
  return names;
}

std::map<uint32_t, std::string> GroupNames(std::string_view group) {
  std::map<uint32_t, std::string> names;
  for (GroupEntry& entry : ParseGroup(group)) names.emplace(entry.gid, std::move(entry.name));
  return names;
}

// A file of the container, resolved beneath its root; empty if we may not read it (an upper served by FUSE
// refuses everyone outside the container) or it is no plain file.
std::string ReadInside(int root, const std::string& path) {
  auto file = OpenInRoot(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (!file || fstat(file->get(), &st) < 0 || !S_ISREG(st.st_mode)) return "";
  return ReadFd(file->get(), kMaxPasswd, path).value_or("");
}

void ReadNames(int init, TopFacts& facts) {
  auto root = Open("/proc/" + std::to_string(init) + "/root", O_PATH | O_DIRECTORY);
  if (!root) return;
  facts.users = UserNames(ReadInside(root->get(), "etc/passwd"));
  facts.groups = GroupNames(ReadInside(root->get(), "etc/group"));
}

bool Uses(const std::vector<const TopColumn*>& columns, std::initializer_list<std::string_view> descriptors) {
  return std::ranges::any_of(columns, [&](const TopColumn* column) {
    return std::ranges::find(descriptors, column->descriptor) != descriptors.end();
  });
}

// What the columns that were asked for need.
Result<TopFacts> Gather(const Command& command, const Store& store, const ContainerStatus& status,
                        const std::vector<const TopColumn*>& columns, int init) {
  TopFacts facts;
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  facts.uptime_ns = int64_t{boot.tv_sec} * 1'000'000'000 + boot.tv_nsec;
  facts.now_ns = command.context.now();
  facts.ticks_per_second = sysconf(_SC_CLK_TCK);
  if (Uses(columns, {"user", "ruser", "group", "rgroup", "groups"})) {
    RuntimeSpec spec = TRY(ContainerStore(store).ReadSpec(status.record.id));
    facts.uids = spec.uid_mappings;
    facts.gids = spec.gid_mappings;
    ReadNames(init, facts);
  }
  if (Uses(columns, {"huser"}))
    facts.host_users = UserNames(ReadFile("/etc/passwd", kMaxPasswd).value_or(""));
  if (Uses(columns, {"hgroup", "hgroups"}))
    facts.host_groups = GroupNames(ReadFile("/etc/group", kMaxPasswd).value_or(""));
  if (Uses(columns, {"hpid"}))
    for (const auto& [inside, outside] : HostPids(init)) facts.host_pids[inside] = outside;
  return facts;
}

}  // namespace

Result<int> TopVerb(const Command& command) {
  std::vector<std::string> typed = command.line.arguments;
  const bool latest = command.options().Bool("latest");
  if (typed.empty() && !latest)
    return Fail(Code::kInvalid, "you must provide the name or id of a running container");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerStore containers(session.store);
  std::string id;
  if (latest) {
    std::vector<ContainerStatus> all = TRY(containers.List());
    if (all.empty()) return Fail(Code::kNotFound, "no containers to list: no such container");
    id = all[0].record.id;
  } else {
    id = TRY(containers.Lookup(typed[0]));
    typed.erase(typed.begin());
  }
  std::vector<const TopColumn*> columns = typed.empty() ? DefaultTopColumns() : TRY(ParseTopColumns(typed));
  ContainerStatus status = TRY(containers.Get(id));
  if (!HasProcesses(status) || status.phase == Phase::kPaused)
    return Fail(Code::kBusy, "top can only be used on running containers");
  ContainerProcesses view = TRY(ContainerProcesses::Open(session.store, status));
  TopFacts facts = TRY(Gather(command, session.store, status, columns, view.init()));
  Print(TopTable(TRY(view.List()), columns, facts));
  return 0;
}

}  // namespace wolffia
