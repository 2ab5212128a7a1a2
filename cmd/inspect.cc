// wolffia inspect.
#include "cmd/inspect.h"

#include <nlohmann/json.hpp>

#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

Result<Value> DescribeContainerNamed(const Session& session, const std::string& typed) {
  ContainerStore containers(session.store);
  return DescribeContainer(session.store, TRY(containers.Get(TRY(containers.Lookup(typed)))));
}

Result<Value> DescribeImageNamed(const Session& session, const std::string& typed) {
  ImageRecord record = TRY(ResolveImage(session, typed));
  ImageGroup group{{record}};
  for (ImageRecord& other : TRY(ImageStore(session.store).List()))
    if (other.config == record.config && other.name != record.name) group.records.push_back(std::move(other));
  return DescribeImage(session.store, group);
}

// A container before an image, where the type is left open.
Result<Value> Describe(const Session& session, const std::string& type, const std::string& typed) {
  if (type != "image") {
    auto container = DescribeContainerNamed(session, typed);
    if (container || type == "container" || container.error().code != Code::kNotFound) return container;
  }
  auto image = DescribeImageNamed(session, typed);
  if (!image && image.error().code == Code::kNotFound && type == "all")
    return Fail(Code::kNotFound, "no such object: \"" + typed + "\"");
  return image;
}

}  // namespace

Result<int> InspectVerb(const Command& command) {
  const OptionValues& options = command.options();
  std::string type = options.String("type"), format = options.String("format");
  if (type != "all" && type != "container" && type != "image")
    return Fail(Code::kInvalid, "invalid type \"" + type + "\": there are container, image and all");
  Session session = TRY(OpenSession(command));
  Value found = Value::array();
  std::vector<Error> errors;
  for (const std::string& typed : command.line.arguments) {
    auto value = Describe(session, type, typed);
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
