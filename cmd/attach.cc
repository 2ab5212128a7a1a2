// wolffia attach: our standard streams become those of a container that runs.
#include "cmd/dispatch.h"
#include "cmd/foreground.h"
#include "cmd/running_container.h"
#include "engine/runtime/events.h"
#include "engine/runtime/terminal_client.h"

namespace wolffia {
namespace {

std::unexpected<Error> NotRunning() {
  return Fail(Code::kBusy, "you can only attach to running containers");
}

AttachOptions ReadOptions(const Command& command, const ContainerRecord& record) {
  const OptionValues& options = command.options();
  AttachOptions attach;
  attach.stdin_open = record.interactive && !options.Bool("no-stdin");
  attach.tty = record.tty;
  attach.sig_proxy = options.Bool("sig-proxy");
  attach.detach_keys = options.String("detach-keys");
  attach.on_overrun = [name = record.name] {
    PrintNotice("wolffia: output came faster than it was read here, and some was skipped; `wolffia logs " +
                name + "` has all of it");
  };
  return attach;
}

}  // namespace

Result<int> AttachVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ChosenContainer chosen = TRY(ChooseContainer(command, session.store));
  const ContainerStatus& status = chosen.status;
  if (!TakesProcesses(status)) return NotRunning();
  AttachOptions options = ReadOptions(command, status.record);
  TRY(ParseDetachKeys(options.detach_keys));
  WarnWithoutTerminal(options.tty, options.stdin_open);
  auto client = ControlClient::Connect(session.store, status);
  if (!client && client.error().code == Code::kBusy) return NotRunning();
  if (!client) return std::unexpected(std::move(client).error());
  AttachStreams streams = TRY(AttachStreams::Make(options));
  auto attached = client->Ask(streams.request(), streams.theirs());
  if (!attached && attached.error().code == Code::kBusy) return NotRunning();
  TRY(std::move(attached));
  WriteContainerEvent(command.context, session.store, status.record.id, "attach");
  return CodeOf(PumpAttached(*client, std::move(streams), options));
}

}  // namespace wolffia
