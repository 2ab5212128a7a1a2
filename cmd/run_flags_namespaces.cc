// --pid, --ipc and --uts: whose namespaces a container has.
#include "cmd/run_flags.h"

namespace wolffia {
namespace {

// "" is a namespace of its own. "container:NAME" becomes the container's id where the store is known
// (joined_container.h).
Result<std::string> ReadMode(const OptionValues& options, const char* flag,
                             std::initializer_list<std::string_view> more) {
  std::string mode = options.String(flag);
  if (mode.empty() || mode == "private") return std::string();
  if (mode == "host" || (mode.starts_with("container:") && mode.size() > sizeof "container:" - 1))
    return mode;
  for (std::string_view known : more)
    if (mode == known) return mode;
  if (mode.starts_with("ns:"))
    return Fail(Code::kUnsupported,
                "--" + std::string(flag) + " " + mode +
                    ": an ordinary user can join the namespaces of the own containers only; "
                    "name one with container:NAME");
  return Fail(Code::kInvalid, "unrecognized namespace mode " + mode + " passed");
}

}  // namespace

Result<> ReadNamespaceFlags(const OptionValues& options, RunRequest& request) {
  NamespaceFlags& flags = request.namespaces;
  flags.pid = TRY(ReadMode(options, "pid", {}));
  // Of ipc, "private" is more than the default: nobody may join it.
  flags.ipc =
      options.String("ipc") == "private" ? "private" : TRY(ReadMode(options, "ipc", {"none", "shareable"}));
  if (flags.ipc == "shareable") flags.ipc.clear();
  flags.uts = TRY(ReadMode(options, "uts", {}));
  if (!request.hostname.empty() && !flags.uts.empty())
    return Fail(Code::kInvalid, flags.uts == "host"
                                    ? "cannot set hostname when running in the host UTS namespace"
                                    : "cannot set hostname when joining the container UTS namespace");
  if (request.shm_size && (flags.ipc == "host" || flags.ipc == "none" || flags.ipc.starts_with("container:")))
    return Fail(Code::kInvalid, "cannot set shmsize when running in the " + flags.ipc + " IPC Namespace");
  return {};
}

Result<> FillNamespaces(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.pid_mode = request.namespaces.pid;
  record.ipc_mode = request.namespaces.ipc;
  record.uts_mode = request.namespaces.uts;
  return {};
}

}  // namespace wolffia
