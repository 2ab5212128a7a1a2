#include "engine/cgroup/limit_support.h"

#include <algorithm>

#include "engine/cgroup/cgroup_limits.h"

namespace wolffia {
namespace {

constexpr const char* kAdministrator = "the administrator";
constexpr const char* kUser = "you";
constexpr const char* kBootUnified = "boot the kernel with systemd.unified_cgroup_hierarchy=1";

LimitVerdict OfOldLayout(const CgroupHost& host) {
  using enum CgroupHost::Layout;
  LimitVerdict verdict;
  verdict.reason = host.layout == kHybrid
                       ? "this host has its controllers on cgroup v1 (hybrid), which cannot be given to an "
                         "ordinary user"
                   : host.layout == kLegacy
                       ? "this host has cgroup v1 only, which cannot be given to an ordinary user"
                       : "no cgroup file system is mounted here";
  verdict.who = kAdministrator;
  if (host.layout == kMissing)
    verdict.remedy = "mount cgroup2 on /sys/fs/cgroup";
  else
    verdict.remedy = host.systemd
                         ? kBootUnified
                         : "boot the kernel with cgroup_no_v1=all and mount cgroup2 on /sys/fs/cgroup";
  return verdict;
}

LimitVerdict OfSystemd(const CgroupHost& host, std::string_view controller) {
  LimitVerdict verdict;
  verdict.reason = "systemd has not delegated the " + std::string(controller) + " controller to user " +
                   std::to_string(host.uid);
  verdict.who = kAdministrator;
  verdict.remedy =
      "create /etc/systemd/system/user@.service.d/delegate.conf with the lines \"[Service]\" and "
      "\"Delegate=cpu cpuset io memory pids\", run systemctl daemon-reload, and log in again";
  return verdict;
}

LimitVerdict OfOwn(const CgroupHost& host, std::string_view controller) {
  const std::string name(controller);
  LimitVerdict verdict;
  if (std::ranges::find(host.missing_here, controller) == host.missing_here.end()) {
    verdict.reason = "the cgroup " + host.base + " does not have the " + name + " controller";
    verdict.who = kAdministrator;
    verdict.remedy = "add +" + name + " to cgroup.subtree_control of every cgroup above it";
    return verdict;
  }
  verdict.reason = "the cgroup " + host.base + " has processes of its own, so the kernel hands its " + name +
                   " controller down to none below";
  verdict.who = kUser;
  verdict.remedy =
      "name an empty cgroup that is yours by --cgroup-parent, or let wolffia move those processes "
      "into one of their own by cgroups.move_own = true in wolffia.toml";
  return verdict;
}

LimitVerdict OfNone(const CgroupHost& host) {
  LimitVerdict verdict;
  if (host.systemd) {
    verdict.reason = "no systemd of user " + std::to_string(host.uid) +
                     " can be reached here ($XDG_RUNTIME_DIR has neither systemd/private nor a bus)";
    verdict.who = kUser;
    verdict.remedy =
        "log in by ssh or on the console rather than by su, or run loginctl enable-linger and set "
        "XDG_RUNTIME_DIR=/run/user/" +
        std::to_string(host.uid);
    return verdict;
  }
  verdict.reason = host.base.empty() ? "the cgroup that this process is in cannot be seen here"
                                     : "the cgroup " + host.base + " is not yours to make others in";
  verdict.who = kAdministrator;
  verdict.remedy = "make a cgroup, give its directory, cgroup.procs and cgroup.subtree_control to user " +
                   std::to_string(host.uid) + ", and start the session in it";
  return verdict;
}

Result<> CheckParent(const CgroupHost& host, const CgroupConfig& config) {
  if (config.parent.empty()) return {};
  const bool slice = config.parent.ends_with(".slice");
  const std::string flag = "--cgroup-parent " + config.parent;
  using enum CgroupHost::Way;
  if (host.way == kSystemd && !slice)
    return Fail(Code::kInvalid, flag +
                                    ": the user's systemd makes the cgroups here; name a slice, such as "
                                    "work.slice, or the path of a cgroup of yours from /");
  if (host.way == kOwn && slice)
    return Fail(Code::kInvalid,
                flag +
                    ": slices are systemd's, which cannot be reached here; name the path of a "
                    "cgroup of yours");
  if (host.way != kNone) return {};
  const LimitVerdict verdict = SupportOf(host, "memory");
  return Fail(Code::kUnsupported, flag + ": no cgroup can be made here, as " + verdict.reason +
                                      ". Remedy, for " + verdict.who + ": " + verdict.remedy);
}

}  // namespace

LimitVerdict SupportOf(const CgroupHost& host, std::string_view controller) {
  if (host.way != CgroupHost::Way::kNone && host.Has(controller)) {
    LimitVerdict verdict{true, "", "", ""};
    verdict.reason =
        host.way == CgroupHost::Way::kSystemd
            ? "systemd delegates the " + std::string(controller) + " controller"
            : "the cgroup " + host.base + " hands the " + std::string(controller) + " controller down";
    return verdict;
  }
  if (host.layout != CgroupHost::Layout::kUnified) return OfOldLayout(host);
  if (host.way == CgroupHost::Way::kSystemd) return OfSystemd(host, controller);
  return host.way == CgroupHost::Way::kOwn ? OfOwn(host, controller) : OfNone(host);
}

Result<> CheckCgroupSupport(const CgroupHost& host, const CgroupConfig& config) {
  TRY(CheckParent(host, config));
  for (const CgroupWrite& write : PlanLimits(config.limits)) {
    if (write.optional) continue;
    if (config.mode == "disabled")
      return Fail(Code::kInvalid,
                  write.flag + " cannot hold without a cgroup: leave --cgroups=disabled out, or the limit");
    const LimitVerdict verdict = SupportOf(host, write.controller);
    if (verdict.holds) continue;
    return Fail(Code::kUnsupported, write.flag + " cannot hold: it needs the " + write.controller +
                                        " controller of cgroup v2, and " + verdict.reason + ". Remedy, for " +
                                        verdict.who + ": " + verdict.remedy);
  }
  return {};
}

CgroupHost::Wish WishOf(const CgroupConfig& config) {
  CgroupHost::Wish wish;
  wish.below_own = config.mode == "split";
  if (!config.parent.ends_with(".slice")) wish.parent = config.parent;
  wish.move_own = config.move_own;
  return wish;
}

}  // namespace wolffia
