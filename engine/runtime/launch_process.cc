#include "engine/runtime/launch_process.h"

#include "engine/runtime/capability.h"
#include "engine/runtime/kernel_names.h"

namespace wolffia {
namespace {

// execve takes no longer one (MAX_ARG_STRLEN); an image's may be megabytes of colons.
constexpr size_t kMaxVariable = 128 << 10;

constexpr uint64_t kSysAdmin = uint64_t{1} << 21;  // CAP_SYS_ADMIN

Result<uint64_t> CapabilityBits(const std::vector<std::string>& names) {
  uint64_t bits = 0;
  for (const std::string& name : names) {
    int number = CapabilityNumber(name);
    if (number < 0) return Fail(Code::kInvalid, "unknown capability \"" + name + "\"");
    bits |= uint64_t{1} << number;
  }
  return bits;
}

// The paths that execvp would try, from the container's own PATH.
std::vector<std::string> Candidates(const SpecProcess& process) {
  const std::string& program = process.args[0];
  if (program.find('/') != std::string::npos) return {program};
  std::string_view path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& variable : process.env)
    if (variable.starts_with("PATH=")) path = std::string_view(variable).substr(5, kMaxVariable);
  std::vector<std::string> candidates;
  for (;;) {
    size_t colon = path.find(':');
    std::string directory(path.substr(0, colon));
    candidates.push_back((directory.empty() ? "." : directory) + "/" + program);
    if (colon == std::string_view::npos) return candidates;
    path.remove_prefix(colon + 1);
  }
}

uint32_t SeccompFlags(const std::vector<std::string>& names) {
  uint32_t flags = 0;
  for (const std::string& flag : names) {
    if (flag == "SECCOMP_FILTER_FLAG_LOG") flags |= 2;
    if (flag == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") flags |= 4;
  }  // TSYNC means nothing: the process has one thread
  return flags;
}

// Root finds every path, whoever the container's user is.
void AddRules(const LandlockRuleset& rules, std::vector<LaunchStep>& steps) {
  step::MakeLandlock make{rules.handled_fs, rules.handled_net, rules.scoped, {}};
  for (const LandlockRuleset::Port& port : rules.ports) make.ports.emplace_back(port.port, port.access);
  steps.push_back(std::move(make));
  for (const LandlockRuleset::Path& path : rules.paths)
    steps.push_back(step::AllowPath{path.path, path.access, path.optional});
}

}  // namespace

Result<> CheckProcess(const SpecProcess& process, const IdMaps& maps) {
  if (process.args.empty()) return Fail(Code::kInvalid, "the container has no command");
  if (process.args[0].empty()) return Fail(Code::kNoCommand, "the container's command is an empty string");
  if (!process.cwd.starts_with('/'))
    return Fail(Code::kInvalid, "the working directory " + process.cwd + " is not an absolute path");
  auto check = [](const std::vector<SpecIdMapping>& map, const char* kind, uint32_t id) -> Result<> {
    if (HostOf(map, id)) return {};
    return Fail(Code::kUnsupported,
                std::string(kind) + " " + std::to_string(id) +
                    " is not mapped in the container's user namespace; give it with --uidmap and "
                    "--gidmap, or ask for more subordinate ids");
  };
  TRY(check(maps.uids, "user", process.user.uid));
  TRY(check(maps.gids, "group", process.user.gid));
  if (maps.single) return {};  // the kernel allows no other groups there; the ones of the user stay
  for (uint32_t gid : process.user.additional_gids) TRY(check(maps.gids, "group", gid));
  return {};
}

bool KeepsGroups(const RuntimeSpec& spec) {
  auto found = spec.annotations.find("run.oci.keep_original_groups");
  return found != spec.annotations.end() && found->second == "1";
}

uint32_t TerminalGroup(const IdMaps& maps, uint32_t gid) {
  constexpr uint32_t kTty = 5;
  return HostOf(maps.gids, kTty) ? kTty : gid;
}

Result<std::vector<LaunchStep>> PlanLimits(const SpecProcess& process) {
  std::vector<LaunchStep> steps;
  for (const SpecRlimit& limit : process.rlimits) {
    auto resource = RlimitNumber(limit.type);
    if (!resource) return Fail(Code::kInvalid, "unknown limit \"" + limit.type + "\"");
    steps.push_back(step::SetRlimit{limit.type, *resource, limit.soft, limit.hard});
  }
  return steps;
}

Result<std::vector<LaunchStep>> PlanPrivileges(PrivilegePlan plan) {
  const SpecProcess& process = plan.process;
  const SpecCapabilities& caps = process.capabilities;
  const uint64_t effective = TRY(CapabilityBits(caps.effective)),
                 permitted = TRY(CapabilityBits(caps.permitted)),
                 inheritable = TRY(CapabilityBits(caps.inheritable)),
                 ambient = TRY(CapabilityBits(caps.ambient)), bounding = TRY(CapabilityBits(caps.bounding));
  const step::SetCapabilities final{effective, permitted, inheritable, ambient};
  const bool set_groups = !plan.maps.single && !plan.keep_groups;
  std::vector<LaunchStep> steps;
  auto add = [&](LaunchStep step) { steps.push_back(std::move(step)); };
  const bool landlock = !plan.landlock.empty();
  if (landlock) AddRules(plan.landlock, steps);
  add(step::ChangeDirectory{process.cwd, false});
  add(step::DropBounding{bounding});
  add(step::SetIds{process.user.uid, process.user.gid, process.user.additional_gids, set_groups});
  add(step::DieWithParent{});
  add(step::ChangeDirectory{process.cwd, true});
  add(step::SetUmask{process.user.umask.value_or(022)});
  const bool filter = !plan.seccomp.empty(), notifier = !plan.notifier.empty();
  step::InstallSeccomp seccomp{std::move(plan.seccomp), SeccompFlags(plan.seccomp_flags)};
  // Without no_new_privs only CAP_SYS_ADMIN of the namespace may install a filter or enter Landlock, so these
  // come before the capabilities go; with it they come as late as possible.
  auto install = [&] {
    if (landlock) add(step::EnterLandlock{});
    if (notifier) add(step::InstallNotifier{std::move(plan.notifier), plan.notifier_pass});
    if (filter) add(std::move(seccomp));
  };
  if ((filter || notifier || landlock) && !process.no_new_privileges) {
    add(step::SetCapabilities{final.permitted | kSysAdmin, final.permitted | kSysAdmin, final.inheritable,
                              0});
    install();
  }
  add(final);
  if (process.no_new_privileges) {
    add(step::NoNewPrivileges{});
    install();
  }
  return steps;
}

std::vector<LaunchStep> PlanExecute(const SpecProcess& process) {
  std::vector<LaunchStep> steps;
  steps.push_back(step::CloseDescriptors{});
  steps.push_back(step::Execute{process.args, process.env, Candidates(process)});
  return steps;
}

}  // namespace wolffia
