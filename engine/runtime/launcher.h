// Launcher: the parent's side of a start (the dialogue is in launch_child.h): one clone3 with all namespaces,
// the id maps, the descriptor of the layers, and the child's failure turned into a sentence. Destroying it
// kills the child.
#pragma once

#include <functional>
#include <memory>

#include "engine/base/process.h"
#include "engine/base/socket.h"
#include "engine/runtime/id_map_writer.h"
#include "engine/runtime/launch_child.h"

namespace wolffia {

class Launcher {
 public:
  // The child exists and waits; the map helpers run. The caller must have one thread only. `plan` must stay.
  static Result<Launcher> Begin(const LaunchPlan& plan, const HostFacts& host);

  // Of a process in namespaces that exist, which we have joined: no maps, no root, and it does not wait for
  // Go.
  static Result<Launcher> BeginInside(const LaunchPlan& plan);

  Result<> FinishMaps();  // the maps are written and the child works
  struct Served {
    Fd fuse;
    Fd memory;  // the tmpfs of a FUSE upper in memory
  };
  Result<Served> AwaitFuse();  // of a layered root
  Result<Fd> AwaitTerminal();  // its master, where the plan opens one; before AwaitReady
  Result<Fd> AwaitReady();     // the root stands; its /proc, if there is one
  Result<> Go();               // the command has been executed
  Result<> AwaitExecuted();    // the same, of a plan without AwaitGo

  const Child& child() const { return child_; }
  Child TakeChild() { return std::move(child_); }
  // Whoever takes the notifier at once, before the child goes on; by default TakeNotifier has it at the end.
  void WhenNotified(std::function<Result<>(Fd)> take) { take_notifier_ = std::move(take); }
  Fd TakeNotifier() { return std::move(notifier_); }  // after Go or AwaitExecuted, of a plan with a notifier
  Fd TakeUserNamespace() { return std::move(user_namespace_); }
  Fd TakeNetNamespace() { return std::move(net_namespace_); }
  Fd TakeMountNamespace() { return std::move(mount_namespace_); }  // -1 where the child was seen ending

 private:
  Launcher() = default;
  Result<Packet> Receive(ChildMessage::Kind expected);
  Result<> ReceiveNamespaces();  // of a hidden child
  bool IsEnding(const Error& error) const;
  std::unexpected<Error> ExplainEnd();
  Error ExplainDeath();

  const LaunchPlan* plan_ = nullptr;
  Child child_;
  Fd socket_, notifier_;
  std::function<Result<>(Fd)> take_notifier_;
  Fd user_namespace_, net_namespace_, mount_namespace_;
  IdMapWriter maps_;
};

// The sentence for a step that failed. Pure but for the reasons that host_facts.h looks up.
Error ExplainStep(const LaunchPlan& plan, const ChildMessage& message);

}  // namespace wolffia
