#include "network/host_support.h"

#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"
#include "engine/base/process.h"

namespace wolffia {
namespace {

constexpr const char* kOtherwise = ", or choose another network with --network (host and none need nothing)";

Result<> CheckTun() {
  if (access("/dev/net/tun", R_OK | W_OK) == 0) return {};
  const int failed = errno;
  if (failed == EACCES)
    return Fail(
        Code::kUnsupported,
        std::string(
            "/dev/net/tun is closed to ordinary users, and the network needs it: an administrator can "
            "open it with \"chmod 0666 /dev/net/tun\" (udev's usual rule)") +
            kOtherwise,
        failed);
  return Fail(
      Code::kUnsupported,
      std::string("/dev/net/tun is missing, and the network needs it: an administrator can load it with "
                  "\"modprobe tun\", or start an outer container with --device /dev/net/tun") +
          kOtherwise,
      failed);
}

}  // namespace

Result<> CheckNetworkNamespaces() {
  const std::string limit = ReadFile("/proc/sys/user/max_net_namespaces", 64).value_or("");
  if (limit != "0\n") return {};
  return Fail(
      Code::kUnsupported,
      std::string(
          "network namespaces are switched off (user.max_net_namespaces is 0): an administrator can "
          "allow them with \"sysctl user.max_net_namespaces=28633\"; without them a container can only "
          "have the host's network (--network host)"));
}

Result<> CheckNetworkSupport(const std::string& mode) {
  TRY(CheckNetworkNamespaces());
  const bool pasta = mode == "pasta";
  if (!FindProgram(pasta ? "pasta" : "slirp4netns"))
    return Fail(Code::kUnsupported, std::string(pasta ? "pasta" : "slirp4netns") +
                                        " is not installed: an administrator can install the package " +
                                        (pasta ? "passt" : "slirp4netns") + kOtherwise);
  return CheckTun();
}

}  // namespace wolffia
