// wolffia run: image, host and flags become a container; the monitor runs it.
#include "cmd/container_removal.h"
#include "cmd/foreground.h"
#include "cmd/new_container.h"
#include "cmd/run_flags.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

// Where it never ran, nothing of it stays.
std::unexpected<Error> Undo(const Command& command, const Store& store, const std::string& id, Error error) {
  auto removed = RemoveContainer(command.context, store, id, true);
  if (!removed && removed.error().code != Code::kNotFound)
    command.context.Warn("container " + id.substr(0, 12) + " could not be removed: " + removed.error().what);
  return std::unexpected(std::move(error));
}

Result<int> RunContainer(const Command& command, const NewContainerCommand& wanted) {
  const Store& store = wanted.session.store;
  IdFile id_file = TRY(IdFile::Create(command.options().String("cidfile")));
  NewContainer container = TRY(MakeContainer(command, wanted, true));
  std::string id = container.id;
  if (auto written = id_file.Write(id); !written) {
    container.lock.Release();
    return Undo(command, store, id, std::move(written).error());
  }
  std::optional<AttachOptions> options;
  if (!wanted.request.lifecycle.detach)
    options = ForegroundOptions(wanted.request.terminal, wanted.request.interactive);
  auto started = StartMonitor(command.context, store, std::move(container), options);
  if (!started) return Undo(command, store, id, std::move(started).error());
  id_file.Keep();
  if (options)
    return AwaitContainer(command, store, std::move(*started), *options, id, wanted.request.auto_remove);
  started->monitor.Detach();
  PrintLine(id);
  return 0;
}

}  // namespace

Result<int> RunVerb(const Command& command) {
  const ForegroundFlags flags = TRY(ReadForegroundFlags(command.options()));  // before anything is pulled
  NewContainerCommand wanted = TRY(ReadNewContainer(command));
  wanted.request.lifecycle.detach = flags.detach;
  wanted.request.terminal.sig_proxy = flags.sig_proxy;
  wanted.request.terminal.detach_keys = flags.detach_keys;
  auto code = RunContainer(command, wanted);
  if (!code) return StartFailure(std::move(code).error());
  return code;
}

}  // namespace wolffia
