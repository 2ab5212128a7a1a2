// wolffia rmi.
#include <algorithm>

#include "cmd/container_removal.h"
#include "cmd/image_view.h"
#include "cmd/verbs.h"
#include "engine/runtime/events.h"
#include "storage/gc.h"

namespace wolffia {
namespace {

bool MeansId(std::string_view typed, const ImageRecord& record) {
  if (typed.starts_with("sha256:")) return true;
  bool prefix = record.config.hex().starts_with(typed);
  return prefix && (record.name.empty() || !NameMatches(record.name, std::string(typed)));
}

class Removal {
 public:
  Removal(const Command& command, const Session& session)
      : context_(command.context), session_(session), force_(command.options().Bool("force")) {}

  Result<> ByName(const std::string& typed) {
    ImageRecord record = TRY(ResolveImage(session_, typed));
    ImageGroup group = TRY(GroupOf(record));
    if (!MeansId(typed, record) && group.records.size() > 1 && !record.name.empty()) return Untag(record);
    std::vector<std::string> names = group.Names();
    if (names.size() > 1 && !force_) {
      std::string list;
      for (const std::string& name : names) list += (list.empty() ? "" : " ") + name;
      return Fail(Code::kBusy, "unable to delete image \"" + record.config.hex() +
                                   "\" by ID with more than one tag ([" + list + "]): please force removal");
    }
    return Delete(group);
  }

  Result<> Delete(const ImageGroup& group) {
    std::vector<ContainerStatus> containers = TRY(ContainerStore(session_.store).List());
    for (const ContainerStatus* user : UsersOf(group.id(), containers)) {
      if (!force_)
        return Fail(Code::kBusy, "image used by " + user->record.id +
                                     ": image is in use by a container: remove it (" + user->record.name +
                                     ") first, or use --force");
      TRY_WITH(RemoveContainer(context_, session_.store, user->record.id, true),
               "container " + user->record.name);
    }
    ImageStore images(session_.store);
    for (const ImageRecord& record : group.records) {
      TRY(images.RemoveName(record, false));
      if (record.name.empty()) continue;
      PrintLine("Untagged: " + record.name);
      WriteImageEvent(context_, session_.store, "untag", record);
    }
    ImageRecord gone = group.records[0];
    gone.name.clear();
    WriteImageEvent(context_, session_.store, "remove", gone);
    PrintLine("Deleted: " + group.id().hex());
    return {};
  }

 private:
  Result<> Untag(const ImageRecord& record) {
    TRY(ImageStore(session_.store).RemoveName(record, false));
    PrintLine("Untagged: " + record.name);
    WriteImageEvent(context_, session_.store, "untag", record);
    return {};
  }

  Result<ImageGroup> GroupOf(const ImageRecord& record) {
    ImageGroup group;
    for (ImageRecord& other : TRY(ImageStore(session_.store).List()))
      if (other.config == record.config) group.records.push_back(std::move(other));
    if (group.records.empty()) group.records.push_back(record);
    return group;
  }

  const Context& context_;
  const Session& session_;
  bool force_;
};

}  // namespace

Result<int> RmiVerb(const Command& command) {
  const auto& typed = command.line.arguments;
  const OptionValues& options = command.options();
  bool all = options.Bool("all"), ignore = options.Bool("ignore");
  if (all && !typed.empty()) return Fail(Code::kInvalid, "--all takes no image names");
  if (!all && typed.empty())
    return Fail(Code::kInvalid, "an image's name or id is missing\nSee 'wolffia rmi --help'");
  Session session = TRY(OpenSession(command));
  SweepContainers(command.context, session.store);  // or a dead container would still hold its image
  Removal removal(command, session);
  bool missing = false, in_use = false, other = false;
  auto note = [&](const Result<>& result) {
    if (result || (ignore && result.error().code == Code::kNotFound)) return;
    PrintError(result.error());
    int code = RemovalExitCode(result.error());
    (code == 1 ? missing : code == 2 ? in_use : other) = true;
  };
  if (all)
    for (const ImageGroup& group : GroupImages(TRY(ImageStore(session.store).List())))
      note(removal.Delete(group));
  for (const std::string& name : typed) note(removal.ByName(name));
  auto collected = CollectGarbage(session.store);
  if (!collected)
    note(std::unexpected(std::move(collected.error()).With("free the space of removed images")));
  return in_use ? 2 : other ? kExitEngine : missing ? 1 : 0;
}

}  // namespace wolffia
