#include <sys/mount.h>

#include "engine/landlock/ruleset.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/kernel_names.h"
#include "engine/runtime/launch_plan.h"

namespace wolffia {
namespace {

using namespace step;

std::string Octal(uint32_t mode) {
  std::string digits;
  do digits.insert(digits.begin(), static_cast<char>('0' + (mode & 7)));
  while ((mode >>= 3) != 0);
  return "0" + digits;
}

std::string Join(const std::vector<std::string>& words, std::string_view separator) {
  std::string all;
  for (const std::string& word : words) {
    if (!all.empty()) all += separator;
    all += word;
  }
  return all;
}

std::string Parenthesised(const std::vector<std::string>& words) {
  return words.empty() ? "" : " (" + Join(words, ",") + ")";
}

std::string Owner(uint32_t uid, uint32_t gid) {
  return std::to_string(uid) + ":" + std::to_string(gid);
}

std::string CapabilitySet(uint64_t set) {
  std::vector<std::string> names;
  for (int n = 0; n < 64; n++)
    if ((set >> n & 1) != 0) names.emplace_back(CapabilityName(n).substr(4));
  return names.empty() ? "none" : Join(names, ",");
}

std::string Limit(uint64_t value) {
  return value == ~uint64_t{0} ? "unlimited" : std::to_string(value);
}

struct Describer {
  std::string operator()(const DieWithParent&) const { return "die with the monitor"; }
  std::string operator()(const AwaitMaps&) const { return "wait for the id maps"; }
  std::string operator()(const SetOomScore& s) const {
    return "set oom_score_adj to " + std::to_string(s.value);
  }
  std::string operator()(const SendNamespaces&) const { return "hand the namespaces to the monitor"; }
  std::string operator()(const NewSession&) const { return "start a new session"; }
  std::string operator()(const NewKeyring&) const { return "start a new session keyring"; }
  std::string operator()(const IsolateMounts& s) const {
    return std::string("make the host's mounts ") + (s.slave ? "slaves" : "private");
  }
  std::string operator()(const NewCgroupNamespace&) const { return "make a cgroup namespace"; }
  std::string operator()(const OpenShared& s) const {
    return "open " + s.path + " of the container whose namespaces are joined";
  }
  std::string operator()(const EnterDirectory& s) const {
    return "enter the container's directory " + s.path;
  }
  std::string operator()(const OpenFuse&) const { return "open /dev/fuse"; }
  std::string operator()(const MountFuse& s) const {
    return std::string("mount ") + (s.read_only ? "the image's layers" : "the root file system") +
           " (fuse) on " + s.target + " (" + s.options + ")";
  }
  std::string operator()(const MountMemory& s) const {
    return "mount tmpfs on " + s.target + " (" + s.options + ") for the upper";
  }
  std::string operator()(const SendFuse& s) const {
    return std::string("hand the descriptor") + (s.memory ? "s of fuse and of the upper" : " of fuse") +
           " to the monitor";
  }
  std::string operator()(const OpenSource& s) const {
    return "open " + s.source + (s.recursive && !s.device ? " with its mounts" : "");
  }
  std::string operator()(const OpenNull&) const { return "open /dev/null"; }
  std::string operator()(const SetHostname& s) const {
    return (s.domain ? "set the domain name to " : "set the hostname to ") + s.name;
  }
  std::string operator()(const RaiseLoopback&) const { return "raise the loopback interface"; }
  std::string operator()(const BecomeRoot& s) const {
    return "become " + Owner(s.uid, s.gid) + " of the user namespace";
  }
  std::string operator()(const GiveOwner& s) const {
    return "give " + s.path + " mode " + Octal(s.mode) + " and owner " + Owner(s.uid, s.gid);
  }
  std::string operator()(const MountOverlay& s) const {
    return "mount overlay on " + s.target + " (" + s.options + ")";
  }
  std::string operator()(const AttachRootfs& s) const { return "attach the root directory to " + s.target; }
  std::string operator()(const OpenRoot& s) const { return "open the root file system " + s.path; }
  std::string operator()(const MountFilesystem& s) const {
    std::vector<std::string> words = AttributeNames(s.attributes);
    for (const auto& [name, value] : s.options) words.push_back(value.empty() ? name : name + "=" + value);
    return "mount " + s.type + " on " + s.destination + Parenthesised(words);
  }
  std::string operator()(const BindMount& s) const {
    std::vector<std::string> words = AttributeNames(s.attributes);
    if (!words.empty() && s.recursive) words.push_back("recursive");
    if (s.propagation != 0) words.push_back(PropagationName(s.propagation));
    return "bind " + s.source + " on " + s.destination + Parenthesised(words);
  }
  std::string operator()(const MountOverlayAt& s) const {
    return "mount an overlay with the upper " + s.upper + " on " + s.destination +
           Parenthesised(AttributeNames(s.attributes));
  }
  std::string operator()(const WriteFile& s) const {
    return "write a secret to " + (s.bound_on.empty() ? s.path : s.bound_on) + " for " + Owner(s.uid, s.gid) +
           " (" + Octal(s.mode) + ")";
  }
  std::string operator()(const MakeDirectory& s) const {
    return "make the directory " + s.path + " (" + Octal(s.mode) + ")";
  }
  std::string operator()(const MakeSymlink& s) const { return "link " + s.path + " to " + s.target; }
  std::string operator()(const WriteSysctl& s) const { return "write " + s.value + " to " + s.path; }
  std::string operator()(const ReadOnlyPath& s) const { return "make " + s.path + " read-only"; }
  std::string operator()(const MaskPath& s) const { return "mask " + s.path; }
  std::string operator()(const RootAttributes& s) const {
    std::string words = s.read_only ? "read-only" : "";
    if (s.propagation != 0) words += (words.empty() ? "" : " and ") + PropagationName(s.propagation);
    return "make the root file system " + words;
  }
  std::string operator()(const PivotRoot&) const { return "leave the host's root file system"; }
  std::string operator()(const NullStdin&) const { return "read standard input from /dev/null"; }
  std::string operator()(const OwnStdio& s) const {
    return "give the standard streams to " + Owner(s.uid, s.gid);
  }
  std::string operator()(const OpenTerminal& s) const {
    return "open a terminal for " + Owner(s.uid, s.gid) + (s.console ? ", also as /dev/console" : "");
  }
  std::string operator()(const SetRlimit& s) const {
    return "set " + s.name + " to " + Limit(s.soft) + ":" + Limit(s.hard);
  }
  std::string operator()(const HideMemory&) const { return "forbid tracing"; }
  std::string operator()(const Hold&) const { return "hold the root file system"; }
  std::string operator()(const AwaitGo& s) const {
    return s.joinable ? "wait for the monitor, with a root that others may enter" : "wait for the monitor";
  }
  std::string operator()(const MakeLandlock& s) const {
    std::vector<std::string> kinds;
    if (s.handled_fs != 0) kinds.push_back("files: " + LandlockAccessWords(s.handled_fs));
    if (s.handled_net != 0) kinds.push_back(std::to_string(s.ports.size()) + " TCP ports");
    if (s.scoped != 0) kinds.push_back("scopes");
    return "make a Landlock ruleset (" + Join(kinds, "; ") + ")";
  }
  std::string operator()(const AllowPath& s) const {
    return "allow by Landlock to " + LandlockAccessWords(s.access) + " " + s.path;
  }
  std::string operator()(const EnterLandlock&) const { return "enter the Landlock ruleset"; }
  std::string operator()(const DropBounding& s) const {
    return "drop the bounding capabilities except " + CapabilitySet(s.keep);
  }
  std::string operator()(const SetIds& s) const {
    std::vector<std::string> groups;
    for (gid_t g : s.groups) groups.push_back(std::to_string(g));
    return "become user " + Owner(s.uid, s.gid) +
           (!s.set_groups    ? " with the groups as they are"
            : groups.empty() ? " with no other groups"
                             : " with groups " + Join(groups, ","));
  }
  std::string operator()(const ChangeDirectory& s) const {
    return "enter the working directory " + s.path + (s.again ? " as the user, if root could not" : "");
  }
  std::string operator()(const SetUmask& s) const { return "set the umask to " + Octal(s.mask); }
  std::string operator()(const SetCapabilities& s) const {
    std::string text = "set the capabilities: effective " + CapabilitySet(s.effective);
    if (s.permitted != s.effective) text += "; permitted " + CapabilitySet(s.permitted);
    if (s.inheritable != 0) text += "; inheritable " + CapabilitySet(s.inheritable);
    if (s.ambient != 0) text += "; ambient " + CapabilitySet(s.ambient);
    return text;
  }
  std::string operator()(const NoNewPrivileges&) const { return "allow no new privileges"; }
  std::string operator()(const InstallNotifier& s) const {
    return s.pass != 0 ? "install the filter that reports system calls"
                       : "install the filter of the network's fast path";
  }
  std::string operator()(const InstallSeccomp&) const { return "install the seccomp filter"; }
  std::string operator()(const CloseDescriptors&) const { return "close all other descriptors"; }
  std::string operator()(const Execute& s) const {
    return "execute " + (s.argv.empty() ? "nothing" : s.argv[0]);
  }
};

}  // namespace

std::string Describe(const LaunchStep& step) {
  return std::visit(Describer(), step);
}

std::string DescribePlan(const LaunchPlan& plan) {
  std::string text;
  for (size_t i = 0; i < plan.steps.size(); i++)
    text += std::to_string(i) + " " + Describe(plan.steps[i]) + "\n";
  return text;
}

}  // namespace wolffia
