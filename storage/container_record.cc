#include "storage/container_record.h"

#include "storage/container_parts_json.h"
#include "storage/network_json.h"
#include "storage/record_json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 16 << 20;  // the command and the labels of a user are in it

// What older versions did not write keeps its default.
Result<> ReadLifecycle(const Json& document, std::string_view where, ContainerRecord& r) {
  r.tty = TRY(BoolMember(document, "tty", where));
  r.detached = TRY(BoolMember(document, "detached", where));
  r.stdin_once = TRY(BoolMember(document, "stdin_once", where));
  if (std::string signal = TRY(StringMember(document, "stop_signal", where)); !signal.empty())
    r.stop_signal = std::move(signal);
  if (document.contains("stop_timeout")) r.stop_timeout = TRY(AnyIntMember(document, "stop_timeout", where));
  r.timeout = TRY(SmallIntMember(document, "timeout", where));
  r.restart_policy = TRY(StringMember(document, "restart_policy", where));
  r.restart_retries = TRY(SmallIntMember(document, "restart_retries", where));
  r.pid_file = TRY(StringMember(document, "pid_file", where));
  r.monitor_pid_file = TRY(StringMember(document, "monitor_pid_file", where));
  r.pid_mode = TRY(StringMember(document, "pid_mode", where));
  r.ipc_mode = TRY(StringMember(document, "ipc_mode", where));
  r.uts_mode = TRY(StringMember(document, "uts_mode", where));
  r.create_command = TRY(StringsMember(document, "create_command", where));
  r.ports = TRY(StringsMember(document, "ports", where));
  r.mounts = TRY(StringsMember(document, "mounts", where));
  r.id_file = TRY(StringMember(document, "id_file", where));
  r.passwd = !TRY(BoolMember(document, "no_passwd", where));
  r.log = TRY(LogMember(document, "log", where));
  r.health = TRY(HealthMember(document, "health", where));
  r.volumes = TRY(VolumesMember(document, "volumes", where));
  r.images = TRY(ImagesMember(document, "images", where));
  r.secrets = TRY(SecretsMember(document, "secrets", where));
  r.network_config = TRY(NetworkConfigMember(document, "network_config", r.network, where));
  r.cgroup = TRY(CgroupMember(document, "cgroup", where));
  return {};
}

Phase PhaseOf(std::string_view name) {
  for (Phase phase :
       {Phase::kInitialized, Phase::kPaused, Phase::kRestarting, Phase::kStopping, Phase::kMounted})
    if (name == PhaseName(phase)) return phase;
  return Phase::kRunning;
}

// Without what is read as the same where it is missing: half of a record, which is read often. A stop timeout
// of zero is not the default.
std::string DumpNonEmpty(Json record) {
  std::erase_if(record.get_ref<Json::object_t&>(), [](const auto& member) {
    const Json& value = member.second;
    return member.first != "stop_timeout" && (value == "" || value == 0 || value == false || value.empty());
  });
  return DumpRecord(record);
}

}  // namespace

bool IsContainerId(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string SerializeContainer(const ContainerRecord& r) {
  Json record = {{"id", r.id},
                 {"name", r.name},
                 {"image_name", r.image_name},
                 {"image_id", DigestText(r.image_id)},
                 {"chain", DigestText(r.chain)},
                 {"diff_ids", ToJson(r.diff_ids)},
                 {"command", r.command},
                 {"entrypoint", r.entrypoint},
                 {"upper", r.upper},
                 {"size", r.size},
                 {"inodes", r.inodes},
                 {"memory", r.memory},
                 {"interactive", r.interactive},
                 {"rootfs", r.rootfs},
                 {"auto_remove", r.auto_remove},
                 {"network", r.network},
                 {"userns", r.userns},
                 {"platform", r.platform},
                 {"created_ns", r.created_ns},
                 {"labels", r.labels},
                 {"annotations", r.annotations},
                 {"tty", r.tty},
                 {"detached", r.detached},
                 {"stdin_once", r.stdin_once},
                 {"stop_signal", r.stop_signal},
                 {"stop_timeout", r.stop_timeout},
                 {"timeout", r.timeout},
                 {"restart_policy", r.restart_policy},
                 {"restart_retries", r.restart_retries},
                 {"log", ToJson(r.log)},
                 {"volumes", ToJson(r.volumes)},
                 {"images", ToJson(r.images)},
                 {"secrets", ToJson(r.secrets)},
                 {"pid_file", r.pid_file},
                 {"monitor_pid_file", r.monitor_pid_file},
                 {"pid_mode", r.pid_mode},
                 {"ipc_mode", r.ipc_mode},
                 {"uts_mode", r.uts_mode},
                 {"create_command", r.create_command},
                 {"ports", r.ports},
                 {"mounts", r.mounts},
                 {"id_file", r.id_file},
                 {"no_passwd", !r.passwd},
                 {"network_config", ToJson(r.network_config)},
                 {"cgroup", ToJson(r.cgroup)}};
  if (r.health) record["health"] = ToJson(*r.health);
  return DumpNonEmpty(std::move(record));
}

Result<ContainerRecord> ParseContainer(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  ContainerRecord r;
  r.id = TRY(StringMember(document, "id", where));
  r.name = TRY(StringMember(document, "name", where));
  r.image_name = TRY(StringMember(document, "image_name", where));
  r.image_id = TRY(DigestMember(document, "image_id", where));
  r.chain = TRY(DigestMember(document, "chain", where));
  r.diff_ids = TRY(DigestsMember(document, "diff_ids", where));
  r.command = TRY(StringsMember(document, "command", where));
  r.entrypoint = TRY(StringsMember(document, "entrypoint", where));
  r.upper = TRY(StringMember(document, "upper", where));
  r.size = TRY(UintMember(document, "size", where, UINT64_MAX));
  r.inodes = TRY(UintMember(document, "inodes", where, UINT64_MAX));
  r.memory = TRY(BoolMember(document, "memory", where));
  r.interactive = TRY(BoolMember(document, "interactive", where));
  r.rootfs = TRY(StringMember(document, "rootfs", where));
  r.auto_remove = TRY(BoolMember(document, "auto_remove", where));
  r.network = TRY(StringMember(document, "network", where));
  r.userns = TRY(StringMember(document, "userns", where));
  r.platform = TRY(StringMember(document, "platform", where));
  r.created_ns = TRY(IntMember(document, "created_ns", where));
  r.labels = TRY(StringMapMember(document, "labels", where));
  r.annotations = TRY(StringMapMember(document, "annotations", where));
  TRY(ReadLifecycle(document, where, r));
  if (!IsContainerId(r.id)) return Fail(Code::kInvalid, std::string(where) + ": it has no container id");
  return r;
}

Result<ContainerRecord> ReadContainer(const Store& store, const std::string& directory) {
  const std::string path = directory + "/config.json";
  return ParseContainer(TRY(ReadFileAt(store.root(), path, kMaxRecordBytes)), path);
}

std::string SerializeStarted(const StartedRecord& r) {
  return DumpNonEmpty({{"pid", r.pid},
                       {"monitor_pid", r.monitor_pid},
                       {"started_ns", r.started_ns},
                       {"monitor_ticks", r.monitor_ticks},
                       {"boot_id", r.boot_id},
                       {"restarts", r.restarts},
                       {"cgroup", r.cgroup}});
}

Result<StartedRecord> ParseStarted(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  StartedRecord r;
  r.pid = TRY(SmallIntMember(document, "pid", where));
  r.monitor_pid = TRY(SmallIntMember(document, "monitor_pid", where));
  r.started_ns = TRY(IntMember(document, "started_ns", where));
  r.monitor_ticks = TRY(IntMember(document, "monitor_ticks", where));
  r.boot_id = TRY(StringMember(document, "boot_id", where));
  r.restarts = TRY(SmallIntMember(document, "restarts", where));
  r.cgroup = TRY(StringMember(document, "cgroup", where));
  return r;
}

std::string SerializeExit(const ExitRecord& r) {
  return DumpNonEmpty({{"exit_code", r.exit_code},
                       {"finished_ns", r.finished_ns},
                       {"error", r.error},
                       {"stopped", r.stopped},
                       {"oom", r.oom},
                       {"restarts", r.restarts},
                       {"log_lost", r.log_lost}});
}

Result<ExitRecord> ParseExit(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  ExitRecord r;
  r.exit_code = TRY(SmallIntMember(document, "exit_code", where));
  r.finished_ns = TRY(IntMember(document, "finished_ns", where));
  r.error = TRY(StringMember(document, "error", where));
  r.stopped = TRY(BoolMember(document, "stopped", where));
  r.oom = TRY(BoolMember(document, "oom", where));
  r.restarts = TRY(SmallIntMember(document, "restarts", where));
  r.log_lost = TRY(IntMember(document, "log_lost", where));
  return r;
}

std::string SerializeLive(const LiveRecord& r) {
  Json record = {{"phase", PhaseName(r.phase)},
                 {"restarts", r.restarts},
                 {"next_ns", r.next_ns},
                 {"log_lost", r.log_lost}};
  if (r.health) record["health"] = ToJson(*r.health);
  return DumpRecord(record);
}

Result<LiveRecord> ParseLive(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  LiveRecord r;
  r.phase = PhaseOf(TRY(StringMember(document, "phase", where)));
  r.restarts = TRY(SmallIntMember(document, "restarts", where));
  r.next_ns = TRY(IntMember(document, "next_ns", where));
  r.log_lost = TRY(IntMember(document, "log_lost", where));
  r.health = TRY(HealthStateMember(document, "health", where));
  return r;
}

}  // namespace wolffia
