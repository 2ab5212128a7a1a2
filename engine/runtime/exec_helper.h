// ExecHelper: the process behind one exec. It starts a command in a running container, waits for it, and says
// how it ended (exec_request.h has the dialogue). It stays outside the container: a short-lived copy of it
// joins the namespaces and makes the command's process, which becomes the helper's child by CLONE_PARENT. So
// neither paths nor mounts of the container are ever the helper's.
//
//   helper                        joiner (fork)                       command
//   session file, locked
//   spec, seccomp, secrets   -->  setns (one call, all namespaces)
//                                 user looked up in the container
//                                 clone3(CLONE_PARENT)           -->  the plan's steps, execve
//                            <--  Started, pidfd, master; ends
//   supervises, reports                                               its death: SIGKILL by PDEATHSIG
#pragma once

#include "engine/base/context.h"

namespace wolffia {

// Runs to the end of the command. The exit code is the helper's own.
int RunExecHelper(Context& context);

}  // namespace wolffia
