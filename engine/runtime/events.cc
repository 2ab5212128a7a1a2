#include "engine/runtime/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/lock.h"
#include "engine/oci/json.h"
#include "storage/container_record.h"

namespace wolffia {
namespace {

constexpr off_t kMaxJournal = 4 << 20;

Result<Fd> OpenJournal(const std::string& runroot) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  auto journal = Open(runroot + "/" + kEventsFile, kFlags, 0600);
  if (journal || journal.error().os_errno != ENOENT) return journal;
  TRY(MakeDirectories(runroot));  // wiped by a logout, say
  return Open(runroot + "/" + kEventsFile, kFlags, 0600);
}

// One that is too long moves aside, whatever was in its place. Whoever has the lock does it; nobody waits for
// that.
void Rotate(const std::string& runroot) {
  auto lock = FileLock::TryAcquire(AT_FDCWD, runroot + "/events.lock");
  if (!lock || !*lock) return;
  std::string path = runroot + "/" + kEventsFile;
  struct stat info;
  if (stat(path.c_str(), &info) < 0 || info.st_size < kMaxJournal) return;
  (void)rename(path.c_str(), (runroot + "/" + kOlderEventsFile).c_str());
}

}  // namespace

std::string SerializeEvent(const Event& event) {
  Json line = {{"time", event.time_ns}, {"type", event.type}, {"status", event.status}};
  auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) line[key] = value;
  };
  add("id", event.id);
  add("name", event.name);
  add("image", event.image);
  if (event.exit_code) line["exit_code"] = *event.exit_code;
  if (!event.attributes.empty()) line["attributes"] = event.attributes;
  return DumpJson(line) + "\n";
}

Result<Event> ParseEvent(std::string_view text) {
  Json line = TRY(ParseJson(text, {.bytes = kMaxEventLine}));
  if (!line.is_object()) return Fail(Code::kInvalid, "an event is not an object");
  Event event;
  event.time_ns = TRY(IntMember(line, "time", "event"));
  event.type = TRY(StringMember(line, "type", "event"));
  event.status = TRY(StringMember(line, "status", "event"));
  event.id = TRY(StringMember(line, "id", "event"));
  event.name = TRY(StringMember(line, "name", "event"));
  event.image = TRY(StringMember(line, "image", "event"));
  if (line.contains("exit_code"))
    event.exit_code = static_cast<int>(TRY(IntMember(line, "exit_code", "event")));
  event.attributes = TRY(StringMapMember(line, "attributes", "event"));
  if (event.type.empty() || event.status.empty())
    return Fail(Code::kInvalid, "an event needs a type and a status");
  return event;
}

void WriteEvent(const Store& store, const Event& event) {
  std::string line = SerializeEvent(event);
  if (line.size() > kMaxEventLine) {
    Event shorter = event;
    shorter.attributes.clear();
    line = SerializeEvent(shorter);
    if (line.size() > kMaxEventLine) return;
  }
  auto journal = OpenJournal(store.runroot_path());
  if (!journal) return;
  struct stat info;
  if (fstat(journal->get(), &info) < 0 || !S_ISREG(info.st_mode)) return;
  (void)!write(journal->get(), line.data(), line.size());
  if (info.st_size >= kMaxJournal) Rotate(store.runroot_path());
}

void WriteImageEvent(const Context& context, const Store& store, std::string_view status,
                     const ImageRecord& image) {
  WriteEvent(store, {.time_ns = context.now(),
                     .type = "image",
                     .status = std::string(status),
                     .id = image.config.hex(),
                     .name = image.name});
}

void WriteContainerEvent(const Context& context, const Store& store, const std::string& id,
                         std::string_view status, std::map<std::string, std::string> attributes,
                         std::optional<int> exit_code) {
  Event event;
  event.time_ns = context.now();
  event.status = status;
  event.id = id;
  event.exit_code = exit_code;
  event.attributes = std::move(attributes);
  if (auto record = ReadContainer(store, "containers/" + id)) {
    event.name = record->name;
    event.image = record->image_name;
    event.attributes.merge(record->labels);
  }
  WriteEvent(store, event);
}

}  // namespace wolffia
