#include "engine/runtime/kernel_names.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

namespace wolffia {
namespace {

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<int> kRlimits[] = {{"RLIMIT_AS", RLIMIT_AS},
                                   {"RLIMIT_CORE", RLIMIT_CORE},
                                   {"RLIMIT_CPU", RLIMIT_CPU},
                                   {"RLIMIT_DATA", RLIMIT_DATA},
                                   {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                   {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                   {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                   {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                   {"RLIMIT_NICE", RLIMIT_NICE},
                                   {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                   {"RLIMIT_NPROC", RLIMIT_NPROC},
                                   {"RLIMIT_RSS", RLIMIT_RSS},
                                   {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                   {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                   {"RLIMIT_STACK", RLIMIT_STACK}};

constexpr Named<AttributeChange> kAttributes[] = {
    {"ro", {MOUNT_ATTR_RDONLY, 0}},
    {"rro", {MOUNT_ATTR_RDONLY, 0}},
    {"rw", {0, MOUNT_ATTR_RDONLY}},
    {"nosuid", {MOUNT_ATTR_NOSUID, 0}},
    {"suid", {0, MOUNT_ATTR_NOSUID}},
    {"nodev", {MOUNT_ATTR_NODEV, 0}},
    {"dev", {0, MOUNT_ATTR_NODEV}},
    {"noexec", {MOUNT_ATTR_NOEXEC, 0}},
    {"exec", {0, MOUNT_ATTR_NOEXEC}},
    {"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
    {"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
    {"relatime", {0, MOUNT_ATTR__ATIME}},
    {"nodiratime", {MOUNT_ATTR_NODIRATIME, 0}},
    {"diratime", {0, MOUNT_ATTR_NODIRATIME}},
    {"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW, 0}},
    {"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
};

constexpr Named<uint64_t> kPropagations[] = {
    {"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};

constexpr Named<uint64_t> kNamespaces[] = {
    {"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS},    {"pid", CLONE_NEWPID},      {"ipc", CLONE_NEWIPC},
    {"uts", CLONE_NEWUTS},   {"network", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};

template <typename T, size_t N>
std::optional<T> Find(const Named<T> (&table)[N], std::string_view name) {
  for (const Named<T>& entry : table)
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

}  // namespace

std::optional<int> RlimitNumber(std::string_view name) {
  return Find(kRlimits, name);
}

std::optional<AttributeChange> AttributeOf(std::string_view option) {
  return Find(kAttributes, option);
}

std::vector<std::string> AttributeNames(uint64_t attributes) {
  std::vector<std::string> names;
  for (const auto& entry : kAttributes)
    if (entry.value.set != 0 && entry.name != "rro" && (attributes & entry.value.set) == entry.value.set)
      names.emplace_back(entry.name);
  return names;
}

std::optional<uint64_t> PropagationOf(std::string_view option) {
  if (auto plain = Find(kPropagations, option)) return plain;
  if (!option.empty() && option[0] == 'r') return Find(kPropagations, option.substr(1));
  return std::nullopt;
}

std::string PropagationName(uint64_t propagation) {
  for (const auto& entry : kPropagations)
    if (entry.value == propagation) return std::string(entry.name);
  return "";
}

std::optional<uint64_t> NamespaceFlag(std::string_view type) {
  return Find(kNamespaces, type);
}

}  // namespace wolffia
