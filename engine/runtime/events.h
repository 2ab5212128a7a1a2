// Events: the journal of what happened to containers, images, volumes and secrets. It lies in the runtime
// directory (events.log, JSON lines; events.log.1 is what came before it reached 4 MiB) and is gone at
// reboot. Each event is one write with O_APPEND, so writers need no lock. Losing one is never an error.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/context.h"
#include "storage/image_store.h"

namespace wolffia {

struct Event {
  int64_t time_ns = 0;
  std::string type = "container";  // container image volume secret system
  std::string status;  // podman's: create init start attach died exec exec_died kill pause unpause stop
                       // restart remove rename health_status prune ...
  std::string id, name, image;
  std::optional<int> exit_code;
  std::map<std::string, std::string> attributes;
  bool operator==(const Event&) const = default;
};

void WriteEvent(const Store& store, const Event& event);
// Fills name, image and the attributes that are the container's labels from config.json, and the time.
void WriteContainerEvent(const Context& context, const Store& store, const std::string& id,
                         std::string_view status, std::map<std::string, std::string> attributes = {},
                         std::optional<int> exit_code = {});

void WriteImageEvent(const Context& context, const Store& store, std::string_view status,
                     const ImageRecord& image);

// One line of the journal, line feed and all.
std::string SerializeEvent(const Event& event);
Result<Event> ParseEvent(std::string_view line);

inline constexpr char kEventsFile[] = "events.log", kOlderEventsFile[] = "events.log.1";
inline constexpr size_t kMaxEventLine = 64 << 10;

}  // namespace wolffia
