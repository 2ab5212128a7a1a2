// Lifecycle: how long containers live, and who can look into them.
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

constexpr size_t kMaxConfiguration = 1 << 20;

bool IsThere(const std::string& path) {
  struct stat st;
  return stat(path.c_str(), &st) == 0;
}

bool HasSystemd() {
  return IsThere("/run/systemd/system");
}

bool Lingers(HostTrial& host) {
  return IsThere("/var/lib/systemd/linger/" + host.Facts().user_name);
}

// logind.conf(5): the last word of the file and of the drop-ins, which count by name, wherever they are.
bool KillsUserProcesses() {
  std::map<std::string, std::string> files;
  for (const char* place : {"/usr/lib/systemd", "/run/systemd", "/etc/systemd"}) {
    const std::string directory = std::string(place) + "/logind.conf.d";
    auto fd = Open(directory, O_RDONLY | O_DIRECTORY);
    if (!fd) continue;
    for (const std::string& name : ListDirectory(fd->get(), ".").value_or(std::vector<std::string>()))
      if (name.ends_with(".conf")) files[name] = directory + "/" + name;
  }
  std::vector<std::string> order = {"/etc/systemd/logind.conf"};
  for (const auto& [name, path] : files) order.push_back(path);
  bool kills = false;
  for (const std::string& path : order) {
    const std::string text = ReadFile(path, kMaxConfiguration).value_or("");
    std::string_view rest = text;
    for (std::string_view line; NextLine(rest, line);)
      if (line.starts_with("KillUserProcesses=")) {
        line.remove_prefix(18);
        kills = line == "yes" || line == "true" || line == "on" || line == "1";
      }
  }
  return kills;
}

Finding SurvivesLogout(HostTrial& host) {
  if (!HasSystemd() || !KillsUserProcesses()) return Holds();
  if (Lingers(host))
    return HoldsIf(
        "logind ends the processes of a session with it (KillUserProcesses=yes)",
        "start containers outside of the session: systemd-run --user --scope wolffia run ..., or by a unit",
        Who::kYou);
  return HoldsIf(
      "logind ends the processes of a session with it (KillUserProcesses=yes), and lingering is off",
      "switch lingering on, and start containers by systemd-run --user --scope or by a unit", Who::kYou,
      "loginctl enable-linger");
}

Finding StartsAtBoot(HostTrial& host) {
  if (HasSystemd())
    return Lingers(host) ? Holds()
                         : HoldsIf("lingering is off: the user manager is not started at boot",
                                   "switch it on, and make units by wolffia generate systemd", Who::kYou,
                                   "loginctl enable-linger");
  if (!FindProgram("crontab"))
    return HoldsIf("there is neither systemd nor cron to start something at boot", "install cron",
                   Who::kAdministrator, "apt-get install cron");
  return HoldsIf(
      "there is no systemd; cron can start containers at boot, if it is told to",
      "add a line to your crontab", Who::kYou,
      "(crontab -l; echo '@reboot wolffia start --all --filter restart-policy=always') | crontab -");
}

Finding Checkpoint(HostTrial&) {
  return Lost(
      "wolffia does not do that yet, and CRIU needs CAP_CHECKPOINT_RESTORE of the host for most of it");
}

bool InContainer(HostTrial& host) {
  return IsThere("/run/.containerenv") || IsThere("/.dockerenv") ||
         host.context().Env("container").has_value();
}

// What the rows say of the things that outer containers lack.
Finding Nested(HostTrial& host) {
  if (!InContainer(host)) return NotApplicable("this is not a container of another engine");
  for (const char* id : {"user-namespace", "processes-hidden", "root-file-system", "users-separated"}) {
    Finding finding = FindGuarantee(id)->probe(host);
    if (finding.verdict != Verdict::kHolds) return finding;
  }
  return Holds();
}

Finding Ptrace(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  const int error = host.InWorld().ptrace;
  if (error == 0) return Holds();
  if (error == kNotTried) return *Settled(host, Trial::kHostPrivilege);
  const std::string yama = ReadFile("/proc/sys/kernel/yama/ptrace_scope", 16).value_or("");
  if (!yama.empty() && yama != "0\n")
    return HoldsIf("only a process's parents may trace it (kernel.yama.ptrace_scope is " +
                       yama.substr(0, yama.size() - 1) + ")",
                   "let users trace all of their processes", Who::kAdministrator,
                   "sysctl -w kernel.yama.ptrace_scope=0");
  return Lost("the kernel refuses ptrace of a container's process: " + Words(error));
}

Finding Perf(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  const int error = host.InWorld().perf;
  if (error == 0) return Holds();
  if (error == kNotTried) return *Settled(host, Trial::kHostPrivilege);
  if (error == EACCES || error == EPERM)
    return HoldsIf("the kernel lets only administrators count events (kernel.perf_event_paranoid)",
                   "allow it for a user's own processes", Who::kAdministrator,
                   "sysctl -w kernel.perf_event_paranoid=2");
  return Lost("the kernel has no performance counters here: " + Words(error));
}

constexpr Guarantee kRows[] = {
    {.id = "survives-logout",
     .title = "Containers go on after the user has logged out",
     .rootful = "they belong to the engine",
     .mechanism = "they are processes of the user in a session of their own: wolffia-supervision(7)",
     .needs = "KillUserProcesses=no (the default of Debian), or lingering and a unit",
     .instead = "the end of the session stops containers in order, as wolffia stop does",
     .attainable = true,
     .probe = SurvivesLogout},
    {.id = "starts-at-boot",
     .title = "Containers can be started when the host boots",
     .rootful = "the engine starts them",
     .mechanism = "units of the user's service manager (wolffia generate systemd), or cron",
     .needs = "systemd and lingering, or cron",
     .instead = "",
     .attainable = true,
     .probe = StartsAtBoot},
    {.id = "checkpoint",
     .title = "Containers can be saved, and go on later or elsewhere",
     .rootful = "CRIU",
     .mechanism = "",
     .needs = "",
     .instead = "pause and unpause; wolffia export keeps the files",
     .attainable = false,
     .probe = Checkpoint},
    {.id = "nested",
     .title = "wolffia works in a container of another engine (a CI job)",
     .rootful = "--privileged",
     .mechanism = "everything that it needs of the outer container, tried together",
     .needs = "/dev/fuse, a seccomp profile that allows user namespaces and mounts, an own /proc without "
              "hidden parts, and newuidmap with its file capability, or setuid and CAP_SYS_ADMIN",
     .instead = "",
     .attainable = true,
     .probe = Nested},
    {.id = "ptrace",
     .title = "Processes of a container can be traced and debugged from the host",
     .rootful = "root may trace everything",
     .mechanism = "the user owns the container's user namespace; tried on a process in one",
     .needs = "kernel.yama.ptrace_scope 0 or no Yama",
     .instead = "a debugger inside the container, by wolffia exec",
     .attainable = true,
     .probe = Ptrace},
    {.id = "perf",
     .title = "Processes of a container can be measured from the host (perf)",
     .rootful = "root may measure everything",
     .mechanism = "perf_event_open(2) as the user; tried on a process in a user namespace",
     .needs = "kernel.perf_event_paranoid 2 or lower",
     .instead = "wolffia stats and top",
     .attainable = true,
     .probe = Perf},
};

}  // namespace

std::span<const Guarantee> LifecycleGuarantees() {
  return kRows;
}

}  // namespace wolffia
