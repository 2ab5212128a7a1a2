// What every verb has at hand: the parsed command line, the context, and from them settings and store. And
// the only two ways to print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/command_line.h"
#include "engine/base/context.h"
#include "engine/config/settings.h"
#include "storage/store.h"

namespace wolffia {

// Exit codes of podman and docker.
inline constexpr int kExitEngine = 125, kExitNotExecutable = 126, kExitNoCommand = 127;

struct Command {
  const Context& context;
  const CommandLine& line;
  const std::vector<std::string>& argv;  // as typed, without the program's name
  const OptionValues& options() const { return line.options; }
};

// A verb: its exit code, or an error that main prints before it exits with 125.
using VerbFunction = Result<int> (*)(const Command& command);

struct Session {
  Settings settings;
  Store store;
};
// kSkip: without registries.conf, for verbs that need no registry: they work where that file is broken.
enum class Registries { kLoad, kSkip };
Result<Settings> LoadSettings(const Command& command, Registries registries = Registries::kLoad);
Result<Session> OpenSession(const Command& command, Registries registries = Registries::kLoad);

void Print(std::string_view text);  // standard output, buffered
void PrintLine(std::string_view text);
void PrintError(const Error& error);  // "Error: sentence"; nothing for an error that a child has printed
void PrintNotice(std::string_view sentence);  // standard error, as it is
// False, with errno, if something printed could not be written.
bool FlushOutput();

// The main function of both programs: parses, answers --help and --version, and calls `dispatch` for a verb.
int RunProgram(int argc, char** argv, Result<int> (*dispatch)(const Command& command));

// Starts another program of ours in place of this process, with the words as typed. Returns only on failure.
Result<int> BecomeProgram(const Command& command, const std::string& name);
inline Result<int> BecomeHeavyProgram(const Command& command) {
  return BecomeProgram(command, "wolffia-image");
}

}  // namespace wolffia
