// Containers on disk. A container is a directory; its state is derived from a lock and two files, never
// stored: running = its lock is held; exited = exit.json exists; crashed = only started.json exists; created
// = neither. What a running one is at (paused, restarting ...) is in live.json.
//
// It is made in staging (tmp/<first 16 digits of its id>/container) with its lock held from the start, and
// appears by one rename. It is removed by renaming it to tmp/<id>.gone, then its name claim, then its files.
// tmp/<id>.rm marks an auto-remove container for as long as it exists, so that Sweep need not read every
// record.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/lock.h"
#include "engine/cgroup/resource_limits.h"
#include "engine/oci/runtime_spec.h"
#include "network/parts.h"
#include "storage/container_parts.h"
#include "storage/store.h"

namespace wolffia {

enum class ContainerState { kCreated, kRunning, kExited, kCrashed };

// What the monitor of a container is at. kMounted: its root stands for cp and the like, and nothing runs.
enum class Phase { kNone, kRunning, kInitialized, kPaused, kRestarting, kStopping, kMounted };
std::string_view PhaseName(Phase phase);  // "" "running" "initialized" ...

struct ContainerRecord {  // config.json; changed by container_edit.h only
  std::string id;         // 64 hexadecimal digits
  std::string name;
  std::string image_name;
  Digest image_id, chain;
  std::vector<Digest> diff_ids;
  std::vector<std::string> command;     // as run: entrypoint and arguments
  std::vector<std::string> entrypoint;  // what the command begins with, of a flag or of the image
  std::string upper = "kernel";         // driver chosen at create: "kernel" or "fuse"
  uint64_t size = 0, inodes = 0;        // limits of the upper; 0: none
  bool memory = false;                  // the upper lies in a tmpfs and ends with the container
  bool interactive = false;             // it gets standard input when it is started in the foreground
  std::string rootfs;                   // --rootfs: a host directory; then image fields are empty
  bool auto_remove = false;
  std::string network = "none", userns, platform;  // the network's mode, as people see it
  NetworkConfig network_config;
  int64_t created_ns = 0;
  std::map<std::string, std::string> labels, annotations;

  bool tty = false, detached = false;   // made by run -d
  bool stdin_once = false;              // its input ends with the first client's (run -i, not -d)
  std::string stop_signal = "SIGTERM";  // flag, else the image's STOPSIGNAL
  int stop_timeout = 10;                // seconds; negative: for ever
  int timeout = 0;                      // seconds; 0: none
  std::string restart_policy;           // "" "no" "always" "on-failure" "unless-stopped"
  int restart_retries = 0;              // of on-failure; 0: no limit
  LogConfig log;
  std::optional<HealthConfig> health;
  std::vector<VolumeUse> volumes;
  std::vector<ImageUse> images;              // mounted: number n is served at images/<n>
  std::vector<SecretUse> secrets;            // data in containers/<id>/secrets/
  std::string pid_file, monitor_pid_file;    // --pidfile, --conmon-pidfile
  std::string pid_mode, ipc_mode, uts_mode;  // "" private, "host", "container:<full id>"
  std::vector<std::string> create_command;   // argv; never values of secrets
  std::vector<std::string> ports;            // EXPOSE
  std::vector<std::string> mounts;           // where the user's mounts and volumes are, inside
  std::string id_file;                       // --cidfile, as typed
  bool passwd = true;                        // a user without an entry got one
  CgroupConfig cgroup;
};

struct StartedRecord {           // started.json, by the monitor
  int pid = 0, monitor_pid = 0;  // host pids
  int64_t started_ns = 0;
  int64_t monitor_ticks = 0;  // start time of the monitor, field 22 of /proc/PID/stat
  std::string boot_id;
  int restarts = 0;
  std::string cgroup;  // directory of its payload's cgroup; empty: it has none
};

struct ExitRecord {   // exit.json, by the monitor
  int exit_code = 0;  // as a shell counts it
  int64_t finished_ns = 0;
  std::string error;     // why it did not start; empty if it ran
  bool stopped = false;  // by the user: no policy starts it again
  bool oom = false;
  int restarts = 0;
  int64_t log_lost = 0;  // bytes of output that a full disk did not take
};

// live.json, by the monitor, while it is not plainly running, has a health check or has lost output. Counts
// only while the lock is held.
struct LiveRecord {
  Phase phase = Phase::kRunning;
  std::optional<HealthState> health;
  int restarts = 0;
  int64_t next_ns = 0;   // when it is started again, CLOCK_REALTIME
  int64_t log_lost = 0;  // as in ExitRecord
};

struct ContainerStatus {
  ContainerRecord record;
  ContainerState state = ContainerState::kCreated;
  std::optional<StartedRecord> started;
  std::optional<ExitRecord> exited;
  Phase phase = Phase::kNone;  // kNone unless its lock is held
  std::optional<LiveRecord> live;
};

// podman's words: created initialized running paused restarting stopping exited. A crashed one has exited;
// one that is only mounted is what it was before.
std::string_view StateName(const ContainerStatus& status);

// A container that was just made, or taken to be started again: its directory has its final name and its lock
// is held by us, to be donated to the monitor.
struct NewContainer {
  std::string id;
  std::string directory;  // absolute
  FileLock lock;
};

// Further files of a container's directory: name -> content ("hosts", "resolv.conf"), readable for everyone
// inside; those in "secrets/" for the user alone.
using ContainerFiles = std::map<std::string, std::string>;

// What a listing looks at; each file that it does not read makes it quicker.
struct ListScope {
  bool held_only = false;  // only containers whose lock is held: of the others nothing else is looked at
  // Also when those that have ended were started, and how those that run ended the last time.
  bool history = true;
};

class ContainerStore {
 public:
  explicit ContainerStore(const Store& store) : store_(store) {}

  // Claims the name (kExists names the holder; a claim without a container is stale and taken over), writes
  // config.json and spec.json in staging, then renames. Auto-remove containers are marked so that Sweep can
  // remove one whose monitor and CLI were both killed. An empty record.name gets a random one
  // (adjective_name, as the peers), an empty record.id too. kNotFound if the image was removed meanwhile. On
  // a full disk nothing is left behind. `starts_now` false: it waits for Take, and is not marked before.
  Result<NewContainer> Create(ContainerRecord record, const RuntimeSpec& spec,
                              const ContainerFiles& files = {}, bool starts_now = true) const;

  // Takes the lock of a container that does not run, to start it; nullopt if somebody has it. With
  // `starts_now` false to put its root up only: then it is in phase kMounted, until the lock is free or it is
  // taken again, and an auto-remove one is not marked.
  Result<std::optional<NewContainer>> Take(const std::string& id, bool starts_now = true) const;

  // Newest first; takes no lock.
  Result<std::vector<ContainerStatus>> List(const ListScope& scope = {}) const;
  // Who shares namespaces of whom (--pid=container:NAME and its like): the other one's id -> those that name
  // it.
  Result<std::multimap<std::string, std::string>> Sharers() const;
  Result<ContainerStatus> Get(const std::string& id) const;
  Result<RuntimeSpec> ReadSpec(const std::string& id) const;  // what it was made with
  // What an error is to be called that came of work on a container: that it is gone, if it is, else the
  // error.
  Error OrGone(const std::string& id, Error error) const;
  // A name, an id, or a unique prefix of an id. kNotFound: podman's words, `no container with name or ID "x"
  // found: no such container`.
  Result<std::string> Lookup(std::string_view typed) const;

  // A container that is started again has no exit record any more.
  Result<> WriteStarted(const std::string& id, const StartedRecord& record) const;
  Result<> WriteExit(const std::string& id, const ExitRecord& record) const;
  Result<> WriteLive(const std::string& id, const LiveRecord& record) const;  // not durable
  // network.json: what the network of a running container is. Not durable; counts only while it runs.
  Result<> WriteNetwork(const std::string& id, const NetworkState& state) const;
  Result<NetworkState> ReadNetwork(const std::string& id) const;  // kNotFound: it has none
  void RemoveLive(const std::string& id) const;

  // Removes a container that does not run (kBusy if its lock is held): claim, directory. Files that the user
  // does not own (other ids of a kernel upper) give kDenied with os_errno EACCES or EPERM: the caller then
  // removes the tree inside a user namespace (runtime) and calls again. The renamed directory is left in tmp/
  // meanwhile; its path relative to the root is put into `left_over`. A container that is gone already is no
  // error. `lock_is_ours`: the caller holds the container's lock, and keeps it until this returns. Its
  // anonymous volumes go too if `volumes` is set, and always with an auto-remove container.
  Result<> Remove(const std::string& id, std::string* left_over = nullptr, bool lock_is_ours = false,
                  bool volumes = false) const;

  // Removes auto-remove containers that nobody runs any more, and finishes removals that were interrupted.
  // Cheap when there are none. What the user may not remove is added to `left_over`, as for Remove.
  Result<> Sweep(std::vector<std::string>* left_over = nullptr) const;

  std::string DirectoryOf(const std::string& id) const;  // absolute

  // In the runtime directory: counters of the container's FUSE requests (fuse_counters.h), from its last
  // start until it is removed.
  std::string CountersPath(const std::string& id) const { return store_.runroot_path() + "/counters/" + id; }

 private:
  const Store& store_;
};

}  // namespace wolffia
