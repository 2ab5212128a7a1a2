#include "engine/runtime/mount_plan.h"

#include <linux/magic.h>
#include <sys/mount.h>

#include <algorithm>
#include <charconv>

#include "engine/runtime/fresh_overlays.h"
#include "engine/runtime/kernel_names.h"

namespace wolffia {
namespace {

constexpr int kMaxSlots = 200;  // open at once in the child; the usual soft limit of descriptors is 1,024

// Files of procfs that lxcfs and its like cover, the only ones that a mount may (the list is runc's).
constexpr std::string_view kCoverable[] = {"/proc/cpuinfo",
                                           "/proc/diskstats",
                                           "/proc/meminfo",
                                           "/proc/stat",
                                           "/proc/swaps",
                                           "/proc/uptime",
                                           "/proc/loadavg",
                                           "/proc/slabinfo",
                                           "/proc/net/dev",
                                           "/proc/sys/kernel/ns_last_pid",
                                           "/proc/sys/crypto/fips_enabled"};

// File systems that belong to a namespace: without a new one of that kind the kernel refuses a new mount, and
// the host's is what the container is to see.
struct NamespacedType {
  std::string_view type, name_space, host_path;
};
constexpr NamespacedType kNamespaced[] = {
    {"proc", "pid", "/proc"}, {"sysfs", "network", "/sys"}, {"mqueue", "ipc", "/dev/mqueue"}};

struct DefaultDevice {
  const char* path;
  uint32_t major, minor;
};
constexpr DefaultDevice kDefaultDevices[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5},
                                             {"/dev/full", 1, 7},    {"/dev/random", 1, 8},
                                             {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

constexpr std::pair<const char*, const char*> kDevLinks[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},      {"/dev/ptmx", "pts/ptmx"}};

// A mount's options, sorted by what they are for.
struct SortedOptions {
  bool bind = false, recursive = false;
  uint64_t attributes = 0, propagation = 0;
  std::vector<std::pair<std::string, std::string>> rest;
};

SortedOptions Sort(const SpecMount& mount) {
  SortedOptions sorted;
  sorted.bind = mount.type == "bind";
  for (const std::string& option : mount.options) {
    if (option == "bind" || option == "rbind") {
      sorted.bind = true;
      sorted.recursive |= option == "rbind";
    } else if (auto change = AttributeOf(option)) {
      sorted.attributes = (sorted.attributes & ~change->clear) | change->set;
    } else if (auto propagation = PropagationOf(option)) {
      sorted.propagation = *propagation;
    } else if (option != "defaults") {
      size_t equals = option.find('=');
      sorted.rest.emplace_back(option.substr(0, equals),
                               equals == std::string::npos ? "" : option.substr(equals + 1));
    }
  }
  return sorted;
}

class Planner {
 public:
  Planner(const RuntimeSpec& spec, const HostFacts& host, const IdMaps& maps, int first_slot)
      : spec_(spec), host_(host), maps_(maps) {
    plan_.slot_count = first_slot;
  }

  Result<MountPlan> Plan() {
    plan_.null_slot = plan_.slot_count++;
    plan_.sources.push_back(step::OpenNull{plan_.null_slot});
    for (const SpecMount& mount : spec_.mounts)
      if (uint64_t p = Sort(mount).propagation; p == MS_SLAVE || p == MS_SHARED) plan_.slave = true;
    if (spec_.rootfs_propagation.ends_with("slave") || spec_.rootfs_propagation.ends_with("shared"))
      plan_.slave = true;
    for (const SpecMount& mount : spec_.mounts) {
      TRY_WITH(Add(mount), "mount on " + mount.destination);
      if (CleanPath(mount.destination) == "/dev" && mount.type == "tmpfs") FillDev();
    }
    if (plan_.slot_count > kMaxSlots)
      return Fail(Code::kUnsupported, "the container has more than " + std::to_string(kMaxSlots) +
                                          " bind mounts and devices; bind a common parent directory instead");
    return std::move(plan_);
  }

 private:
  Result<> Add(const SpecMount& mount) {
    if (CleanPath(mount.destination) == "/")
      return Fail(Code::kInvalid, "the root itself cannot be a mount point");
    SortedOptions options = Sort(mount);
    if (mount.type == kOverlayType) return AddOverlay(mount, std::move(options));
    if (options.bind) return AddBind(mount.source, mount.destination, options);
    for (const NamespacedType& t : kNamespaced)
      if (mount.type == t.type && !spec_.HasNamespace(t.name_space))
        return AddHostTree(t.host_path, mount.destination, options);
    if (mount.type == "cgroup" || mount.type == "cgroup2") return AddCgroup(mount, options);
    for (std::string_view type : {"proc", "sysfs", "tmpfs", "devpts", "mqueue"})
      if (mount.type == type) return AddFilesystem(mount.type, mount, std::move(options));
    return Fail(Code::kUnsupported,
                "a file system of type \"" + mount.type +
                    "\" can be mounted only by the administrator; bind a directory of it instead");
  }

  Result<> AddFilesystem(const std::string& type, const SpecMount& mount, SortedOptions options) {
    step::MountFilesystem step{type, mount.source.empty() ? type : mount.source, mount.destination, {}, 0,
                               false};
    step.attributes = options.attributes;
    step.ordinary_directory = type == "proc" || type == "sysfs";
    for (auto& [name, value] : options.rest)
      // A group that the namespace does not map (5, tty, in a map of one id) would make the kernel refuse the
      // mount; the group of the first process is what devpts takes without it.
      if (type != "devpts" || name != "gid" || MapsGid(value)) step.options.emplace_back(name, value);
    plan_.mounts.push_back(std::move(step));
    return {};
  }

  Result<> AddBind(const std::string& source, const std::string& destination, const SortedOptions& options) {
    if (!options.rest.empty())
      return Fail(Code::kInvalid, "unknown option \"" + options.rest[0].first + "\" of a bind mount");
    if (!source.starts_with('/'))
      return Fail(Code::kInvalid, "the source " + source + " is not an absolute path");
    int slot = plan_.slot_count++;
    plan_.sources.push_back(step::OpenSource{source, slot, options.recursive, 0, 0, false});
    step::BindMount bind{
        slot, source, destination, options.attributes, options.recursive, options.propagation, false};
    if (bind.propagation == 0 && plan_.slave) bind.propagation = MS_PRIVATE;
    bind.allow_proc = std::ranges::find(kCoverable, CleanPath(destination)) != std::end(kCoverable);
    plan_.mounts.push_back(std::move(bind));
    return {};
  }

  // The source is the lower; upper and work are the container's own, which the engine made
  // (fresh_overlays.h).
  Result<> AddOverlay(const SpecMount& mount, SortedOptions options) {
    step::MountOverlayAt overlay{OverlayUpper(overlays_), OverlayWork(overlays_), mount.destination, 0};
    overlays_++;
    std::erase_if(options.rest, [&](const auto& option) {
      return (option.first == "upperdir" && option.second == overlay.upper) ||
             (option.first == "workdir" && option.second == overlay.work);
    });
    if (!options.rest.empty())
      return Fail(Code::kUnsupported, "an overlay with the option " + options.rest[0].first + "=" +
                                          options.rest[0].second +
                                          ": its upper and work directories are always the container's own");
    overlay.attributes = options.attributes;
    options.recursive = true;  // the kernel lends no directory without what is mounted below it
    options.attributes = 0;
    options.propagation = MS_PRIVATE;
    TRY(AddBind(mount.source, mount.destination, options));
    plan_.mounts.push_back(std::move(overlay));
    return {};
  }

  Result<> AddHostTree(std::string_view source, const std::string& destination, SortedOptions options) {
    options.rest.clear();
    options.recursive = true;
    return AddBind(std::string(source), destination, options);
  }

  // Version 2 where the host has it; else an empty directory: version 1 cannot be delegated to an ordinary
  // user, and programs look for the directory.
  Result<> AddCgroup(const SpecMount& mount, SortedOptions options) {
    options.rest.clear();
    if (host_.cgroup2_mount.empty()) return AddFilesystem("tmpfs", mount, std::move(options));
    if (!spec_.HasNamespace("cgroup")) return AddHostTree(host_.cgroup2_mount, mount.destination, options);
    return AddFilesystem("cgroup2", mount, std::move(options));
  }

  void FillDev() {
    for (const DefaultDevice& device : kDefaultDevices) AddDevice(device.path, device.major, device.minor);
    for (const SpecDevice& device : spec_.devices)
      if (std::ranges::none_of(kDefaultDevices, [&](const auto& d) { return device.path == d.path; }))
        AddDevice(device.path, 0, 0);
    for (const auto& [path, target] : kDevLinks) plan_.mounts.push_back(step::MakeSymlink{path, target});
  }

  void AddDevice(const std::string& path, uint32_t major, uint32_t minor) {
    int slot = plan_.slot_count++;
    plan_.sources.push_back(step::OpenSource{path, slot, false, major, minor, true});
    plan_.mounts.push_back(step::BindMount{slot, path, path, 0, false, 0, false});
  }

  bool MapsGid(const std::string& text) const {
    uint32_t gid = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), gid);
    if (error != std::errc() || end != text.data() + text.size())
      return true;  // the kernel will say what is wrong
    return std::ranges::any_of(maps_.gids, [&](const SpecIdMapping& m) {
      return gid >= m.container_id && gid - m.container_id < m.size;
    });
  }

  const RuntimeSpec& spec_;
  const HostFacts& host_;
  const IdMaps& maps_;
  size_t overlays_ = 0;
  MountPlan plan_;
};

}  // namespace

std::string CleanPath(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
  }
  std::string clean;
  for (std::string_view part : parts) clean.append("/").append(part);
  return clean.empty() ? "/" : clean;
}

Result<MountPlan> PlanMounts(const RuntimeSpec& spec, const HostFacts& host, const IdMaps& maps,
                             int first_slot) {
  return Planner(spec, host, maps, first_slot).Plan();
}

std::vector<LaunchStep> PlanHiddenPaths(const RuntimeSpec& spec, int null_slot) {
  bool proc = std::ranges::any_of(spec.mounts, [](const SpecMount& m) {
    return CleanPath(m.destination) == "/proc" && (m.type == "proc" || m.source == "/proc");
  });
  // What is hidden must be the kernel's own, not what an image put in its way.
  auto file_system = [&](const std::string& path) {
    return static_cast<uint32_t>(proc && CleanPath(path).starts_with("/proc/") ? PROC_SUPER_MAGIC : 0);
  };
  std::vector<LaunchStep> steps;
  for (const std::string& path : spec.readonly_paths)
    steps.push_back(step::ReadOnlyPath{path, file_system(path)});
  for (const std::string& path : spec.masked_paths)
    steps.push_back(step::MaskPath{path, null_slot, file_system(path)});
  return steps;
}

}  // namespace wolffia
