// BuildSpec: RunRequest + image + host -> OCI runtime spec, with the defaults that users of podman and docker expect:
// mounts of /proc, /sys, /dev, /dev/pts, /dev/shm, /dev/mqueue, masked and read-only paths, capabilities, seccomp
// profile, rlimits, PATH, HOME, HOSTNAME, container=wolffia. Reads the image only through `files`.
#pragma once

#include <functional>
#include <string>

#include "engine/base/context.h"
#include "engine/config/settings.h"
#include "engine/oci/image_config.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/run_request.h"

namespace wolffia {

// A file of the container's root by absolute path, symlinks resolved inside the root; kNotFound if it is missing.
using RootFileReader = std::function<Result<std::string>(const std::string& path)>;

struct SpecInputs {
  const RunRequest& request;
  const ImageConfig& image;
  const MappedIds& ids;
  const HostFacts& host;
  const Settings& settings;
  RootFileReader root_file;      // for /etc/passwd and /etc/group
  std::string container_id;      // 64 hex digits
  std::string container_dir;     // absolute: holds resolv.conf, hosts, hostname to be bound
  std::string network_dir;       // of the container whose network is shared: its hosts and resolv.conf are, too
  std::string init_path;         // --init: wolffia-init beside the program
};

struct BuiltSpec {
  RuntimeSpec spec;
  bool systemd = false;  // it is made for one
  // Files to be written into the container's directory: name -> content ("resolv.conf", "hosts", "hostname").
  std::map<std::string, std::string> files;
};

// Errors name the flag: unknown user (kInvalid, podman's words "unable to find user x: no matching entries in passwd
// file"), missing bind source (kNotFound), no command (kInvalid), unknown capability, malformed ulimit.
Result<BuiltSpec> BuildSpec(const Context& context, const SpecInputs& inputs);

}  // namespace wolffia
