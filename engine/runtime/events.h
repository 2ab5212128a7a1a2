// Events: the journal of what happened to containers, images, volumes and secrets, in the runtime directory.
// Losing one is never an error.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/context.h"
#include "storage/store.h"

namespace wolffia {

struct Event {
  int64_t time_ns = 0;
  std::string type = "container";  // container image volume secret system
  std::string status;  // podman's: create init start attach died exec exec_died kill pause unpause stop
                       // restart remove rename health_status prune ...
  std::string id, name, image;
  std::optional<int> exit_code;
  std::map<std::string, std::string> attributes;
};

void WriteEvent(const Store& store, const Event& event);
// Fills name and image from config.json.
void WriteContainerEvent(const Context& context, const Store& store, const std::string& id,
                         std::string_view status, std::map<std::string, std::string> attributes = {},
                         std::optional<int> exit_code = {});

class EventReader {
 public:
  static Result<EventReader> Open(const Store& store);
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;
  ~EventReader();

  Result<std::optional<Event>> Next();  // nullopt: nothing more yet
  int fd() const;                       // readable (poll) when there may be more

 private:
  class Impl;
  explicit EventReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
