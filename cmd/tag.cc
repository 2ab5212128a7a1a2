// wolffia tag.
#include "cmd/image_view.h"
#include "cmd/verbs.h"
#include "engine/runtime/events.h"

namespace wolffia {
namespace {

// A name without a registry is ours: podman and docker call that localhost too.
Result<std::string> FullName(const std::string& typed) {
  Reference name = TRY(Reference::Parse(typed));
  if (name.digest) return Fail(Code::kInvalid, "tag " + typed + ": a new name cannot have a digest");
  if (name.IsShort()) name.domain = "localhost";
  return name.WithDefaultTag().str();
}

}  // namespace

Result<int> TagVerb(const Command& command) {
  const auto& words = command.line.arguments;
  Session session = TRY(OpenSession(command));
  ImageRecord record = TRY(ResolveImage(session, words[0]));
  std::vector<std::string> names;  // all checked before the first is written
  for (size_t i = 1; i < words.size(); i++) names.push_back(TRY(FullName(words[i])));
  for (std::string& name : names) {
    record.name = std::move(name);
    TRY(ImageStore(session.store).Save(record));
    WriteImageEvent(command.context, session.store, "tag", record);
  }
  return 0;
}

}  // namespace wolffia
