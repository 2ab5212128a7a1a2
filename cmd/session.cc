#include "cmd/session.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cmd/help.h"
#include "cmd/human.h"
#include "engine/base/process.h"

namespace wolffia {
namespace {

SettingsFlags FlagsOf(const OptionValues& global) {
  SettingsFlags flags;
  if (global.Has("config")) flags.config = global.String("config");
  if (global.Has("root")) flags.root = global.String("root");
  if (global.Has("runroot")) flags.runroot = global.String("runroot");
  return flags;
}

Result<LogLevel> ParseLogLevel(std::string_view text) {
  static constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"error", LogLevel::kError}, {"warn", LogLevel::kWarn},   {"warning", LogLevel::kWarn},
      {"info", LogLevel::kInfo},   {"debug", LogLevel::kDebug}, {"trace", LogLevel::kTrace}};
  for (const auto& [name, level] : kLevels)
    if (text == name) return level;
  return Fail(Code::kInvalid, "invalid argument \"" + std::string(text) +
                                  "\" for --log-level: not error, warn, info, debug or trace");
}

// A descriptor 0, 1 or 2 that is closed would be taken by the next file that is opened.
void FillStandardDescriptors() {
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd) _exit(kExitEngine);
}

Result<int> Execute(const std::vector<std::string>& argv, Result<int> (*dispatch)(const Command& command)) {
  CommandLine line = TRY(ParseCommandLine(argv));
  Context context = Context::OfProcess();
  context.log_level = TRY(ParseLogLevel(line.global.String("log-level")));
  if (line.help) {
    Print(line.verb != nullptr ? HelpOf(*line.verb) : GeneralHelp());
    return 0;
  }
  if (line.global.Bool("version")) {
    PrintLine("wolffia version " WOLFFIA_VERSION);
    return 0;
  }
  if (line.verb == nullptr) {
    if (!argv.empty()) return Fail(Code::kInvalid, "no verb given\nSee 'wolffia --help'");
    Print(GeneralHelp());
    return kExitEngine;
  }
  return dispatch({context, line, argv});
}

}  // namespace

Result<Settings> LoadSettings(const Command& command, Registries registries) {
  SettingsFlags flags = FlagsOf(command.line.global);
  flags.registries = registries == Registries::kLoad;
  return LoadSettings(command.context, flags);
}

Result<Session> OpenSession(const Command& command, Registries registries) {
  Settings settings = TRY(LoadSettings(command, registries));
  Store store = TRY(Store::Open(
      {settings.storage_root, settings.storage_runroot, settings.durability, settings.verify == "open"}));
  return Session{std::move(settings), std::move(store)};
}

void Print(std::string_view text) {
  fwrite(text.data(), 1, text.size(), stdout);
}

void PrintLine(std::string_view text) {
  Print(text);
  Print("\n");
}

void PrintNotice(std::string_view sentence) {
  fflush(stdout);  // so that both streams keep their order on one terminal
  std::string line = TerminalText(sentence) + "\n";
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

void PrintError(const Error& error) {
  if (!error.what.empty()) PrintNotice("Error: " + error.what);
}

bool FlushOutput() {
  return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int RunProgram(int argc, char** argv, Result<int> (*dispatch)(const Command& command)) {
  FillStandardDescriptors();
  signal(SIGCHLD, SIG_DFL);  // a caller may ignore it, which is inherited: then children leave no status
  signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, which is reported or ends the program quietly
  auto code = Execute({argv + (argc > 0 ? 1 : 0), argv + argc}, dispatch);
  if (!code) PrintError(code.error());
  int result = code ? *code : kExitEngine;
  if (!FlushOutput() && result == 0) {
    if (errno != EPIPE)
      PrintError({Code::kIo, errno, std::string("write to standard output: ") + std::strerror(errno)});
    result = kExitEngine;
  }
  return result;
}

Result<int> BecomeProgram(const Command& command, const std::string& name) {
  std::string program = TRY(FindSibling(name));
  std::vector<char*> pointers{program.data()};
  for (const std::string& word : command.argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  signal(SIGPIPE, SIG_DFL);
  execv(program.c_str(), pointers.data());
  return FailErrno("start " + program);
}

}  // namespace wolffia
