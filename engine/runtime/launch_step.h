// LaunchStep: one thing that a container's first process does between clone3 and execve. A plan is a list of
// them; the order of the list is the order of execution and of the golden files. Every string, number and
// program is materialised before clone3: the child only walks the list (launch_child.h).
//
// Paths named `destination` or `path` of a step that comes after OpenRoot are the container's: resolved
// beneath its root, whatever symlinks the image has. Paths named `source` are the host's.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace wolffia::step {

// --- With the ids of the user who started us ---
struct DieWithParent {};  // PR_SET_PDEATHSIG; the kernel forgets it when ids change, so it comes twice
struct AwaitMaps {};      // the parent has written uid_map and gid_map
struct SetOomScore {      // before BecomeRoot: afterwards the kernel gives /proc/self to the host's root
  int value = 0;
};
// User, network and mount, to a monitor that may not look at us (LaunchPlan::hidden).
struct SendNamespaces {};
struct NewSession {};   // setsid
struct NewKeyring {};   // else the container possesses the user's session keyring
struct IsolateMounts {  // propagation of everything that was copied from the host
  bool slave = false;   // mounts that the host makes later appear in bind mounts
};
struct NewCgroupNamespace {};  // whose root is the cgroup that the child was made in
struct OpenShared {            // a mount of the container whose namespaces are joined
  std::string path;
  int slot = 0;
};
struct EnterDirectory {  // the container's directory, so that mount options need no escapes
  std::string path;
};
struct OpenFuse {};  // in this user namespace: the kernel refuses a descriptor that was opened outside
struct MountFuse {
  std::string target, options;
  bool read_only = true;
};
struct MountMemory {  // a tmpfs, with the directories upper and work in it
  std::string target, options;
  bool hand_over = false;  // SendFuse sends it as well
};
struct SendFuse {  // to the monitor, which serves it; ours is closed, so that its death ends the connection
  bool memory = false;
};
struct OpenSource {  // host file for a bind mount, opened as the user (NFS servers refuse subordinate ids)
  std::string source;
  int slot = 0;
  bool recursive = true;
  uint32_t device_major = 0, device_minor = 0;  // must be this character device, unless both are 0
  bool device = false;                          // must be a device of any number
};
struct OpenNull {  // the host's, checked: an image's own /dev/null may be anything (CVE-2025-31133)
  int slot = 0;
};
struct SetHostname {
  std::string name;
  bool domain = false;  // the NIS domain name; its sysctl is writable for the host's root only
};
struct RaiseLoopback {};

// --- As root of the user namespace: the root file system ---
struct BecomeRoot {  // who makes the files that are missing; in a map without 0, its only user
  uint32_t uid = 0, gid = 0;
};
struct GiveOwner {  // the upper directory's inode is the root directory that the container sees
  std::string path;
  uint32_t mode = 0755, uid = 0, gid = 0;
};
struct MountOverlay {
  std::string target, options;
  // The kernel's mark of an earlier volatile mount, which would refuse this one; empty: there is none. It
  // stands for what a crash of the host may have lost, and no container for which nothing is synced survives
  // that.
  std::string stale_mark;
};
struct AttachRootfs {  // --rootfs: a host directory, opened before, is the root
  int slot = 0;
  std::string target;
};
struct OpenRoot {
  std::string path;
};
struct MountFilesystem {  // a new one, configured before it is attached
  std::string type, source, destination;
  std::vector<std::pair<std::string, std::string>> options;  // an empty value is a flag
  uint64_t attributes = 0;                                   // MOUNT_ATTR_*
  bool ordinary_directory = false;                           // no symlink on the way (CVE-2023-27561)
};
struct BindMount {
  int slot = 0;
  std::string source, destination;  // source: for words only
  uint64_t attributes = 0;          // MOUNT_ATTR_* that are set
  bool recursive = true;            // ... on submounts too
  uint64_t propagation = 0;         // MS_SHARED, MS_SLAVE, MS_PRIVATE; 0: as it is
  bool allow_proc = false;          // may cover a file of procfs (lxcfs)
};
struct MakeDirectory {
  std::string path;
  uint32_t mode = 0755;
};
struct MakeSymlink {  // in a fresh file system: an existing name is an error
  std::string path, target;
};
// On top of the bind mount at `destination`, whose files it shows; changes go to `upper`. Both directories
// are relative to the container's, where we are.
struct MountOverlayAt {
  std::string upper, work, destination;
  uint64_t attributes = 0;  // MOUNT_ATTR_*
};
// A secret: `data` is never described. In the tmpfs of secrets, or bound from there on another place.
struct WriteFile {
  std::string path, data;
  uint32_t uid = 0, gid = 0, mode = 0444;
  std::string bound_on;  // empty: it stays where it is
};
struct WriteSysctl {
  std::string path, value;
};
struct ReadOnlyPath {  // a missing one is skipped
  std::string path;
  uint32_t file_system = 0;  // statfs magic that it must have; 0: any
};
struct MaskPath {  // files by /dev/null, directories by an empty read-only tmpfs; a missing one is skipped
  std::string path;
  int null_slot = 0;
  uint32_t file_system = 0;
};
struct RootAttributes {
  bool read_only = false;
  uint64_t propagation = 0;
};
struct PivotRoot {};  // and the old root is detached
struct NullStdin {
  int null_slot = 0;
};
struct OpenTerminal {  // of the container's devpts: standard input, output and error; its master goes to the
                       // parent
  uint32_t uid = 0, gid = 0;
  uint16_t rows = 0, columns = 0;  // 0: not known
  bool console = false;            // shown as /dev/console, too
};
struct OwnStdio {  // pipes of the monitor's making become the user's, so that /dev/stdout can be opened
  uint32_t uid = 0, gid = 0;
};
struct SetRlimit {
  std::string name;
  int resource = 0;
  uint64_t soft = 0, hard = 0;
};
struct HideMemory {};     // PR_SET_DUMPABLE 0: nothing in the container may trace us until execve
struct Hold {};           // in place of AwaitGo and all after it: the root stands, nothing is executed
struct AwaitGo {          // says that the root stands, waits until the monitor has written started.json
  bool joinable = false;  // others may work in the root meanwhile: it waits for a user
};

// --- Giving privileges up ---
// Of Landlock: numbers as in engine/landlock/uapi.h. The rules are made by root, who finds every path; the
// ruleset is entered when all else is done that it could forbid.
struct MakeLandlock {
  uint64_t handled_fs = 0, handled_net = 0, scoped = 0;
  std::vector<std::pair<uint16_t, uint64_t>> ports;  // and what is allowed on each
};
struct AllowPath {
  std::string path;
  uint64_t access = 0;
  bool optional = false;  // a missing one is skipped
};
struct EnterLandlock {};
struct DropBounding {  // before the ids change: it needs CAP_SETPCAP
  uint64_t keep = 0;   // bit n: capability n
};
struct SetIds {
  uint32_t uid = 0, gid = 0;
  std::vector<gid_t> groups;
  bool set_groups = true;  // denied by the kernel in a single-id map
};
struct ChangeDirectory {  // must be inside the root (CVE-2024-21626)
  std::string path;
  bool again = false;  // the second try, as the container's user, where root had no access (NFS)
};
struct SetUmask {
  uint32_t mask = 022;
};
struct SetCapabilities {
  uint64_t effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};
struct NoNewPrivileges {};
struct InstallNotifier {  // of the fast path, or of a recorder: who listens to it is sent to the parent
  std::vector<sock_filter> program;
  uint64_t pass = 0;  // sixth argument of that sendmsg(2), by which a recorder's filter knows it
};
struct InstallSeccomp {
  std::vector<sock_filter> program;
  uint32_t flags = 0;  // SECCOMP_FILTER_FLAG_*
};
struct CloseDescriptors {};
struct Execute {
  std::vector<std::string> argv, env;
  std::vector<std::string> candidates;  // paths to try, from PATH
};

}  // namespace wolffia::step

namespace wolffia {

using LaunchStep =
    std::variant<step::DieWithParent, step::AwaitMaps, step::SetOomScore, step::SendNamespaces,
                 step::NewSession, step::NewKeyring, step::IsolateMounts, step::NewCgroupNamespace,
                 step::OpenShared, step::EnterDirectory, step::OpenFuse, step::MountFuse, step::MountMemory,
                 step::SendFuse, step::OpenSource, step::OpenNull, step::SetHostname, step::RaiseLoopback,
                 step::BecomeRoot, step::GiveOwner, step::MountOverlay, step::AttachRootfs, step::OpenRoot,
                 step::MountFilesystem, step::BindMount, step::MountOverlayAt, step::WriteFile,
                 step::MakeDirectory, step::MakeSymlink, step::WriteSysctl, step::ReadOnlyPath,
                 step::MaskPath, step::RootAttributes, step::PivotRoot, step::NullStdin, step::OpenTerminal,
                 step::OwnStdio, step::SetRlimit, step::HideMemory, step::Hold, step::AwaitGo,
                 step::MakeLandlock, step::AllowPath, step::EnterLandlock, step::DropBounding, step::SetIds,
                 step::ChangeDirectory, step::SetUmask, step::SetCapabilities, step::NoNewPrivileges,
                 step::InstallNotifier, step::InstallSeccomp, step::CloseDescriptors, step::Execute>;

// One line for people: "mount proc on /proc (nosuid,nodev,noexec)". The same words are in errors, in
// --log-level=debug and in the golden files.
std::string Describe(const LaunchStep& step);

}  // namespace wolffia
