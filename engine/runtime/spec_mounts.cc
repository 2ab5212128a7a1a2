#include "engine/runtime/spec_mounts.h"

#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "engine/runtime/fresh_overlays.h"

namespace wolffia {
namespace {

constexpr uint64_t kDefaultShmSize = 65536000;  // bytes, as podman

using Mounts = std::vector<SpecMount>;

bool SharesHostNetwork(const RunRequest& request) {
  return request.network.mode == "host";
}

bool IsUnmasked(const std::string& path, const std::vector<std::string>& unmask) {
  return std::ranges::any_of(unmask, [&](const std::string& pattern) {
    return pattern == "ALL" || fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
  });
}

// sysfs shows the devices of a network namespace, so the kernel mounts a new one only for the owner of ours;
// with the host's network the host's own is bound instead.
void AddSys(const MountInputs& in, Mounts& mounts) {
  if (SharesHostNetwork(in.request))
    mounts.push_back({"/sys", "bind", "/sys", {"rbind", "rprivate", "nosuid", "noexec", "nodev", "rro"}});
  else
    mounts.push_back({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}});
  // The container's own cgroup: what limits it cannot be written from inside (nsdelegate).
  const bool writable = in.systemd || IsUnmasked("/sys/fs/cgroup", in.request.unmask);
  if (in.cgroup2)
    mounts.push_back({"/sys/fs/cgroup",
                      "cgroup",
                      "cgroup",
                      {"nosuid", "noexec", "nodev", "relatime", writable ? "rw" : "ro"}});
  else if (SharesHostNetwork(in.request))  // hides the host's v1 hierarchies, which no namespace confines
    mounts.push_back(
        {"/sys/fs/cgroup", "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev", "ro", "mode=755", "size=0k"}});
}

// Message queues and shared memory go with the ipc namespace. Of a joined one the runtime brings /dev/shm.
void AddIpc(const MountInputs& in, Mounts& mounts) {
  const std::string& ipc = in.request.namespaces.ipc;
  const bool host = ipc == "host";
  if (!host || access("/dev/mqueue", F_OK) == 0)
    mounts.push_back({"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}});
  if (host)
    mounts.push_back({"/dev/shm", "bind", "/dev/shm", {"rbind", "rprivate", "nosuid", "noexec", "nodev"}});
  else if (ipc != "none" && !ipc.starts_with("container:"))
    mounts.push_back({"/dev/shm",
                      "tmpfs",
                      "shm",
                      {"nosuid", "noexec", "nodev", "mode=1777",
                       "size=" + std::to_string(in.request.shm_size.value_or(kDefaultShmSize))}});
}

void AddDev(const MountInputs& in, Mounts& mounts) {
  mounts.push_back({"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}});
  SpecMount pts{
      "/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}};
  if (in.tty_group) pts.options.push_back("gid=5");
  mounts.push_back(std::move(pts));
  AddIpc(in, mounts);
}

// Where systemd wants to write before anything else, as podman gives them.
void AddForSystemd(Mounts& mounts) {
  for (const auto& [path, mode] : {std::pair("/run", "mode=755"), std::pair("/run/lock", "mode=755"),
                                   std::pair("/tmp", "mode=1777"), std::pair("/var/log/journal", "mode=755")})
    if (std::ranges::find(mounts, path, &SpecMount::destination) == mounts.end())
      mounts.push_back({path, "tmpfs", "tmpfs", {"nosuid", "nodev", mode}});
}

// podman's --read-only-tmpfs: the places that programs cannot do without.
void AddScratch(const MountInputs& in, Mounts& mounts) {
  if (!in.request.read_only) return;
  if (in.request.process.scratch) {
    mounts.push_back({"/run", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=755"}});
    mounts.push_back({"/tmp", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=1777"}});
    mounts.push_back({"/var/tmp", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=1777"}});
  }
}

void AddFiles(const MountInputs& in, Mounts& mounts) {
  for (const auto& [source, destination] : in.files) {
    SpecMount mount{destination, "bind", source, {"bind", "rprivate", "nosuid", "nodev", "noexec"}};
    if (in.request.read_only) mount.options.push_back("ro");
    mounts.push_back(std::move(mount));
  }
  if (!in.init_path.empty())
    mounts.push_back({kInitInside, "bind", in.init_path, {"bind", "rprivate", "nosuid", "nodev", "ro"}});
}

bool Has(const std::vector<std::string>& options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

// nosuid and nodev unless the request says otherwise; what is beneath /dev is asked for because it is a
// device.
std::vector<std::string> Hardened(const MountRequest& request) {
  std::vector<std::string> options;
  if (!Has(request.options, "suid")) options.push_back("nosuid");
  bool device = request.source == "/dev" || request.source.starts_with("/dev/");
  if (!device && !Has(request.options, "dev")) options.push_back("nodev");
  for (const std::string& option : request.options)
    if (!Has(options, option)) options.push_back(option);
  return options;
}

Result<SpecMount> Asked(const MountRequest& request) {
  SpecMount mount{request.destination, request.type, request.source, {}};
  if (request.type != "tmpfs") {
    struct stat st;  // a volume is made later, and an image is served at the start
    if (request.type == "bind" && stat(request.source.c_str(), &st) < 0) {
      if (errno == ENOENT || errno == ENOTDIR)
        return Fail(Code::kNotFound, "statfs " + request.source + ": no such file or directory", errno);
      return FailErrno("statfs " + request.source);
    }
    mount.type = request.overlay ? kOverlayType : "bind";
    mount.options = {request.recursive ? "rbind" : "bind",
                     request.propagation.empty() ? "rprivate" : request.propagation};
    if (request.overlay) mount.options.clear();
  } else {
    mount.source = "tmpfs";
    if (!request.propagation.empty()) mount.options.push_back(request.propagation);
  }
  for (std::string& option : Hardened(request)) mount.options.push_back(std::move(option));
  mount.options.push_back(request.read_only ? "ro" : "rw");
  return mount;
}

// A mount of the user's at /dev, /proc or /sys is meant whole: what we would have put below it goes too.
bool Covers(const std::string& asked, const std::string& ours) {
  if (asked == ours) return true;
  return (asked == "/dev" || asked == "/proc" || asked == "/sys") && ours.starts_with(asked + "/") &&
         ours != kInitInside;
}

// Each has its place in the container's directory, by its number among them.
void NumberOverlays(Mounts& mounts) {
  size_t n = 0;
  for (SpecMount& mount : mounts) {
    if (mount.type != kOverlayType) continue;
    mount.options.push_back("upperdir=" + OverlayUpper(n));
    mount.options.push_back("workdir=" + OverlayWork(n));
    n++;
  }
}

ptrdiff_t Depth(const SpecMount& mount) {
  return std::count(mount.destination.begin(), mount.destination.end(), '/');
}

}  // namespace

Result<std::vector<SpecMount>> BuildMounts(const MountInputs& inputs) {
  Mounts ours = {{"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}}}, asked;
  AddSys(inputs, ours);
  AddDev(inputs, ours);
  AddScratch(inputs, ours);
  if (inputs.systemd) AddForSystemd(ours);
  AddFiles(inputs, ours);
  std::set<std::string> seen;
  for (const MountRequest& request : inputs.request.mounts) {
    if (!seen.insert(request.destination).second)
      return Fail(Code::kInvalid, request.destination + ": duplicate mount destination");
    asked.push_back(TRY(Asked(request)));
  }
  std::erase_if(ours, [&](const SpecMount& mount) {
    return std::any_of(asked.begin(), asked.end(),
                       [&](const SpecMount& a) { return Covers(a.destination, mount.destination); });
  });
  ours.insert(ours.end(), asked.begin(), asked.end());
  // Parents before children, else a mount would hide an earlier one; otherwise in their order.
  Mounts ordered;
  for (SpecMount& mount : ours) {
    auto deeper = std::find_if(ordered.begin(), ordered.end(),
                               [&](const SpecMount& other) { return Depth(other) > Depth(mount); });
    ordered.insert(deeper, std::move(mount));
  }
  NumberOverlays(ordered);
  return ordered;
}

std::vector<std::string> MaskedPaths(const std::vector<std::string>& unmask) {
  std::vector<std::string> paths = {"/proc/acpi",        "/proc/asound",   "/proc/interrupts",
                                    "/proc/kcore",       "/proc/keys",     "/proc/latency_stats",
                                    "/proc/sched_debug", "/proc/scsi",     "/proc/timer_list",
                                    "/proc/timer_stats", "/sys/dev/block", "/sys/devices/virtual/powercap",
                                    "/sys/firmware",     "/sys/fs/selinux"};
  std::erase_if(paths, [&](const std::string& path) { return IsUnmasked(path, unmask); });
  return paths;
}

std::vector<std::string> ReadonlyPaths(const std::vector<std::string>& unmask) {
  std::vector<std::string> paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  std::erase_if(paths, [&](const std::string& path) { return IsUnmasked(path, unmask); });
  return paths;
}

}  // namespace wolffia
