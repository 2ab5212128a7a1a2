// wolffia generate systemd.
#include <fcntl.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cmd/container_view.h"
#include "cmd/create_command.h"
#include "cmd/report.h"
#include "cmd/service_verbs.h"
#include "engine/base/process.h"
#include "engine/runtime/systemd_unit.h"

namespace wolffia {
namespace {

constexpr int kMaxSeconds = 1 << 30;

// A number of seconds that was asked for; nullopt if the option was not given.
Result<std::optional<int>> Seconds(const OptionValues& options, std::string_view name) {
  if (!options.Has(name)) return std::optional<int>();
  int64_t value = options.Int(name, 0);
  if (value < 0 || value > kMaxSeconds)
    return Fail(Code::kInvalid, "invalid argument \"" + options.String(name) + "\" for --" +
                                    std::string(name) + ": not a number of seconds");
  return static_cast<int>(value);
}

Result<int> StopTimeout(const OptionValues& options, const ContainerRecord& record) {
  auto stop = TRY(Seconds(options, "stop-timeout"));
  auto time = TRY(Seconds(options, "time"));
  if (stop && time)
    return Fail(Code::kInvalid, "stop-timeout and time are redundant and cannot be used together");
  return stop.value_or(time.value_or(record.stop_timeout));
}

// As `date` prints it, UTC.
std::string DateOf(int64_t nanoseconds) {
  time_t seconds = nanoseconds / 1'000'000'000;
  struct tm fields;
  char text[64];
  if (gmtime_r(&seconds, &fields) == nullptr) return "";
  return {text, strftime(text, sizeof text, "%a %b %e %H:%M:%S UTC %Y", &fields)};
}

std::string OwnPath(const std::string& fallback) {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : fallback;
}

// The options that lead to the same store from a service manager's environment, which has none of this
// shell's variables: what no file of settings says, and what is not where the user's login session has it
// anyway.
std::vector<std::string> GlobalsOf(const Command& command, const Settings& settings) {
  std::vector<std::string> globals;
  const struct passwd* user = getpwuid(getuid());
  const std::string home = user != nullptr ? user->pw_dir : "";
  const std::string uid = std::to_string(getuid());
  if (command.line.global.Has("config"))
    globals.push_back("--config=" + command.line.global.String("config"));
  for (const Settings::Origin& origin : settings.origins) {
    bool ours = origin.origin == "flag" || origin.origin == "environment" || origin.origin == "default";
    if (!ours) continue;
    if (origin.key == "storage.root" && settings.storage_root != home + "/.local/share/wolffia")
      globals.push_back("--root=" + settings.storage_root);
    if (origin.key == "storage.runroot" && settings.storage_runroot != "/run/user/" + uid + "/wolffia")
      globals.push_back("--runroot=" + settings.storage_runroot);
  }
  return globals;
}

// Specifiers are expanded in PIDFile=; nothing else has a meaning there.
std::string PidFile(const Settings& settings, const std::string& id) {
  std::string name = "/pids/" + id + ".pid";
  if (settings.storage_runroot == "/run/user/" + std::to_string(getuid()) + "/wolffia")
    return "%t/wolffia" + name;
  std::string out;
  for (char c : settings.storage_runroot) out.append(c == '%' ? 2 : 1, c);
  return out + name;
}

// "NAME=VALUE" of the variables that the container got from the environment in which it was made.
std::vector<std::string> Inherited(const RuntimeSpec& spec, const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names)
    for (const std::string& variable : spec.process.env)
      if (variable.starts_with(name + "=")) out.push_back(variable);
  return out;
}

Result<UnitRequest> RequestOf(const Command& command, const Session& session, const ContainerRecord& record) {
  const OptionValues& options = command.options();
  UnitRequest request{.id = record.id, .name = record.name};
  request.by_name = options.Bool("name");
  request.program = OwnPath("/usr/bin/wolffia");
  request.globals = GlobalsOf(command, session.settings);
  request.store_root = session.settings.storage_root;
  request.pid_file = PidFile(session.settings, record.id);
  request.prefix = options.String("container-prefix");
  request.separator = options.String("separator");
  if (!options.Bool("no-header")) {
    request.version = WOLFFIA_VERSION;
    request.created = DateOf(command.context.now());
  }
  request.wants = options.List("wants");
  request.after = options.List("after");
  request.requires_units = options.List("requires");
  request.env = options.List("env");
  if (options.Has("restart-policy")) request.restart_policy = options.String("restart-policy");
  request.restart_sec = TRY(Seconds(options, "restart-sec")).value_or(0);
  request.start_timeout = TRY(Seconds(options, "start-timeout"));
  request.stop_timeout = TRY(StopTimeout(options, record));
  request.container_restart = record.restart_policy;
  if (record.restart_retries > 0) request.container_restart += ":" + std::to_string(record.restart_retries);
  if (!options.Bool("new")) return request;
  CreateCommand created = TRY_WITH(ReadCreateCommand(record.create_command),
                                   "cannot use --new on container \"" + record.name + "\"");
  request.run = std::move(created.run);
  request.has_name = created.has_name;
  if (!created.inherited_env.empty())
    request.inherited_env =
        Inherited(TRY(ContainerStore(session.store).ReadSpec(record.id)), created.inherited_env);
  return request;
}

// --files: into the working directory. The path, for the user.
Result<std::string> WriteUnit(const SystemdUnit& unit) {
  std::string name = unit.service + ".service";
  TRY_WITH(ReplaceFileAt(AT_FDCWD, name, unit.text, 0644, Durability::kVolatile), "write " + name);
  char* directory = getcwd(nullptr, 0);
  std::string path = (directory != nullptr ? std::string(directory) + "/" : "") + name;
  free(directory);
  return path;
}

}  // namespace

Result<int> GenerateSystemdVerb(const Command& command) {
  std::string format = command.options().String("format");
  if (!format.empty() && format != "json")
    return Fail(Code::kInvalid, "unknown --format argument: " + format);
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerStore containers(session.store);
  ContainerRecord record = TRY(containers.Get(TRY(containers.Lookup(command.line.arguments[0])))).record;
  UnitRequest request = TRY(RequestOf(command, session, record));
  SystemdUnit unit = TRY(MakeSystemdUnit(request));
  if (!request.run && !record.restart_policy.empty() && record.restart_policy != "no")
    command.context.Warn(
        "Container " + record.id + " has restart policy \"" + record.restart_policy +
        "\": it starts again by itself, and systemd does not see it; consider to make it without, "
        "and to leave that to systemd");
  std::string shown = command.options().Bool("files") ? TRY(WriteUnit(unit)) : unit.text;
  if (format == "json")
    Print(ToJsonText(Value{{unit.service, shown}}));
  else
    Print(command.options().Bool("files") ? shown + "\n" : shown);
  return 0;
}

}  // namespace wolffia
