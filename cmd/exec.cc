// wolffia exec: one more process in a running container. A helper of its own looks after it (exec_request.h).
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/dispatch.h"
#include "cmd/running_container.h"
#include "engine/base/random.h"
#include "engine/runtime/control_client.h"
#include "engine/runtime/environment.h"
#include "engine/runtime/exec_request.h"
#include "engine/runtime/stream_pump.h"

namespace wolffia {
namespace {

constexpr size_t kMaxEnvFileBytes = 4 << 20;
constexpr int kExitNotRunning = 255;  // podman's, but with -d
constexpr int kDetached = -1;         // in place of an exit code: the command goes on

Result<std::vector<std::string>> Variables(const Command& command) {
  Environment env;
  for (const std::string& path : command.options().List("env-file")) {
    std::string text = TRY_WITH(ReadFile(path, kMaxEnvFileBytes), "--env-file");
    TRY_WITH(env.ApplyFile(text, path, command.context), "--env-file");
  }
  for (const std::string& entry : command.options().List("env"))
    TRY_WITH(env.Apply(entry, command.context), "--env");
  return env.entries();
}

Result<ExecRequest> ReadRequest(const Command& command, std::vector<std::string> words) {
  const OptionValues& options = command.options();
  if (words.empty())
    return Fail(Code::kInvalid,
                "must provide a non-empty command to start an exec session: invalid argument");
  ExecRequest request;
  request.command = std::move(words);
  request.env = TRY(Variables(command));
  request.user = options.String("user");
  request.working_dir = options.String("workdir");
  request.tty = options.Bool("tty");
  request.interactive = options.Bool("interactive");
  request.privileged = options.Bool("privileged");
  request.detach = options.Bool("detach");
  request.detach_keys = options.String("detach-keys");
  TRY(ParseDetachKeys(request.detach_keys));
  request.id = RandomHex(32);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO})
    if (request.tty && request.size.rows == 0) request.size = RawTerminal::Size(fd).value_or(TerminalSize{});
  return request;
}

// What the command gets: our own descriptors, so that no byte is copied; with a terminal or in the background
// nothing.
std::vector<Donation> Streams(const ExecRequest& request, int null) {
  if (request.tty || request.detach) return {{null, 0}, {null, 1}, {null, 2}};
  std::vector<Donation> streams = {{STDOUT_FILENO, 1}, {STDERR_FILENO, 2}};
  streams.push_back({request.interactive ? STDIN_FILENO : null, 0});
  return streams;
}

Result<Fd> InitOf(const Store& store, const ContainerStatus& status) {
  ControlClient monitor = TRY(ControlClient::Connect(store, status));
  auto process = TRY(monitor.Ask(ProcessRequest{}));
  if (process.fds.empty()) return Fail(Code::kBusy, "container " + status.record.name + " is not running");
  return std::move(process.fds[0]);
}

// The helper's next word; Failed is an error.
Result<ControlClient::Received> Hear(ControlClient& helper) {
  auto received = TRY(helper.Receive());
  if (!received) return Fail(Code::kIo, "the helper of exec died, and the command with it");
  if (auto* failed = std::get_if<Failed>(&received->message))
    return std::unexpected(std::move(failed->error));
  return std::move(*received);
}

Result<int> AwaitExited(ControlClient& helper) {
  for (;;) {
    auto received = TRY(Hear(helper));
    if (const auto* exited = std::get_if<Exited>(&received.message)) return exited->exit_code;
  }
}

Result<int> PumpTerminal(ControlClient& helper, Fd master, const ExecRequest& request) {
  AttachOptions options{.stdin_open = request.interactive, .tty = true, .detach_keys = request.detach_keys};
  PumpStreams streams{.pty = true};
  if (request.interactive) streams.input = TRY(master.Duplicate());
  const Fd window = TRY(master.Duplicate());
  streams.output = std::move(master);
  PumpWire wire{.fd = helper.fd()};
  wire.receive = [&]() -> Result<std::optional<AttachResult>> {
    auto received = TRY(Hear(helper));
    const auto* exited = std::get_if<Exited>(&received.message);
    if (exited == nullptr) return std::nullopt;
    return AttachResult{AttachEnd::kExited, exited->exit_code};
  };
  wire.signal = [](int) {};
  wire.resize = [&](TerminalSize size) { SetTerminalSize(window.get(), size); };
  AttachResult result = TRY(PumpUntilEnd(wire, std::move(streams), options));
  if (result.end != AttachEnd::kDetached) return result.exit_code;
  (void)SendPacket(helper.fd(), kExecDetached);
  return kDetached;
}

Result<int> Accompany(ControlClient& helper, const ExecRequest& request) {
  auto started = TRY(Hear(helper));
  if (request.detach) {
    PrintLine(request.id);
    return 0;
  }
  if (!request.tty) return AwaitExited(helper);
  if (started.fds.empty()) return Fail(Code::kIo, "the helper of exec sent no terminal");
  return PumpTerminal(helper, std::move(started.fds[0]), request);
}

Result<int> Execute(const Command& command, const Store& store, const ContainerStatus& status,
                    const ExecRequest& request) {
  Fd init = TRY(InitOf(store, status));
  Fd null = TRY(Open("/dev/null", O_RDWR));
  Fd control;
  Child child = TRY(StartExecHelper(command.context, store, status, std::move(init), request,
                                    Streams(request, null.get()), &control));
  const pid_t pid = child.pid();
  child.Detach();  // the command goes on whatever becomes of us
  ControlClient helper = ControlClient::Adopt(std::move(control));
  auto code = Accompany(helper, request);
  // Its end follows at once, unless the command goes on: not every host has an init that is quick to reap it.
  if (!request.detach && !(code && *code == kDetached)) waitpid(pid, nullptr, 0);
  return code && *code == kDetached ? Result<int>(0) : std::move(code);
}

// As podman: what is wrong with the command has the exit code of a shell.
Result<int> Explain(Error error) {
  int code = error.code == Code::kNoCommand       ? kExitNoCommand
             : error.code == Code::kNotExecutable ? kExitNotExecutable
                                                  : 0;
  if (code == 0) return std::unexpected(std::move(error));
  PrintError(error);
  return code;
}

}  // namespace

Result<int> ExecVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ChosenContainer chosen = TRY(ChooseContainer(command, session.store));
  ExecRequest request = TRY(ReadRequest(command, std::move(chosen.rest)));
  const int not_running = request.detach ? kExitEngine : kExitNotRunning;
  const Error improper{Code::kBusy, 0,
                       "can only create exec sessions on running containers: container state improper"};
  if (!TakesProcesses(chosen.status)) {
    PrintError(improper);
    return not_running;
  }
  WarnWithoutTerminal(request.tty, request.interactive && !request.detach);
  auto code = Execute(command, session.store, chosen.status, request);
  if (code) return code;
  if (code.error().code != Code::kBusy) return Explain(std::move(code).error());
  PrintError(improper);  // it has ended meanwhile
  return not_running;
}

}  // namespace wolffia
