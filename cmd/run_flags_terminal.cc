#include <algorithm>

#include "cmd/run_flags.h"
#include "engine/runtime/detach_keys.h"

namespace wolffia {
namespace {

Result<std::vector<std::string>> ReadStreams(const std::vector<std::string>& words) {
  std::vector<std::string> streams;
  for (std::string stream : words) {
    std::ranges::transform(stream, stream.begin(),
                           [](unsigned char c) { return static_cast<char>(tolower(c)); });
    if (stream != "stdin" && stream != "stdout" && stream != "stderr")
      return Fail(Code::kInvalid,
                  "invalid stream \"" + stream +
                      "\" for --attach - must be one of stdin, stdout, or stderr: invalid argument");
    streams.push_back(std::move(stream));
  }
  return streams;
}

}  // namespace

Result<> ReadTerminalFlags(const OptionValues& options, RunRequest& request) {
  TerminalFlags& flags = request.terminal;
  flags.tty = options.Bool("tty");
  if (options.Has("attach")) flags.attach = TRY(ReadStreams(options.List("attach")));
  return {};
}

Result<ForegroundFlags> ReadForegroundFlags(const OptionValues& options) {
  ForegroundFlags flags{.detach = options.Bool("detach"), .sig_proxy = options.Bool("sig-proxy")};
  flags.detach_keys = options.String("detach-keys");
  TRY(ParseDetachKeys(flags.detach_keys));
  if (flags.detach && options.Has("attach"))
    return Fail(Code::kInvalid, "--attach and --detach contradict each other: leave one of them out");
  return flags;
}

Result<> FillTerminal(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.tty = request.terminal.tty;
  return {};
}

}  // namespace wolffia
