#include "engine/runtime/capability.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace wolffia {
namespace {

// By number.
constexpr std::string_view kNames[] = {"CAP_CHOWN",
                                       "CAP_DAC_OVERRIDE",
                                       "CAP_DAC_READ_SEARCH",
                                       "CAP_FOWNER",
                                       "CAP_FSETID",
                                       "CAP_KILL",
                                       "CAP_SETGID",
                                       "CAP_SETUID",
                                       "CAP_SETPCAP",
                                       "CAP_LINUX_IMMUTABLE",
                                       "CAP_NET_BIND_SERVICE",
                                       "CAP_NET_BROADCAST",
                                       "CAP_NET_ADMIN",
                                       "CAP_NET_RAW",
                                       "CAP_IPC_LOCK",
                                       "CAP_IPC_OWNER",
                                       "CAP_SYS_MODULE",
                                       "CAP_SYS_RAWIO",
                                       "CAP_SYS_CHROOT",
                                       "CAP_SYS_PTRACE",
                                       "CAP_SYS_PACCT",
                                       "CAP_SYS_ADMIN",
                                       "CAP_SYS_BOOT",
                                       "CAP_SYS_NICE",
                                       "CAP_SYS_RESOURCE",
                                       "CAP_SYS_TIME",
                                       "CAP_SYS_TTY_CONFIG",
                                       "CAP_MKNOD",
                                       "CAP_LEASE",
                                       "CAP_AUDIT_WRITE",
                                       "CAP_AUDIT_CONTROL",
                                       "CAP_SETFCAP",
                                       "CAP_MAC_OVERRIDE",
                                       "CAP_MAC_ADMIN",
                                       "CAP_SYSLOG",
                                       "CAP_WAKE_ALARM",
                                       "CAP_BLOCK_SUSPEND",
                                       "CAP_AUDIT_READ",
                                       "CAP_PERFMON",
                                       "CAP_BPF",
                                       "CAP_CHECKPOINT_RESTORE"};
constexpr int kCount = static_cast<int>(std::size(kNames));

// podman's default set.
constexpr std::string_view kDefault[] = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
                                         "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
                                         "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};

constexpr uint64_t Bit(int number) {
  return uint64_t{1} << number;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

struct CapabilitySet {
  uint64_t bits = 0;
  bool all = false;
};

Result<CapabilitySet> ParseSet(const std::vector<std::string>& names, const char* flag, int last) {
  CapabilitySet set;
  for (const std::string& text : names) {
    std::string name = Upper(text);
    if (name == "ALL" || name == "CAP_ALL") {
      set.all = true;
      continue;
    }
    if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
    int number = CapabilityNumber(name);
    if (number < 0) return Fail(Code::kInvalid, std::string(flag) + " " + text + ": unknown capability");
    if (number > last)
      return Fail(Code::kUnsupported, std::string(flag) + " " + text + ": this kernel does not have it yet");
    set.bits |= Bit(number);
  }
  return set;
}

}  // namespace

int CapabilityNumber(std::string_view name) {
  auto found = std::find(std::begin(kNames), std::end(kNames), name);
  return found == std::end(kNames) ? -1 : static_cast<int>(found - std::begin(kNames));
}

std::string_view CapabilityName(int number) {
  return number >= 0 && number < kCount ? kNames[number] : std::string_view();
}

Result<std::vector<std::string>> ContainerCapabilities(const std::vector<std::string>& add,
                                                       const std::vector<std::string>& drop, int last) {
  CapabilitySet added = TRY(ParseSet(add, "--cap-add", last)),
                dropped = TRY(ParseSet(drop, "--cap-drop", last));
  if (added.all && dropped.all)
    return Fail(Code::kInvalid, "--cap-add ALL and --cap-drop ALL exclude each other");
  if (uint64_t both = added.bits & dropped.bits; both != 0)
    return Fail(Code::kInvalid,
                std::string(CapabilityName(std::countr_zero(both))) + " is both added and dropped");
  uint64_t bits = 0;
  for (std::string_view name : kDefault) bits |= Bit(CapabilityNumber(name));
  if (added.all) bits = Bit(std::min(last, kCount - 1) + 1) - 1;
  if (dropped.all) bits = 0;
  bits = (bits | added.bits) & ~dropped.bits;
  std::vector<std::string> names;
  for (int i = 0; i < kCount; i++)
    if ((bits & Bit(i)) != 0) names.emplace_back(kNames[i]);
  return names;
}

}  // namespace wolffia
