// ExecPlan: what one more process in a running container does between clone3 and execve. It begins where its
// maker has joined the container's namespaces; the end is that of a container's start (launch_process.h).
// Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/landlock/ruleset.h"
#include "engine/runtime/exec_request.h"
#include "engine/runtime/launch_plan.h"

namespace wolffia {

struct ExecInputs {
  const RuntimeSpec& spec;  // of the container
  const ExecRequest& request;
  std::string passwd, group;         // the container's, as they are now
  std::vector<std::string> secrets;  // "NAME=value"
  std::vector<sock_filter> seccomp;
  std::vector<sock_filter> notifier;  // of the network's fast path; empty: none
  LandlockRuleset landlock;           // empty: none
  int last_capability = 40;  // that the kernel knows
  bool has_user = true;      // the container maps the user who runs us
};

// The container's process with another command, and with the user, directory, variables and privileges that
// were asked for. kInvalid in podman's words for an unknown user.
Result<SpecProcess> BuildExecProcess(const ExecInputs& inputs);

// Its clone flags are those of a process that becomes the child of its maker's parent.
Result<LaunchPlan> BuildExecPlan(ExecInputs inputs);

// CLONE_NEW* of the namespaces that the container has of its own, user namespace included.
uint64_t JoinedNamespaces(const RuntimeSpec& spec);

}  // namespace wolffia
