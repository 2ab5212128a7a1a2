// Events as `wolffia events` selects and prints them. Pure.
#pragma once

#include <string>
#include <vector>

#include "cmd/filter.h"
#include "cmd/template/template.h"
#include "engine/runtime/events.h"

namespace wolffia {

// --filter: values of one key are alternatives, different keys must all match.
class EventFilter {
 public:
  // Keys: container, event (or status), image, label, type, volume, secret.
  static Result<EventFilter> Parse(const std::vector<std::string>& typed);
  bool Matches(const Event& event) const;

 private:
  std::vector<Filter> filters_;
};

// As podman prints it: "2026-01-02 15:04:05.000000006 +0000 UTC container start <id> (image=IMG, name=NAME,
// label=x)".
std::string EventLine(const Event& event, bool short_ids);

// The fields of templates and of JSON, with podman's names.
Value EventFields(const Event& event, bool short_ids);

}  // namespace wolffia
