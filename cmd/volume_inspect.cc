// wolffia volume inspect, and volume exists.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/inspect.h"
#include "cmd/report.h"

namespace wolffia {
namespace {

Result<Value> Describe(const Store& store, const std::string& typed) {
  VolumeStore volumes(store);
  auto record = volumes.Get(typed);
  if (!record && record.error().code == Code::kNotFound)
    return Fail(Code::kNotFound, "inspecting object: no such volume " + typed);
  VolumeRecord found = TRY(std::move(record));
  return DescribeVolume(store, found, TRY(volumes.Users(found.name)).size());
}

}  // namespace

Result<int> VolumeInspectVerb(const Command& command) {
  std::vector<std::string> typed = command.line.arguments;
  const bool all = command.options().Bool("all");
  if (all == !typed.empty())
    return Fail(Code::kInvalid, all ? "--all takes no volume names" : "a volume's name is missing, or --all");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  if (all)
    for (const VolumeRecord& record : TRY(VolumeStore(session.store).List())) typed.push_back(record.name);
  Value list = Value::array();
  int code = 0;
  for (const std::string& name : typed) {
    auto volume = Describe(session.store, name);
    if (volume)
      list.push_back(std::move(*volume));
    else
      PrintError(volume.error()), code = kExitEngine;
  }
  const std::string format = command.options().String("format");
  if (format.empty() || format == "json") {
    Print(ToJsonText(list));
  } else {
    for (const Value& volume : list) Print(TRY(RenderValue(volume, format)));
  }
  return code;
}

Result<int> VolumeExistsVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto found = VolumeStore(session.store).Read(command.line.arguments[0]);
  if (!found && CheckVolumeName(command.line.arguments[0]) && found.error().os_errno != ENOENT)
    return std::unexpected(std::move(found.error()));
  return found ? 0 : 1;
}

}  // namespace wolffia
