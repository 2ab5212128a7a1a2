// EventReader: the events of the journal, oldest first, and then those that come. Lines that are no events
// are skipped.
#pragma once

#include <memory>
#include <optional>

#include "engine/runtime/events.h"

namespace wolffia {

class EventReader {
 public:
  // With `follow` new events are waited for by inotify.
  static Result<EventReader> Open(const Store& store, bool follow);
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;
  ~EventReader();

  Result<std::optional<Event>> Next();  // nullopt: nothing more yet
  // Readable (poll) when there may be more; -1 without `follow`. Next empties it.
  int fd() const;

 private:
  class Impl;
  explicit EventReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
