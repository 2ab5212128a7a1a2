#include "engine/guarantees/judgement.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/file.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

constexpr std::string_view kAdministrator = ": an administrator can ",
                           kOuter = ": the outer container must be ";

constexpr size_t kMaxSubordinateBytes = 16 << 20;
constexpr uint64_t kHighestSubordinateId = 4'000'000'000;

struct NamespaceName {
  uint64_t flag;
  const char* name;
  const char* sysctl;
};
constexpr NamespaceName kNames[] = {{CLONE_NEWNS, "mount", "user.max_mnt_namespaces"},
                                    {CLONE_NEWPID, "pid", "user.max_pid_namespaces"},
                                    {CLONE_NEWIPC, "ipc", "user.max_ipc_namespaces"},
                                    {CLONE_NEWUTS, "uts", "user.max_uts_namespaces"},
                                    {CLONE_NEWNET, "network", "user.max_net_namespaces"},
                                    {CLONE_NEWCGROUP, "cgroup", "user.max_cgroup_namespaces"}};

// The first quoted text that is a program with arguments.
std::string Quoted(const std::string& text) {
  size_t begin = text.find('"');
  while (begin != std::string::npos) {
    const size_t end = text.find('"', begin + 1);
    if (end == std::string::npos) break;
    std::string quoted = text.substr(begin + 1, end - begin - 1);
    if (quoted.find(' ') != std::string::npos) return quoted;
    begin = text.find('"', end + 1);
  }
  return "";
}

bool IsZero(std::string sysctl) {
  for (char& c : sysctl)
    if (c == '.') c = '/';
  return ReadFile("/proc/sys/" + sysctl, 64).value_or("") == "0\n";
}

// The namespaces that a trial stands on, but for the user namespace.
uint64_t NamespacesOf(Trial trial) {
  if (trial >= Trial::kAbstractSocket && trial <= Trial::kHostLoopback) return CLONE_NEWNET;
  if (trial >= Trial::kTun && trial <= Trial::kTransparent) return CLONE_NEWNET;
  if (trial == Trial::kProc || trial == Trial::kProcessesHidden || trial == Trial::kMaskedPath ||
      trial == Trial::kNestedUser || trial == Trial::kNestedProc)
    return CLONE_NEWNS | CLONE_NEWPID;
  return CLONE_NEWNS;
}

}  // namespace

std::string Words(int os_errno) {
  return std::strerror(os_errno);
}

Finding FindingOf(const std::string& sentence) {
  if (size_t at = sentence.find(kAdministrator); at != std::string::npos) {
    std::string remedy = sentence.substr(at + kAdministrator.size());
    std::string command = Quoted(remedy);
    return HoldsIf(sentence.substr(0, at), std::move(remedy), Who::kAdministrator, std::move(command));
  }
  if (size_t at = sentence.find(kOuter); at != std::string::npos)
    return HoldsIf(sentence.substr(0, at), "have the outer container " + sentence.substr(at + kOuter.size()),
                   Who::kYou);
  return Lost(sentence);
}

std::optional<Finding> NamespaceRefused(HostTrial& host, uint64_t flag) {
  if (int error = host.NamespaceError(0); error != 0) {
    Finding finding = FindingOf(ExplainUsernsRefusal(error));
    finding.stops_run = true;
    return finding;
  }
  for (const NamespaceName& name : kNames) {
    const int error = (flag & name.flag) != 0 ? host.NamespaceError(name.flag) : 0;
    if (error == 0) continue;
    const std::string kind = std::string(name.name) + " namespaces";
    Finding finding = Lost("the kernel refuses " + kind + ": " + Words(error));
    if (IsZero(name.sysctl))
      finding = HoldsIf(kind + " are switched off (" + name.sysctl + " is 0)", "allow them",
                        Who::kAdministrator, "sysctl -w " + std::string(name.sysctl) + "=28633");
    finding.stops_run = true;
    return finding;
  }
  return std::nullopt;
}

std::optional<Finding> Settled(HostTrial& host, Trial trial) {
  const int result = host.InWorld().inside[trial];
  if (result == 0) return Holds();
  if (result != kNotTried) return std::nullopt;
  if (auto refused = NamespaceRefused(host, NamespacesOf(trial))) return refused;
  if (!host.InWorld().finished)
    return Lost("the trial did not come to its end: the host may be overloaded; try again");
  return Lost("what it stands on does not work here: see the other rows that do not hold");
}

uint32_t FreeSubordinateId() {
  uint64_t free = 100'000;
  for (const char* path : {"/etc/subuid", "/etc/subgid"}) {
    const std::string text = ReadFile(path, kMaxSubordinateBytes).value_or("");
    std::string_view rest = text;
    for (std::string_view line; NextLine(rest, line);) {
      const auto fields = SplitFields(line, ':');
      if (fields.size() != 3) continue;
      const auto first = ParseDecimal<uint32_t>(fields[1]), count = ParseDecimal<uint32_t>(fields[2]);
      if (first && count) free = std::max(free, uint64_t{*first} + *count);
    }
  }
  return free > kHighestSubordinateId ? 100'000 : static_cast<uint32_t>(free);
}

std::optional<Finding> OneIdOnly(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return refused;
  if (host.InWorld().full_ids) return std::nullopt;
  const HostFacts& facts = host.Facts();
  if (facts.subordinate.uids.empty() || facts.subordinate.gids.empty()) {
    const uint32_t first = FreeSubordinateId();
    const std::string range = std::to_string(first) + "-" + std::to_string(first + 65'535);
    return HoldsIf(facts.user_name + " has no subordinate ids in /etc/subuid and /etc/subgid",
                   "give the account a range of its own, that no other account has", Who::kAdministrator,
                   "usermod --add-subuids " + range + " --add-subgids " + range + " " + facts.user_name);
  }
  // With subordinate ids `run` wants to use them.
  Finding finding;
  if (facts.newuidmap.empty() || facts.newgidmap.empty())
    finding = HoldsIf("newuidmap and newgidmap are not installed",
                      "install the package uidmap (shadow-utils on Fedora)", Who::kAdministrator,
                      "apt-get install uidmap");
  else
    finding = HoldsIf(host.InWorld().no_ids,
                      "give newuidmap and newgidmap the setuid bit or the file capability that their package "
                      "gives them, on a file system that is not mounted nosuid",
                      Who::kAdministrator, "chmod u+s " + facts.newuidmap + " " + facts.newgidmap);
  finding.stops_run = true;
  return finding;
}

}  // namespace wolffia
