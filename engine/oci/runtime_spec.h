// RuntimeSpec: config.json of the OCI runtime spec (config.md, config-linux.md): the input of the runtime,
// written by our own spec builder or by another program. What we do not support and the document asks for is
// an error when it is parsed, never ignored; informative fields are kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct SpecUser {
  uint32_t uid = 0, gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additional_gids;
  bool operator==(const SpecUser&) const = default;
};

struct SpecRlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0, hard = 0;
  bool operator==(const SpecRlimit&) const = default;
};

struct SpecCapabilities {  // names "CAP_CHOWN"
  std::vector<std::string> bounding, effective, inheritable, permitted, ambient;
  bool operator==(const SpecCapabilities&) const = default;
};

struct SpecProcess {
  bool terminal = false;
  SpecUser user;
  std::vector<std::string> args, env;
  std::string cwd = "/";
  SpecCapabilities capabilities;
  std::vector<SpecRlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  bool operator==(const SpecProcess&) const = default;
};

struct SpecMount {
  std::string destination, type, source;
  std::vector<std::string> options;
  bool operator==(const SpecMount&) const = default;
};

struct SpecIdMapping {
  uint32_t container_id = 0, host_id = 0, size = 0;
  bool operator==(const SpecIdMapping&) const = default;
};

struct SpecNamespace {
  std::string type;  // "pid" "network" "mount" "ipc" "uts" "user" "cgroup"
  std::string path;  // empty: a new one
  bool operator==(const SpecNamespace&) const = default;
};

struct SpecDevice {
  std::string path, type;  // bound from the host: mknod is refused to ordinary users
  bool operator==(const SpecDevice&) const = default;
};

struct SpecSeccompArg {
  uint32_t index = 0;
  uint64_t value = 0, value_two = 0;
  std::string op;  // "SCMP_CMP_EQ"
  bool operator==(const SpecSeccompArg&) const = default;
};

struct SpecSeccompRule {
  std::vector<std::string> names;
  std::string action;  // "SCMP_ACT_ALLOW"
  std::optional<uint32_t> errno_ret;
  std::vector<SpecSeccompArg> args;
  bool operator==(const SpecSeccompRule&) const = default;
};

struct SpecSeccomp {
  std::string default_action;
  std::optional<uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"
  std::vector<std::string> flags;
  std::vector<SpecSeccompRule> syscalls;
  bool operator==(const SpecSeccomp&) const = default;
};

struct RuntimeSpec {
  std::string oci_version = "1.0.2";
  std::string hostname;
  std::string root_path;  // a host directory; empty: the lower and upper that the container record names
  bool root_readonly = false;
  SpecProcess process;
  std::vector<SpecMount> mounts;
  std::map<std::string, std::string> annotations;
  std::vector<SpecIdMapping> uid_mappings, gid_mappings;
  std::vector<SpecNamespace> namespaces;
  std::vector<SpecDevice> devices;
  std::map<std::string, std::string> sysctl;
  std::vector<std::string> masked_paths, readonly_paths;
  std::string rootfs_propagation;
  std::optional<SpecSeccomp> seccomp;  // nullopt: unconfined

  static Result<RuntimeSpec> Parse(std::string_view json);
  // Text that is not UTF-8 cannot be in JSON and becomes U+FFFD: whoever fills in args and env checks them
  // first (IsUtf8Text in quote.h).
  std::string Serialize() const;
  bool HasNamespace(std::string_view type) const;
  bool operator==(const RuntimeSpec&) const = default;
};

}  // namespace wolffia
