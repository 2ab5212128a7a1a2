#include "engine/landlock/policy.h"

#include <algorithm>

#include "engine/landlock/uapi.h"

namespace wolffia {
namespace {

using namespace landlock;

constexpr uint64_t kRead = kReadFile | kReadDirectory;
constexpr uint64_t kWrite = kWriteFile | kRemoveDirectory | kRemoveFile | kMakeCharacterDevice |
                            kMakeDirectory | kMakeFile | kMakeSocket | kMakeFifo | kMakeBlockDevice |
                            kMakeSymlink | kRefer | kTruncate | kIoctlDevice;

// What came after the first version. A kernel without kRefer denies what the right would allow, so nothing is
// lost there.
struct Newcomer {
  int version;
  const char* kernel;
  uint64_t fs;
  uint64_t net;
  uint64_t scoped;
  const char* what;
};
constexpr Newcomer kNewcomers[] = {
    {1, "5.13", kRead | (kWrite & ~(kRefer | kTruncate | kIoctlDevice)) | kExecute, 0, 0,
     "reading, writing and executing files"},
    {3, "6.2", kTruncate, 0, 0, "truncating files that may not be written (write)"},
    {4, "6.7", 0, kBindTcp, 0, "binding TCP ports (bind-tcp)"},
    {4, "6.7", 0, kConnectTcp, 0, "connecting to TCP ports (connect-tcp)"},
    {5, "6.10", kIoctlDevice, 0, 0, "ioctl on devices that may not be written (write)"},
    {6, "6.12", 0, 0, kScopeAbstractSocket, "the scope abstract-unix-socket"},
    {6, "6.12", 0, 0, kScopeSignal, "the scope signal"},
};

class Compiler {
 public:
  explicit Compiler(const LandlockPolicy& policy) : policy_(policy) {
    LandlockRuleset& out = compiled_.ruleset;
    if (policy.RestrictsFiles()) out.handled_fs = kRefer;
    if (policy.read) out.handled_fs |= kRead;
    if (policy.write) out.handled_fs |= kWrite;
    if (policy.exec) out.handled_fs |= kExecute;
    if (policy.bind_tcp) out.handled_net |= kBindTcp;
    if (policy.connect_tcp) out.handled_net |= kConnectTcp;
    if (policy.scope_abstract_sockets) out.scoped |= kScopeAbstractSocket;
    if (policy.scope_signals) out.scoped |= kScopeSignal;
  }

  Result<CompiledLandlock> Compile(int version) {
    TRY(Fit(version));
    // Otherwise renames across directories were denied to those whose writes are not restricted at all.
    if (policy_.RestrictsFiles() && !policy_.write) Allow("/", kRefer);
    for (const std::string& path : policy_.read.value_or(Paths())) Allow(path, kRead);
    for (const std::string& path : policy_.write.value_or(Paths())) Allow(path, kRead | kWrite);
    for (const std::string& path : policy_.exec.value_or(Paths())) Allow(path, kRead | kExecute);
    for (uint16_t port : policy_.bind_tcp.value_or(Ports())) AllowPort(port, kBindTcp);
    for (uint16_t port : policy_.connect_tcp.value_or(Ports())) AllowPort(port, kConnectTcp);
    return std::move(compiled_);
  }

 private:
  using Paths = std::vector<std::string>;
  using Ports = std::vector<uint16_t>;

  Result<> Fit(int version) {
    LandlockRuleset& out = compiled_.ruleset;
    std::string sentence;
    for (const Newcomer& n : kNewcomers) {
      const bool asked =
          (out.handled_fs & n.fs) != 0 || (out.handled_net & n.net) != 0 || (out.scoped & n.scoped) != 0;
      if (version >= n.version || !asked) continue;
      out.handled_fs &= ~n.fs;
      out.handled_net &= ~n.net;
      out.scoped &= ~n.scoped;
      std::string lost = std::string(n.what) + " (since Linux " + n.kernel + ")";
      sentence += (sentence.empty() ? "" : ", ") + lost;
      compiled_.lost.push_back(std::move(lost));
    }
    if (version < 2) out.handled_fs &= ~kRefer;
    if (sentence.empty() || policy_.best_effort) return {};
    return Fail(
        Code::kUnsupported,
        "Landlock policy " + policy_.name + ": this kernel " +
            (version == 0
                 ? std::string("has no Landlock, or it is switched off (lsm= on the kernel's command line)")
                 : "has version " + std::to_string(version) + " of Landlock") +
            " and cannot restrict " + sentence +
            "; best-effort = true in the policy goes without what is missing");
  }

  // The kernel refuses a rule that allows what is not handled, and one that allows nothing.
  void Allow(const std::string& text, uint64_t access) {
    const bool optional = text.starts_with('-');
    std::string path = text.substr(optional ? 1 : 0);
    access &= compiled_.ruleset.handled_fs;
    if (access == 0) return;
    auto& paths = compiled_.ruleset.paths;
    auto same = std::ranges::find(paths, path, &LandlockRuleset::Path::path);
    if (same == paths.end()) {
      paths.push_back({std::move(path), access, optional});
      return;
    }
    same->access |= access;
    same->optional = same->optional && optional;
  }

  void AllowPort(uint16_t port, uint64_t access) {
    access &= compiled_.ruleset.handled_net;
    if (access == 0) return;
    auto& ports = compiled_.ruleset.ports;
    auto same = std::ranges::find(ports, port, &LandlockRuleset::Port::port);
    if (same == ports.end())
      ports.push_back({port, access});
    else
      same->access |= access;
  }

  const LandlockPolicy& policy_;
  CompiledLandlock compiled_;
};

}  // namespace

Result<CompiledLandlock> CompileLandlock(const LandlockPolicy& policy, int version) {
  return Compiler(policy).Compile(version);
}

}  // namespace wolffia
