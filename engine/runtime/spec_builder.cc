#include "engine/runtime/spec_builder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/file.h"
#include "engine/config/landlock_file.h"
#include "engine/oci/quote.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/environment.h"
#include "engine/runtime/landlock_annotation.h"
#include "engine/runtime/landlock_default.h"
#include "engine/runtime/passwd.h"
#include "engine/runtime/seccomp.h"
#include "engine/runtime/spec_mounts.h"
#include "engine/runtime/text_fields.h"
#include "engine/runtime/time_zone.h"
#include "engine/runtime/ulimit.h"
#include "network/bypass_policy.h"
#include "network/host_files.h"

namespace wolffia {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kMaxEnvFileBytes = 4 << 20;
constexpr size_t kMaxProfileBytes = 4 << 20;

bool MapsId(const std::vector<SpecIdMapping>& map, uint32_t id) {
  return std::any_of(map.begin(), map.end(), [&](const SpecIdMapping& m) {
    return id >= m.container_id && id - m.container_id < m.size;
  });
}

// --- Identity ---

// The image's user files, as they are and as the container gets them.
struct UserFiles {
  std::string passwd, group;
};

Result<std::string> TextOrNothing(const RootFileReader& reader, const char* path) {
  Result<std::string> text = reader(path);
  if (text || text.error().code == Code::kNotFound) return text.value_or("");
  return text;
}

// The flag, else with keep-id the user who runs us, else the image's user.
std::string WantedUser(const SpecInputs& in) {
  if (!in.request.user.empty()) return in.request.user;
  if (in.ids.keep_id) return std::to_string(in.ids.keep_uid) + ":" + std::to_string(in.ids.keep_gid);
  return in.image.user;
}

Result<ContainerUser> ResolveUser(const SpecInputs& in, const UserFiles& files) {
  ContainerUser user = TRY(LookupUser(WantedUser(in), files.passwd, files.group));
  auto unmapped = [&](const char* what, uint32_t id) {
    return Fail(Code::kUnsupported,
                std::string(what) + " id " + std::to_string(id) +
                    " is not mapped in the container's user namespace: choose another --user or "
                    "--userns, or ask an administrator for subordinate ids");
  };
  if (!MapsId(in.ids.maps.uids, user.uid)) return unmapped("user", user.uid);
  if (!MapsId(in.ids.maps.gids, user.gid)) return unmapped("group", user.gid);
  // In a single-id map the kernel denies setgroups; elsewhere an unmapped group is one that no file can have.
  std::erase_if(user.additional_gids,
                [&](uint32_t gid) { return in.ids.maps.single || !MapsId(in.ids.maps.gids, gid); });
  for (const std::string& name : in.request.process.groups) {
    uint32_t gid = TRY_WITH(LookupGroup(name, files.group), "--group-add");
    if (in.ids.maps.single)
      return Fail(
          Code::kUnsupported,
          "--group-add " + name +
              ": in a container with a single id the kernel allows no other groups; ask an administrator "
              "for subordinate ids, or give --group-add keep-groups to keep your own");
    if (!MapsId(in.ids.maps.gids, gid)) return unmapped("group", gid);
    if (gid != user.gid) user.additional_gids.push_back(gid);
  }
  std::ranges::sort(user.additional_gids);
  user.additional_gids.erase(std::ranges::unique(user.additional_gids).begin(), user.additional_gids.end());
  return user;
}

bool IsBeneath(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

// Of a user without an entry: the own home directory where it is mounted at its place, else the working
// directory.
std::string HomeWithoutEntry(const Context& context, const SpecInputs& in, const std::string& cwd) {
  std::string home = in.ids.keep_id ? context.Env("HOME").value_or("") : "";
  if (home.find_first_of(":\n") == std::string::npos)
    for (const MountRequest& mount : in.request.mounts)
      if (home.starts_with('/') && IsBeneath(home, mount.destination)) return home;
  return cwd.find_first_of(":\n") == std::string::npos ? cwd : "/";
}

// A name for the entry of a number: the user's own with keep-id, unless the image has another user of that
// name.
std::string NameForEntry(const SpecInputs& in, uint32_t uid, const UserFiles& files) {
  std::string name = in.host.user_name;
  bool usable = in.ids.keep_id && uid == in.ids.keep_uid && !name.empty() &&
                name.find_first_of(":\n,") == std::string::npos;
  if (usable)
    for (const PasswdEntry& entry : ParsePasswd(files.passwd)) usable = usable && entry.name != name;
  return usable ? name : std::to_string(uid);
}

std::string WithLine(std::string text, const std::string& line) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + line + "\n";
}

// Programs ask who they are: a user without an entry gets one, in a copy of the file that is bound over the
// image's (podman writes the same line into it). `user` gets the entry's home.
void AddMissingEntries(const Context& context, const SpecInputs& in, const UserFiles& files,
                       const std::string& cwd, ContainerUser& user, std::map<std::string, std::string>& out) {
  if (user.uid == 0 || user.in_passwd) return;
  user.home = HomeWithoutEntry(context, in, cwd);
  if (!in.request.process.passwd_entry) return;
  std::string name = NameForEntry(in, user.uid, files);
  out["passwd"] =
      WithLine(files.passwd, name + ":*:" + std::to_string(user.uid) + ":" + std::to_string(user.gid) + ":" +
                                 name + ":" + user.home + ":/bin/sh");
  if (!user.gid_in_group) {
    std::vector<GroupEntry> groups = ParseGroup(files.group);
    bool taken =
        std::any_of(groups.begin(), groups.end(), [&](const GroupEntry& g) { return g.name == name; });
    std::string group = taken ? std::to_string(user.gid) : name;
    out["group"] = WithLine(files.group, group + ":x:" + std::to_string(user.gid) + ":" + name);
  }
}

// --- Process ---

Result<std::vector<std::string>> Arguments(const SpecInputs& in) {
  std::vector<std::string> args = in.request.entrypoint.value_or(in.image.entrypoint);
  std::erase_if(args, [only = args.size() == 1](const std::string& a) { return only && a.empty(); });
  const std::vector<std::string>& image_command = in.image.cmd;
  // An entrypoint of the user's own does not fit the image's arguments.
  const std::vector<std::string> none;
  const std::vector<std::string>& rest =
      !in.request.command.empty() ? in.request.command : (in.request.entrypoint ? none : image_command);
  args.insert(args.end(), rest.begin(), rest.end());
  if (args.empty())
    return Fail(Code::kInvalid, "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
  for (const std::string& word : args)
    if (!IsUtf8Text(word))
      return Fail(Code::kUnsupported, "the command's word " + Quote(word) +
                                          " is not UTF-8, which the spec of a container must be");
  if (in.request.init) args.insert(args.begin(), {kInitInside, "--"});
  return args;
}

Result<std::string> WorkingDirectory(const SpecInputs& in) {
  if (!in.request.working_dir.empty()) {
    if (!in.request.working_dir.starts_with('/'))
      return Fail(Code::kInvalid, "--workdir " + in.request.working_dir + ": must be an absolute path");
    return in.request.working_dir;
  }
  if (in.image.working_dir.empty()) return std::string("/");
  return in.image.working_dir.starts_with('/') ? in.image.working_dir : "/" + in.image.working_dir;
}

// Ours, for --env-host. The host's name is not the container's, and what is no text cannot be in a spec.
void TakeHostVariables(const Context& context, Environment& env) {
  for (const auto& [name, value] : context.env) {
    if (name.empty() || name == "HOSTNAME") continue;
    if (IsUtf8Text(name) && IsUtf8Text(value))
      env.Set(name, value);
    else
      context.Warn("--env-host: " + Quote(name) + " is left out, because it is not UTF-8");
  }
}

Result<std::vector<std::string>> Variables(const Context& context, const SpecInputs& in,
                                           const std::string& hostname, const ContainerUser& user) {
  const ProcessFlags& flags = in.request.process;
  Environment env;
  if (flags.env_host) TakeHostVariables(context, env);
  env.Set("PATH", kDefaultPath);
  env.Set("container", "wolffia");
  if (in.request.terminal.tty) env.Set("TERM", "xterm");
  for (const std::string& entry : in.image.env)
    if (entry.find('=') != std::string::npos)  // a bare name must not take ours
      TRY_WITH(env.Apply(entry, context), "image");
  for (const std::string& entry : in.settings.env) TRY_WITH(env.Apply(entry, context), "run.env");
  if (flags.unset_all_env) env.Clear();
  for (const std::string& name : flags.unset_env) env.Remove(name);
  for (const std::string& entry : flags.env_merge) TRY_WITH(env.Merge(entry), "--env-merge");
  for (const std::string& path : in.request.env_files) {
    std::string text = TRY_WITH(ReadFile(path, kMaxEnvFileBytes), "--env-file");
    TRY_WITH(env.ApplyFile(text, path, context), "--env-file");
  }
  for (const std::string& entry : in.request.env) TRY_WITH(env.Apply(entry, context), "--env");
  env.SetDefault("HOSTNAME", hostname);
  env.SetDefault("HOME", user.home);
  for (const std::string& entry : env.entries())
    if (!IsUtf8Text(entry))
      return Fail(Code::kUnsupported, "environment variable " + Quote(entry.substr(0, entry.find('='))) +
                                          ": its value is not UTF-8, which the spec of a container must be");
  return env.entries();
}

Result<SpecCapabilities> Capabilities(const SpecInputs& in, const ContainerUser& user) {
  SpecCapabilities capabilities;
  capabilities.bounding =
      TRY(ContainerCapabilities(in.request.cap_add, in.request.cap_drop, in.host.last_capability));
  // Ambient and inheritable stay empty: a program that gives root up keeps nothing (CVE-2022-24769).
  if (user.uid == 0) capabilities.effective = capabilities.permitted = capabilities.bounding;
  return capabilities;
}

Result<std::optional<SpecSeccomp>> Seccomp(const SpecInputs& in, const std::vector<std::string>& bounding) {
  std::string source = in.request.seccomp.value_or(in.settings.seccomp_profile);
  if (source == "unconfined") return std::optional<SpecSeccomp>();
  if (source.empty()) return std::optional<SpecSeccomp>(DefaultSeccomp(bounding));
  std::string text = TRY_WITH(ReadFile(source, kMaxProfileBytes), "seccomp profile");
  return std::optional<SpecSeccomp>(
      TRY_WITH(ParseSeccompProfile(text, bounding), "seccomp profile " + source));
}

SharedNamespaces SharedOf(const RunRequest& request) {
  auto other = [](const std::string& mode) {
    return mode == "host" || mode.starts_with("container:") || mode.starts_with("ns:");
  };
  return {other(request.network.mode), other(request.namespaces.pid)};
}

// Once all that the policy is about is in the spec. What this kernel cannot hold is known now.
Result<> AddLandlock(const Context& context, const SpecInputs& in, RuntimeSpec& spec) {
  const std::string source = in.request.landlock.value_or("unconfined");
  std::optional<LandlockPolicy> policy;
  if (source == "default")
    policy = DefaultLandlock(spec, SharedOf(in.request));
  else if (source != "unconfined")
    policy = TRY_WITH(ReadLandlockFile(source), "Landlock policy");
  else
    policy = TRY(LandlockOf(spec));
  if (!policy) return {};
  // A connection of the fast path is made by a process outside of the container.
  if (policy->connect_tcp && UsesBypass(in.request.network))
    return Fail(Code::kInvalid, "Landlock policy " + policy->name +
                                    ": connect-tcp does not hold for connections that the network's fast path "
                                    "makes; leave bypass=on out of --network");
  if (policy->exec && in.request.init) policy->exec->push_back(kInitInside);
  const CompiledLandlock compiled = TRY(CompileLandlock(*policy, LandlockVersion()));
  for (const std::string& lost : compiled.lost)
    context.Warn("Landlock policy " + policy->name + ": this kernel cannot restrict " + lost);
  PutLandlock(*policy, spec);
  return {};
}

// Whether it can be written at the end is known now, as far as that can be.
Result<> CheckRecording(const SpecInputs& in, const RuntimeSpec& spec) {
  const std::string file = TRY(RecordedFile(spec));
  if (file.empty()) return {};
  if (UsesBypass(in.request.network))
    return Fail(Code::kInvalid,
                "--seccomp-record: the kernel asks only one program about system calls, which is the network's fast "
                "path here; leave bypass=on out of --network");
  struct stat st;
  if (stat(file.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return Fail(Code::kInvalid, "--seccomp-record " + file + ": not a regular file");
  const std::string directory = SplitPath(file).first;
  if (access(directory.c_str(), W_OK | X_OK) < 0) return FailErrno("--seccomp-record: write to " + directory);
  return {};
}

Result<SpecProcess> Process(const Context& context, const SpecInputs& in, const std::string& hostname,
                            const std::string& cwd, const ContainerUser& user) {
  SpecProcess process;
  process.user = {.uid = user.uid,
                  .gid = user.gid,
                  .umask = in.request.process.umask.value_or(022),
                  .additional_gids = user.additional_gids};
  process.oom_score_adj = in.request.process.oom_score_adj;
  process.args = TRY(Arguments(in));
  process.env = TRY(Variables(context, in, hostname, user));
  process.cwd = cwd;
  process.capabilities = TRY(Capabilities(in, user));
  process.rlimits = TRY(ContainerLimits(in.request.ulimits, in.settings.default_ulimits, in.host.limits));
  process.no_new_privileges = in.request.no_new_privileges;
  process.terminal = in.request.terminal.tty;
  return process;
}

// --- Names and files ---

// It goes into /etc/hosts and the kernel takes 64 bytes: nothing but what a host name may have.
Result<std::string> Hostname(const SpecInputs& in) {
  const std::string& name = in.request.hostname;
  if (name.empty()) return in.container_id.substr(0, 12);
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  if (name.size() > 64 || name.find_first_not_of(kAllowed) != std::string::npos)
    return Fail(Code::kInvalid,
                "--hostname " + name + ": at most 64 letters, digits, dots, hyphens and underscores");
  return name;
}

std::string ContainerEnv(const SpecInputs& in) {
  std::string text = "engine=\"wolffia-" WOLFFIA_VERSION "\"\n";
  if (!in.request.name.empty()) text += "name=\"" + in.request.name + "\"\n";
  return text + "id=\"" + in.container_id + "\"\nrootless=1\n";
}

Result<> AddHostFiles(const SpecInputs& in, const std::string& hostname,
                      std::map<std::string, std::string>& files) {
  HostFilesRequest request{.hostname = hostname, .name = in.request.name, .network = in.request.network};
  if (in.request.process.hosts_file && in.network_dir.empty()) files["hosts"] = MakeHosts(request);
  files["hostname"] = MakeHostname(request);
  std::optional<std::string> resolver = MakeResolvConf(request);
  if (resolver && in.request.network.resolv_conf) files["resolv.conf"] = std::move(*resolver);
  files["containerenv"] = ContainerEnv(in);
  const std::string& zone = in.request.process.time_zone;
  if (!zone.empty()) files["localtime"] = TRY_WITH(ReadTimeZone(zone), "--tz");
  return {};
}

// A device at its own path is one of the spec's; elsewhere it is a bind mount like any other.
Result<> AddDevices(const SpecInputs& in, RuntimeSpec& spec) {
  for (const DeviceRequest& request : in.request.process.devices)
    for (const DeviceRequest& device : TRY(FindDevices(request)))
      if (device.source == device.destination && device.source.starts_with("/dev/"))
        spec.devices.push_back({device.source, device.block ? "b" : "c"});
      else
        spec.mounts.push_back(
            {device.destination, "bind", device.source, {"bind", "rprivate", "nosuid", "noexec"}});
  return {};
}

// podman's rule: by the name of the command.
bool FitsSystemd(const RunRequest& request, const std::vector<std::string>& args) {
  if (request.systemd != "true") return request.systemd == "always";
  if (args.empty() || request.init) return false;
  static constexpr std::string_view kInits[] = {"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"};
  const std::string name = args[0].substr(args[0].rfind('/') + 1);
  return name == "systemd" || std::ranges::find(kInits, args[0]) != std::end(kInits);
}

Result<std::vector<SpecMount>> Mounts(const SpecInputs& in, const std::map<std::string, std::string>& files,
                                      bool systemd) {
  MountInputs inputs{.request = in.request,
                     .cgroup2 = in.host.cgroup2_mount == "/sys/fs/cgroup",
                     .tty_group = MapsId(in.ids.maps.gids, 5),
                     .files = {},
                     .init_path = in.request.init ? in.init_path : "",
                     .systemd = systemd};
  for (const auto& [name, content] : files)
    inputs.files.emplace_back(in.container_dir + "/" + name,
                              name == "containerenv" ? "/run/.containerenv" : "/etc/" + name);
  if (!in.network_dir.empty())
    for (const char* name : {"hosts", "resolv.conf"})
      if (std::string path = in.network_dir + "/" + name; access(path.c_str(), F_OK) == 0)
        inputs.files.emplace_back(std::move(path), std::string("/etc/") + name);
  return BuildMounts(inputs);
}

std::vector<SpecNamespace> Namespaces(const SpecInputs& in) {
  std::vector<SpecNamespace> namespaces;
  for (const char* type : {"user", "mount"}) namespaces.push_back({type, ""});
  // One that is joined is listed like a new one: whose it is, the runtime finds out at each start.
  const NamespaceFlags& modes = in.request.namespaces;
  if (modes.pid != "host") namespaces.push_back({"pid", ""});
  if (modes.ipc != "host") namespaces.push_back({"ipc", ""});
  if (modes.uts != "host") namespaces.push_back({"uts", ""});
  if (!in.request.cgroup.host_namespace) namespaces.push_back({"cgroup", ""});
  if (in.request.network.mode != "host") namespaces.push_back({"network", ""});
  return namespaces;
}

// Programs of the container's root group may ping, as with podman: the kernel gives a new network namespace
// an empty range.
std::map<std::string, std::string> Sysctls(const SpecInputs& in) {
  std::map<std::string, std::string> sysctls = in.request.process.sysctl;
  if (HasDriver(in.request.network) && MapsId(in.ids.maps.gids, 0))
    sysctls.emplace("net.ipv4.ping_group_range", "0 0");
  return sysctls;
}

}  // namespace

Result<BuiltSpec> BuildSpec(const Context& context, const SpecInputs& inputs) {
  const std::string& network = inputs.request.network.mode;
  if (network != "none" && network != "host" && network != "slirp4netns" && network != "pasta" &&
      network != "bridge" && !network.starts_with("container:") && !network.starts_with("ns:"))
    return Fail(Code::kUnsupported, "--network " + network + ": not supported by this version");
  BuiltSpec built;
  RuntimeSpec& spec = built.spec;
  UserFiles files;
  files.passwd = TRY_WITH(TextOrNothing(inputs.root_file, "/etc/passwd"), "look up the user");
  files.group = TRY_WITH(TextOrNothing(inputs.root_file, "/etc/group"), "look up the user's groups");
  ContainerUser user = TRY(ResolveUser(inputs, files));
  std::string cwd = TRY(WorkingDirectory(inputs));
  const std::string hostname = TRY(Hostname(inputs));
  if (inputs.request.namespaces.uts != "host") spec.hostname = hostname;
  AddMissingEntries(context, inputs, files, cwd, user, built.files);
  TRY(AddHostFiles(inputs, hostname, built.files));
  spec.process = TRY(Process(context, inputs, hostname, cwd, user));
  spec.root_readonly = inputs.request.read_only;
  built.systemd = FitsSystemd(inputs.request, spec.process.args);
  spec.mounts = TRY(Mounts(inputs, built.files, built.systemd));
  TRY(AddDevices(inputs, spec));
  spec.annotations = inputs.request.annotations;
  if (inputs.request.process.keep_groups) spec.annotations["run.oci.keep_original_groups"] = "1";
  spec.sysctl = Sysctls(inputs);
  if (!inputs.request.process.domain_name.empty())
    spec.sysctl["kernel.domainname"] = inputs.request.process.domain_name;
  spec.uid_mappings = inputs.ids.maps.uids;
  spec.gid_mappings = inputs.ids.maps.gids;
  spec.namespaces = Namespaces(inputs);
  spec.masked_paths = MaskedPaths(inputs.request.unmask);
  spec.readonly_paths = ReadonlyPaths(inputs.request.unmask);
  spec.seccomp = TRY(Seccomp(inputs, spec.process.capabilities.bounding));
  TRY(AddLandlock(context, inputs, spec));
  if (!inputs.request.seccomp_record.empty())
    spec.annotations[kRecordAnnotation] = "of:" + inputs.request.seccomp_record;
  TRY(CheckRecording(inputs, spec));
  return built;
}

}  // namespace wolffia
