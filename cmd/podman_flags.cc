#include "cmd/podman_flags.h"

namespace wolffia {
namespace {

constexpr std::string_view kRunFlags =
    " "
    "arch authfile cert-dir chrootdirs cpu-rt-period init-ctr cpu-rt-runtime creds "
    "decryption-key device-cgroup-rule disable-content-trust dns-opt gpus group-entry "
    "health-log-destination health-max-log-count hostuser hosts-file http-proxy init-path "
    "isolation kernel-memory link link-local-ip no-hostname os passwd-entry personality pod "
    "pod-id-file preserve-fd preserve-fds privileged rdt-class requires retry retry-delay "
    "rmi runtime sdnotify seccomp-policy subgidname subuidname tls-verify "
    "use-api-socket variant volume-driver ";
constexpr std::string_view kExecFlags = " no-session preserve-fd preserve-fds ";
constexpr std::string_view kGenerateSystemdFlags = " pod-prefix template ";
constexpr std::string_view kLogsFlags = " color ";
constexpr std::string_view kPsFlags = " external ns p pod ";
constexpr std::string_view kPullFlags =
    " a all-tags arch decryption-key disable-content-trust os retry retry-delay variant ";
constexpr std::string_view kImagesFlags = " history tree ";
constexpr std::string_view kRmFlags = " depend link ";
constexpr std::string_view kRmiFlags = " no-prune ";
constexpr std::string_view kCpFlags = " extract pause ";
constexpr std::string_view kInfoFlags = " D debug ";

constexpr std::string_view kVolumeRmFlags = " t time ";
constexpr std::string_view kSecretCreateFlags = " driver-opts ";
constexpr std::string_view kSecretInspectFlags = " showsecret ";

struct VerbFlags {
  std::string_view verb, flags;
};
constexpr VerbFlags kFlags[] = {
    {"run", kRunFlags},
    {"create", kRunFlags},
    {"ps", kPsFlags},
    {"pull", kPullFlags},
    {"images", kImagesFlags},
    {"rm", kRmFlags},
    {"rmi", kRmiFlags},
    {"info", kInfoFlags},
    {"logs", kLogsFlags},
    {"exec", kExecFlags},
    {"generate systemd", kGenerateSystemdFlags},
    {"cp", kCpFlags},
    {"volume rm", kVolumeRmFlags},
    {"secret create", kSecretCreateFlags},
    {"secret inspect", kSecretInspectFlags},
};

// Whole words of a list that begins and ends with a space.
bool HasWord(std::string_view list, std::string_view word) {
  for (size_t at = list.find(word); at != std::string_view::npos; at = list.find(word, at + 1))
    if (at > 0 && list[at - 1] == ' ' && list[at + word.size()] == ' ') return true;
  return false;
}

}  // namespace

bool IsPodmanFlag(std::string_view verb, std::string_view name) {
  for (const VerbFlags& flags : kFlags)
    if (flags.verb == verb) return !name.empty() && HasWord(flags.flags, name);
  return false;
}

}  // namespace wolffia
