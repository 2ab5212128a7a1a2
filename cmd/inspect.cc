// wolffia inspect.
#include "cmd/inspect.h"

#include <nlohmann/json.hpp>

#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

class Inspection {
 public:
  Inspection(const Command& command, const Session& session)
      : command_(command), session_(session), type_(command.options().String("type")) {}

  // A container before an image before a volume, where the type is left open.
  Result<Value> Of(const std::string& typed) const {
    auto missing = [](const Result<Value>& found) { return !found && found.error().code == Code::kNotFound; };
    if (type_ == "container") return Container(typed);
    if (type_ == "image") return Image(typed);
    if (type_ == "volume") return Volume(typed);
    auto found = Container(typed);
    if (missing(found)) found = Image(typed);
    if (missing(found)) found = Volume(typed);
    if (missing(found)) return Fail(Code::kNotFound, "no such object: \"" + typed + "\"");
    return found;
  }

 private:
  Result<Value> Container(const std::string& typed) const {
    const bool size = command_.options().Bool("size");
    ContainerStore containers(session_.store);
    ContainerStatus status = TRY(containers.Get(TRY(containers.Lookup(typed))));
    ContainerDetails details = TRY(ReadContainerDetails(session_.store, status));
    if (size) details.size = TRY(ContainerMeasure(command_.context, session_.store).Of(status));
    return DescribeContainer(details);
  }

  Result<Value> Image(const std::string& typed) const {
    ImageRecord record = TRY(ResolveImage(session_, typed));
    ImageGroup group{{record}};
    for (ImageRecord& other : TRY(ImageStore(session_.store).List()))
      if (other.config == record.config && other.name != record.name)
        group.records.push_back(std::move(other));
    return DescribeImage(session_.store, group);
  }

  Result<Value> Volume(const std::string& typed) const {
    VolumeStore volumes(session_.store);
    VolumeRecord record = TRY(volumes.Get(typed));
    size_t users = TRY(volumes.Users(record.name)).size();
    return DescribeVolume(session_.store, record, users);
  }

  const Command& command_;
  const Session& session_;
  const std::string type_;
};

Result<std::vector<std::string>> Typed(const Command& command, const Store& store) {
  const OptionValues& options = command.options();
  std::vector<std::string> typed = command.line.arguments;
  if (!options.Bool("latest")) {
    if (typed.empty())
      return Fail(Code::kInvalid, "a container, image or volume is missing\nSee 'wolffia inspect --help'");
    return typed;
  }
  if (!typed.empty()) return Fail(Code::kInvalid, "--latest and arguments cannot be used together");
  if (options.String("type") != "all" && options.String("type") != "container")
    return Fail(Code::kInvalid,
                "--latest is of containers: it cannot be used with --type=" + options.String("type"));
  std::vector<ContainerStatus> all = TRY(ContainerStore(store).List());
  if (all.empty()) return Fail(Code::kNotFound, "no containers to inspect: no such container");
  return std::vector<std::string>{all[0].record.id};
}

}  // namespace

Result<int> InspectVerb(const Command& command) {
  const OptionValues& options = command.options();
  std::string type = options.String("type"), format = options.String("format");
  if (type != "all" && type != "container" && type != "image" && type != "volume")
    return Fail(Code::kInvalid, "invalid type \"" + type + "\": there are container, image, volume and all");
  if (options.Bool("size") && (type == "image" || type == "volume"))
    return Fail(Code::kInvalid, "size is not supported for type \"" + type + "\"");
  Session session = TRY(OpenSession(command));
  Inspection inspection(command, session);
  Value found = Value::array();
  std::vector<Error> errors;
  for (const std::string& typed : TRY(Typed(command, session.store))) {
    auto value = inspection.Of(typed);
    if (value)
      found.push_back(*std::move(value));
    else
      errors.push_back(value.error());
  }
  if (format.empty() || format == "json") {
    Print(ToJsonText(found));
  } else {
    for (const Value& value : found) Print(TRY(RenderValue(value, format)));
  }
  for (const Error& error : errors) PrintError(error);
  return errors.empty() ? 0 : kExitEngine;
}

}  // namespace wolffia
