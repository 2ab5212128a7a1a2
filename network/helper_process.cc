#include "network/helper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr const char* kOtherwise = ", or choose another network with --network (host and none need nothing)";
constexpr size_t kWordsBytes = 64 << 10;  // what fits into a pipe

void TrimEnd(std::string& text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
}

std::string LastLine(const std::string& text) {
  const size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

std::string Helper::LastWords() const {
  return LastLine(Words());
}

std::string Helper::Words() const {
  if (!output) return "";
  std::string text(kWordsBytes, '\0');
  ssize_t n = read(output.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  TrimEnd(text);
  return text;
}

Result<Helper> StartHelper(SpawnRequest request, const std::string& package) {
  Helper helper;
  helper.name = SplitPath(request.program).second;
  Pipe output = TRY(MakePipe(O_NONBLOCK));
  Fd nothing = TRY(Open("/dev/null", O_RDONLY));
  for (auto [from, to] : {std::pair{nothing.get(), 0}, {output.write.get(), 1}, {output.write.get(), 2}})
    request.donations.push_back({from, to});
  auto process = Spawn(request);
  if (!process && process.error().code == Code::kNotFound)
    return Fail(Code::kUnsupported,
                request.program + " is not installed: install the package " + package + kOtherwise);
  helper.process = TRY(std::move(process));
  helper.output = std::move(output.read);
  return helper;
}

Result<> AwaitHelper(const Helper& helper, int fd, int deadline_ms) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {helper.process.pidfd(), POLLIN, 0}};
  int n;
  do n = poll(fds, 2, deadline_ms);
  while (n < 0 && errno == EINTR);
  if (n < 0) return FailErrno("wait for " + helper.name);
  if (n > 0 && (fds[0].revents & POLLIN) != 0) return {};
  const std::string all = helper.Words();
  if (const size_t option = all.find("unrecognized option"); option != std::string::npos)  // getopt_long(3)
    return Fail(Code::kUnsupported, "the " + helper.name + " of this host is too old (" +
                                        all.substr(option, all.find('\n', option) - option) +
                                        "): an administrator can install a newer one" + kOtherwise);
  const std::string words = LastLine(all);
  const std::string how = n == 0 ? " did not set up the network in time" : " failed";
  return Fail(Code::kUnsupported, helper.name + how + (words.empty() ? "" : ": " + words));
}

}  // namespace wolffia
