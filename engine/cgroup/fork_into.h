// ForkInto: a process of ours that is made in a container's cgroup, for exec. It must not be moved there
// later: until then no limit would bind it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

// As fork(2). `payload`: directory of the container's cgroup (ContainerCgroup::path). Where the kernel does
// not let a process of our own cgroup make one there, because they have no ancestor that is ours, systemd
// moves this process beside the container's monitor first. Where the container has divided its cgroup, as
// systemd does, payload itself holds no processes: then it is made beside `init`, the container's first one.
// The caller must have one thread only.
Result<pid_t> ForkInto(const Context& context, const std::string& payload, pid_t init);

// Where below `payload` a process is, by the text of its /proc/PID/cgroup: "/init.scope"; "" in payload
// itself. kNotFound where it is elsewhere.
Result<std::string> PathBelow(std::string_view payload, std::string_view text);

}  // namespace wolffia
