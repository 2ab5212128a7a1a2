// RunRequest: what a user asked of `run` or `create`, parsed, before it meets image and host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/cgroup/resource_limits.h"
#include "engine/runtime/device_request.h"
#include "engine/runtime/id_map.h"
#include "network/parts.h"
#include "storage/container_parts.h"

namespace wolffia {

struct MountRequest {
  std::string type = "bind";  // bind | tmpfs | volume | image
  std::string source;         // absolute host path (bind)
  std::string name;           // of a volume, empty: a new one; or of an image
  std::string destination;    // absolute path inside
  bool read_only = false;
  bool recursive = true;
  bool chown = false;                 // U: given to the container's user
  bool overlay = false;               // O: changes go to the container, not to the source
  bool no_copy = false;               // a volume is not filled from the image
  std::string propagation;           // "", "private", "rprivate", "slave", "rslave", "shared", "rshared"
  std::vector<std::string> options;  // "nosuid", "nodev", "noexec", "exec", "size=..", "mode=.."
  bool operator==(const MountRequest&) const = default;
};

// -v SRC:DST[:opts] (a relative SRC with "./" or a "/" path; a name would be a volume: kUnsupported until
// volumes exist), --mount type=..,source=..,target=.., --tmpfs DST[:opts]. Pure; existence is checked by the
// spec builder.
Result<MountRequest> ParseVolumeFlag(std::string_view text, std::string_view working_directory);
Result<MountRequest> ParseMountFlag(std::string_view text, std::string_view working_directory);
Result<MountRequest> ParseTmpfsFlag(std::string_view text);
// An absolute path without "//", "." and "..", and no slash at the end.
std::string CleanMountPoint(std::string_view path);

// Where the container's changes to its image go (--storage-opt).
struct StorageRequest {
  std::string upper;              // "kernel", "fuse", "auto"; empty: as the settings say
  bool memory = false;            // in a tmpfs, whatever the driver
  uint64_t size = 0, inodes = 0;  // limits; 0: none
};

// Flags of one area each, read by cmd/run_flags_<area>.cc.
struct LifecycleFlags {
  bool detach = false, replace = false;
  std::string stop_signal;          // empty: the image's
  std::optional<int> stop_timeout;  // seconds; negative: wait for ever
  int timeout = 0;                  // seconds; 0: none
  std::string restart_policy;
  int restart_retries = 0;
};
struct TerminalFlags {
  bool tty = false, sig_proxy = true;
  std::optional<std::vector<std::string>>
      attach;  // of stdin, stdout, stderr; nullopt: what the other flags say
  std::string detach_keys = "ctrl-p,ctrl-q";
};
struct LogFlags {
  LogConfig config;
};
struct HealthFlags {  // over the image's, each by itself
  bool disabled = false;  // --no-healthcheck, --health-cmd=none
  std::vector<std::string> test, startup_test;  // as in an image: CMD, CMD-SHELL; empty: not given
  std::optional<int64_t> interval_ns, timeout_ns, start_period_ns, startup_interval_ns, startup_timeout_ns;
  std::optional<int> retries, startup_retries, startup_success;
  std::string on_failure = "none";
};
struct NamespaceFlags {
  std::string pid, ipc, uts;  // "" a new one, "host", "container:NAME"; ipc also "private" and "none"
};
struct ProcessFlags {
  std::string pid_file, monitor_pid_file;  // absolute
  bool env_host = false, unset_all_env = false;
  std::vector<std::string> env_merge, unset_env;
  std::string time_zone;  // of the host's zones, or "local"; empty: the image's
  std::optional<uint32_t> umask;
  std::vector<std::string> groups;  // names of the image's, or numbers
  bool keep_groups = false;         // the user's own
  std::vector<DeviceRequest> devices;
  std::map<std::string, std::string> sysctl;
  std::optional<int> oom_score_adj;
  std::string domain_name;
  bool passwd_entry = true;  // a user without an entry gets one
  bool hosts_file = true;
  bool scratch = true;  // tmpfs on /run, /tmp and /var/tmp of a read-only root
};
struct VolumeFlags {
  std::vector<SecretUse> secrets;                // ids are filled in when the container is made
  std::vector<std::string> from;                 // --volumes-from CONTAINER[:OPTIONS]
  std::string image_volumes = "anonymous";       // or "tmpfs", "ignore"
};

struct RunRequest {
  std::string name, hostname, working_dir, user;
  std::vector<std::string> command;                    // after the image; replaces Cmd
  std::optional<std::vector<std::string>> entrypoint;  // --entrypoint (a JSON array or one word; "" clears)
  std::vector<std::string> env;                        // "A=b" or "A" (taken from ours), in order
  std::vector<std::string> env_files;
  std::vector<MountRequest> mounts;
  bool read_only = false, interactive = false, auto_remove = false, init = false;
  NetworkConfig network;
  std::set<std::string> exposed_ports;  // --expose: "80/tcp"
  UsernsRequest userns;
  std::vector<std::string> cap_add, cap_drop;  // "NET_ADMIN", "CAP_NET_ADMIN", "ALL"
  std::optional<std::string> seccomp;          // FILE or "unconfined"
  std::string seccomp_record;                  // absolute; empty: nothing is recorded
  std::optional<std::string> landlock;         // FILE, "default" or "unconfined"
  bool no_new_privileges = false;
  std::vector<std::string> unmask;  // paths, patterns of them, or "ALL"
  std::string systemd = "true";     // what --systemd says: "true" where the command is an init, "always", "false"
  std::vector<std::string> ulimits;  // "nofile=1024:2048", "host"
  std::optional<uint64_t> shm_size;  // bytes; default 64 MiB (65,536,000 as the peers)
  std::map<std::string, std::string> labels, annotations;
  StorageRequest storage;
  LifecycleFlags lifecycle;
  TerminalFlags terminal;
  LogFlags log;
  HealthFlags health;
  NamespaceFlags namespaces;
  ProcessFlags process;
  VolumeFlags volumes;
  CgroupConfig cgroup;
};

}  // namespace wolffia
