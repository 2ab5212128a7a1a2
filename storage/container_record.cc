#include "storage/container_record.h"

#include "storage/record_json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 16 << 20;  // the command and the labels of a user are in it

Result<int> SmallIntMember(const Json& object, const char* name, std::string_view where) {
  int64_t value = TRY(IntMember(object, name, where));
  if (value < 0 || value > INT32_MAX)
    return Fail(Code::kInvalid,
                std::string(where) + "." + name + ": " + std::to_string(value) + " is out of range");
  return static_cast<int>(value);
}

}  // namespace

bool IsContainerId(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string SerializeContainer(const ContainerRecord& r) {
  return DumpRecord({{"id", r.id},
                     {"name", r.name},
                     {"image_name", r.image_name},
                     {"image_id", DigestText(r.image_id)},
                     {"chain", DigestText(r.chain)},
                     {"diff_ids", ToJson(r.diff_ids)},
                     {"command", r.command},
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
                     {"annotations", r.annotations}});
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
  if (!IsContainerId(r.id)) return Fail(Code::kInvalid, std::string(where) + ": it has no container id");
  return r;
}

Result<ContainerRecord> ReadContainer(const Store& store, const std::string& directory) {
  const std::string path = directory + "/config.json";
  return ParseContainer(TRY(ReadFileAt(store.root(), path, kMaxRecordBytes)), path);
}

std::string SerializeStarted(const StartedRecord& r) {
  return DumpRecord({{"pid", r.pid}, {"monitor_pid", r.monitor_pid}, {"started_ns", r.started_ns}});
}

Result<StartedRecord> ParseStarted(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  StartedRecord r;
  r.pid = TRY(SmallIntMember(document, "pid", where));
  r.monitor_pid = TRY(SmallIntMember(document, "monitor_pid", where));
  r.started_ns = TRY(IntMember(document, "started_ns", where));
  return r;
}

std::string SerializeExit(const ExitRecord& r) {
  return DumpRecord({{"exit_code", r.exit_code}, {"finished_ns", r.finished_ns}, {"error", r.error}});
}

Result<ExitRecord> ParseExit(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  ExitRecord r;
  r.exit_code = TRY(SmallIntMember(document, "exit_code", where));
  r.finished_ns = TRY(IntMember(document, "finished_ns", where));
  r.error = TRY(StringMember(document, "error", where));
  return r;
}

}  // namespace wolffia
