// Why a step of a launch failed, as a sentence: the step's own description, the reason, and the remedy where
// there is one.
#include <cerrno>
#include <cstring>

#include "engine/landlock/uapi.h"
#include "engine/runtime/launcher.h"

namespace wolffia {
namespace {

using namespace step;

std::string_view DetailWords(ChildDetail detail) {
  switch (detail) {
    case ChildDetail::kDestination:
      return "the mount point";
    case ChildDetail::kSource:
      return "the source";
    case ChildDetail::kConfigure:
      return "an option is refused";
    case ChildDetail::kAttributes:
      return "the mount's attributes";
    case ChildDetail::kProcCovered:
      return "mounts inside /proc are refused, because they could hide what protects the host";
    case ChildDetail::kNotOnExpected:
      return "the path leads out of the file system that it must be on, so the image or a mount has tampered "
             "with it";
    case ChildDetail::kNotADevice:
      return "it is not the device that its name says";
    case ChildDetail::kOutsideRoot:
      return "it lies outside the container's root";
    case ChildDetail::kNone:
    case ChildDetail::kInterpreter:
      break;
  }
  return "";
}

struct Remedy {
  int os_errno;
  ChildDetail detail;
  const LaunchPlan& plan;

  std::string operator()(const OpenFuse&) const { return ExplainFuseRefusal(os_errno); }
  std::string operator()(const MountFuse&) const { return ExplainFuseRefusal(os_errno); }
  std::string operator()(const MountOverlay&) const {
    for (const LaunchStep& step : plan.steps)
      if (const auto* enter = std::get_if<EnterDirectory>(&step))
        return ExplainOverlayRefusal(os_errno, enter->path + "/upper") +
               "; a container made with --storage-opt upper=fuse does without it";
    return "";
  }
  std::string operator()(const NewKeyring&) const {
    return os_errno == EDQUOT
               ? "too many keyrings of this user are in use (kernel.keys.maxkeys); end other containers"
               : "";
  }
  std::string operator()(const InstallNotifier& s) const {
    return os_errno == EBUSY ? std::string("wolffia itself runs under a filter that notifies another program, and the "
                                           "kernel has only one such; leave ") +
                                   (s.pass != 0 ? "--seccomp-record" : "bypass=on") + " out"
                             : "";
  }
  std::string operator()(const AllowPath& s) const {
    return os_errno == ENOENT || os_errno == ENOTDIR
               ? "the container has no " + s.path + "; where it may be missing, the Landlock policy writes -" + s.path
               : "";
  }
  std::string operator()(const EnterLandlock&) const {
    return os_errno == E2BIG ? "wolffia itself runs in too many Landlock rulesets (the kernel allows 16)" : "";
  }
  std::string operator()(const SetRlimit&) const {
    return os_errno == EPERM ? "an ordinary user cannot raise a hard limit (see ulimit -H)" : "";
  }
  std::string operator()(const SetOomScore&) const {
    return os_errno == EACCES ? "an ordinary user cannot lower it" : "";
  }
  std::string operator()(const MountFilesystem& s) const {
    if (os_errno == EPERM && (s.type == "proc" || s.type == "sysfs") && detail == ChildDetail::kNone)
      return "parts of the host's own " + s.destination +
             " are hidden, as in a container of docker or podman, and the kernel then refuses a fresh one; "
             "the outer "
             "container must be started with --security-opt unmask=ALL (docker: systempaths=unconfined)";
    if (os_errno == ELOOP && detail == ChildDetail::kDestination)
      return "it must be an ordinary directory, not a symbolic link";
    return "";
  }
  std::string operator()(const OpenSource& s) const {
    if (os_errno == EINVAL && !s.recursive)
      return "it has mounts below it, which only a recursive bind (rbind) may show";
    return "";
  }
  std::string operator()(const OpenTerminal&) const {
    if (detail == ChildDetail::kNotOnExpected || detail == ChildDetail::kNotADevice || os_errno == ENOENT)
      return "a terminal needs the container's own /dev/pts, and a mount or the image has put something else "
             "there";
    return "";
  }
  std::string operator()(const MountOverlayAt& s) const {
    if (os_errno == ENOTDIR) return "the volume option O needs a directory";
    for (const LaunchStep& step : plan.steps)
      if (const auto* enter = std::get_if<EnterDirectory>(&step))
        return ExplainOverlayRefusal(os_errno, enter->path + "/" + s.upper) +
               "; without the volume option O it is not needed";
    return "";
  }
  std::string operator()(const WriteFile&) const {
    return os_errno == EINVAL ? "its owner is not mapped in the container's user namespace" : "";
  }
  std::string operator()(const BindMount&) const {
    return os_errno == ENOSYS ? "this needs Linux 5.12 or later" : "";
  }
  template <typename T>
  std::string operator()(const T&) const {
    return "";
  }
};

bool ForbidsExecution(const LaunchPlan& plan) {
  for (const LaunchStep& step : plan.steps)
    if (const auto* make = std::get_if<MakeLandlock>(&step)) return (make->handled_fs & landlock::kExecute) != 0;
  return false;
}

Error ExplainExecute(const LaunchPlan& plan, const Execute& step, const ChildMessage& message) {
  std::string name = step.argv.empty() ? "" : step.argv[0];
  std::string reason = std::strerror(message.os_errno);
  if (message.detail == ChildDetail::kInterpreter)
    return {Code::kNoCommand, message.os_errno,
            "execute " + name +
                ": the file is there, but the interpreter or dynamic loader that it names is not"};
  if (message.os_errno == ENOENT || message.os_errno == ENOTDIR) {
    bool searched = name.find('/') == std::string::npos;
    return {Code::kNoCommand, message.os_errno,
            searched ? "executable file `" + name + "` not found in $PATH: " + reason
                     : "execute " + name + ": " + reason};
  }
  if (message.os_errno == ENOEXEC) reason += " (not a program of this architecture, or a script without #!)";
  if (message.os_errno == EACCES && ForbidsExecution(plan))
    reason += " (the container's Landlock policy allows what its exec names, the dynamic loader included)";
  return {Code::kNotExecutable, message.os_errno, "execute " + name + ": " + reason};
}

}  // namespace

Error ExplainStep(const LaunchPlan& plan, const ChildMessage& message) {
  if (message.step < 0 || static_cast<size_t>(message.step) >= plan.steps.size())
    return {Code::kIo, 0, "the container's first process sent a malformed message"};
  const LaunchStep& step = plan.steps[static_cast<size_t>(message.step)];
  if (const auto* execute = std::get_if<Execute>(&step)) return ExplainExecute(plan, *execute, message);
  std::string sentence = Describe(step) + ": ";
  if (std::string_view words = DetailWords(message.detail); !words.empty())
    sentence.append(words).append(": ");
  sentence += std::strerror(message.os_errno);
  if (std::string remedy = std::visit(Remedy{message.os_errno, message.detail, plan}, step); !remedy.empty())
    sentence += "; " + remedy;
  // To users a command without its directory is one that cannot be executed.
  const bool command = std::holds_alternative<ChangeDirectory>(step);
  return {command ? Code::kNotExecutable : CodeOfErrno(message.os_errno), message.os_errno, sentence};
}

}  // namespace wolffia
