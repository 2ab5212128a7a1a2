// What the child of a launch carries from step to step, and the outcome of one. Private to launch_child.cc
// and child_*.cc, which obey the rules of launch_child.h: system calls only.
#pragma once

#include <unistd.h>

#include <cerrno>

#include "engine/runtime/launch_child.h"

namespace wolffia {

struct StepOutcome {
  int os_errno = 0;
  ChildDetail detail = ChildDetail::kNone;
};

inline StepOutcome Failed(int os_errno, ChildDetail detail = ChildDetail::kNone) {
  return {os_errno, detail};
}
// The outcome of a system call that reports by -1.
inline StepOutcome Check(long result, ChildDetail detail = ChildDetail::kNone) {
  return result < 0 ? StepOutcome{errno, detail} : StepOutcome{};
}

// A descriptor that closes itself; the slots and the root live in ChildState instead.
struct Scoped {
  int fd;
  ~Scoped() {
    if (fd >= 0) close(fd);
  }
};

struct ChildState {
  const LaunchPlan& plan;
  ChildMemory& memory;
  int root = -1;         // O_PATH, until PivotRoot
  int mask = -1;         // the empty tmpfs that hides directories, once it is made
  bool entered = false;  // the working directory
  int landlock = -1;     // the ruleset, until it is entered
};

// The steps that build the root file system.
StepOutcome Do(ChildState&, const step::IsolateMounts&);
StepOutcome Do(ChildState&, const step::OpenShared&);
StepOutcome Do(ChildState&, const step::EnterDirectory&);
StepOutcome Do(ChildState&, const step::OpenFuse&);
StepOutcome Do(ChildState&, const step::MountFuse&);
StepOutcome Do(ChildState&, const step::MountMemory&);
StepOutcome Do(ChildState&, const step::OpenSource&);
StepOutcome Do(ChildState&, const step::OpenNull&);
StepOutcome Do(ChildState&, const step::GiveOwner&);
StepOutcome Do(ChildState&, const step::MountOverlay&);
StepOutcome Do(ChildState&, const step::AttachRootfs&);
StepOutcome Do(ChildState&, const step::OpenRoot&);
StepOutcome Do(ChildState&, const step::MountFilesystem&);
StepOutcome Do(ChildState&, const step::BindMount&);
StepOutcome Do(ChildState&, const step::MountOverlayAt&);
StepOutcome Do(ChildState&, const step::WriteFile&);
StepOutcome Do(ChildState&, const step::MakeDirectory&);
StepOutcome Do(ChildState&, const step::MakeSymlink&);
StepOutcome Do(ChildState&, const step::WriteSysctl&);
StepOutcome Do(ChildState&, const step::ReadOnlyPath&);
StepOutcome Do(ChildState&, const step::MaskPath&);
StepOutcome Do(ChildState&, const step::RootAttributes&);
StepOutcome Do(ChildState&, const step::PivotRoot&);
StepOutcome Do(ChildState&, const step::NullStdin&);

// child_terminal.cc.
StepOutcome Do(ChildState&, const step::OpenTerminal&);

// child_landlock.cc.
StepOutcome Do(ChildState&, const step::MakeLandlock&);
StepOutcome Do(ChildState&, const step::AllowPath&);
StepOutcome Do(ChildState&, const step::EnterLandlock&);

// A word to the parent, with a descriptor.
// `pass`: of a filter that lets it through (step::InstallNotifier).
StepOutcome SendToParent(ChildMessage::Kind kind, int fd, uint64_t pass = 0);

// The steps that make the process.
StepOutcome Do(ChildState&, const step::DieWithParent&);
StepOutcome Do(ChildState&, const step::AwaitMaps&);
StepOutcome Do(ChildState&, const step::SetOomScore&);
StepOutcome Do(ChildState&, const step::SendNamespaces&);
StepOutcome Do(ChildState&, const step::NewSession&);
StepOutcome Do(ChildState&, const step::NewKeyring&);
StepOutcome Do(ChildState&, const step::NewCgroupNamespace&);
StepOutcome Do(ChildState&, const step::SendFuse&);
StepOutcome Do(ChildState&, const step::SetHostname&);
StepOutcome Do(ChildState&, const step::RaiseLoopback&);
StepOutcome Do(ChildState&, const step::BecomeRoot&);
StepOutcome Do(ChildState&, const step::OwnStdio&);
StepOutcome Do(ChildState&, const step::SetRlimit&);
StepOutcome Do(ChildState&, const step::HideMemory&);
StepOutcome Do(ChildState&, const step::Hold&);
StepOutcome Do(ChildState&, const step::AwaitGo&);
StepOutcome Do(ChildState&, const step::DropBounding&);
StepOutcome Do(ChildState&, const step::SetIds&);
StepOutcome Do(ChildState&, const step::ChangeDirectory&);
StepOutcome Do(ChildState&, const step::SetUmask&);
StepOutcome Do(ChildState&, const step::SetCapabilities&);
StepOutcome Do(ChildState&, const step::NoNewPrivileges&);
StepOutcome Do(ChildState&, const step::InstallNotifier&);
StepOutcome Do(ChildState&, const step::InstallSeccomp&);
StepOutcome Do(ChildState&, const step::CloseDescriptors&);
StepOutcome Do(ChildState&, const step::Execute&);

}  // namespace wolffia
