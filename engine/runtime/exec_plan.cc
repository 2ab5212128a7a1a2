#include "engine/runtime/exec_plan.h"

#include <sched.h>

#include <algorithm>

#include "engine/runtime/capability.h"
#include "engine/runtime/environment.h"
#include "engine/runtime/kernel_names.h"
#include "engine/runtime/launch_process.h"
#include "engine/runtime/passwd.h"

namespace wolffia {
namespace {

IdMaps MapsOf(const RuntimeSpec& spec, bool has_user) {
  IdMaps maps{spec.uid_mappings, spec.gid_mappings, false};
  maps.single = IsSingle(maps, has_user);
  return maps;
}

std::string_view ValueOf(const std::vector<std::string>& env, std::string_view name) {
  for (const std::string& entry : env)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return std::string_view(entry).substr(name.size() + 1);
  return "";
}

void SetEntry(Environment& env, std::string_view entry) {
  size_t equals = entry.find('=');
  if (equals != std::string_view::npos && equals != 0)
    env.Set(entry.substr(0, equals), entry.substr(equals + 1));
}

Result<> SetUser(const ExecInputs& in, SpecProcess& process, std::string& home) {
  ContainerUser user = TRY(LookupUser(in.request.user, in.passwd, in.group));
  std::erase_if(user.additional_gids, [&](uint32_t gid) { return !HostOf(in.spec.gid_mappings, gid); });
  process.user.uid = user.uid;
  process.user.gid = user.gid;
  process.user.additional_gids = user.additional_gids;
  home = user.home;
  return {};
}

// Another user has another home, unless somebody has set HOME on purpose: then it is not that of the
// container's user.
Result<> SetVariables(const ExecInputs& in, const std::string& home, SpecProcess& process) {
  Environment env;
  for (const std::string& entry : in.spec.process.env) SetEntry(env, entry);
  for (const std::string& entry : in.secrets) SetEntry(env, entry);
  if (in.request.tty) env.SetDefault("TERM", "xterm");
  if (!in.request.user.empty()) {
    auto own = LookupUser(std::to_string(in.spec.process.user.uid), in.passwd, in.group);
    if (own && ValueOf(in.spec.process.env, "HOME") == own->home) env.Set("HOME", home);
    env.SetDefault("HOME", home);
  }
  for (const std::string& entry : in.request.env) SetEntry(env, entry);
  process.env = env.entries();
  return {};
}

Result<> SetCapabilities(const ExecInputs& in, SpecProcess& process) {
  SpecCapabilities& caps = process.capabilities;
  const bool root = process.user.uid == 0;
  if (in.request.privileged) {
    caps = {};
    caps.bounding = TRY(ContainerCapabilities({"ALL"}, {}, in.last_capability));
    process.no_new_privileges = false;
  } else if (in.request.user.empty()) {
    return {};
  }
  // As at a container's start: ambient and inheritable stay empty (CVE-2022-24769).
  caps.effective = caps.permitted = root ? caps.bounding : std::vector<std::string>();
  caps.inheritable = caps.ambient = {};
  return {};
}

}  // namespace

Result<SpecProcess> BuildExecProcess(const ExecInputs& in) {
  SpecProcess process = in.spec.process;
  process.args = in.request.command;
  process.terminal = in.request.tty;
  if (!in.request.working_dir.empty()) process.cwd = in.request.working_dir;
  std::string home;
  if (!in.request.user.empty()) TRY(SetUser(in, process, home));
  TRY(SetVariables(in, home, process));
  TRY(SetCapabilities(in, process));
  return process;
}

Result<LaunchPlan> BuildExecPlan(ExecInputs in) {
  SpecProcess process = TRY(BuildExecProcess(in));
  LaunchPlan plan;
  plan.clone_flags = CLONE_PARENT;
  plan.maps = MapsOf(in.spec, in.has_user);
  TRY(CheckProcess(process, plan.maps));
  auto add = [&](LaunchStep step) { plan.steps.push_back(std::move(step)); };
  auto append = [&](std::vector<LaunchStep> steps) {
    std::ranges::move(steps, std::back_inserter(plan.steps));
  };
  add(step::DieWithParent{});
  add(step::NewSession{});
  add(step::NewKeyring{});
  const SpecUser& user = process.user;
  if (in.request.tty)
    add(step::OpenTerminal{user.uid, TerminalGroup(plan.maps, user.gid), in.request.size.rows,
                           in.request.size.columns, false});
  else
    add(step::OwnStdio{user.uid, user.gid});
  append(TRY(PlanLimits(process)));
  add(step::HideMemory{});
  PrivilegePlan privileges{.process = process,
                           .maps = plan.maps,
                           .seccomp = std::move(in.seccomp),
                           .keep_groups = KeepsGroups(in.spec)};
  privileges.notifier = std::move(in.notifier);
  privileges.landlock = std::move(in.landlock);
  if (in.spec.seccomp) privileges.seccomp_flags = in.spec.seccomp->flags;
  append(TRY(PlanPrivileges(std::move(privileges))));
  append(PlanExecute(process));
  return plan;
}

uint64_t JoinedNamespaces(const RuntimeSpec& spec) {
  uint64_t flags = 0;
  for (const SpecNamespace& ns : spec.namespaces) flags |= NamespaceFlag(ns.type).value_or(0);
  return flags;
}

}  // namespace wolffia
