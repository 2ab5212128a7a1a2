// wolffia events.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/event_view.h"
#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/time_flag.h"
#include "engine/runtime/event_reader.h"

namespace wolffia {
namespace {

// How an event is printed: podman's line, JSON, or a template.
class EventPrinter {
 public:
  static Result<EventPrinter> Of(const OptionValues& options) {
    EventPrinter printer;
    printer.short_ids_ = options.Has("no-trunc") && !options.Bool("no-trunc");
    std::string format = options.String("format");
    printer.json_ = format == "json" || format == "{{json .}}";
    if (format.starts_with("table"))
      return Fail(Code::kInvalid,
                  "--format: events come one by one and make no table; use a template without it");
    if (!format.empty() && !printer.json_) {
      printer.template_ = TRY(Template::Parse(format));
      // A field that does not exist is told now, and not when something happens.
      (void)TRY(printer.template_->Execute(printer.Fields({.exit_code = 0}), printer.options_));
    }
    return printer;
  }

  Result<> PrintEvent(const Event& event) const {
    if (json_)
      PrintLine(EventFields(event, short_ids_).dump(-1, ' ', false, Value::error_handler_t::replace));
    else if (template_)
      PrintLine(TRY(template_->Execute(Fields(event), options_)));
    else
      PrintLine(TerminalText(EventLine(event, short_ids_)));
    return {};
  }

 private:
  EventPrinter() { options_.maps.insert("Attributes"); }
  Value Fields(const Event& event) const {
    Value fields = EventFields(event, short_ids_);
    if (!event.exit_code) fields["ContainerExitCode"] = 0;  // a struct has all its fields
    return fields;
  }

  bool short_ids_ = false, json_ = false;
  std::optional<Template> template_;
  TemplateOptions options_;
};

// Until something happens, `until` has come, or nobody reads our output any more (false).
bool AwaitEvent(const Command& command, const EventReader& reader, int64_t until_ns) {
  pollfd fds[] = {{reader.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  int64_t timeout_ms = -1;
  if (until_ns < INT64_MAX)
    timeout_ms = std::clamp<int64_t>((until_ns - command.context.now()) / 1'000'000 + 1, 0, INT32_MAX);
  (void)poll(fds, 2, static_cast<int>(timeout_ms));
  return (fds[1].revents & (POLLERR | POLLNVAL)) == 0;
}

}  // namespace

Result<int> EventsVerb(const Command& command) {
  const OptionValues& options = command.options();
  const int64_t begin_ns = command.context.now();
  EventFilter filter = TRY(EventFilter::Parse(options.List("filter")));
  TimeRange range = TRY(ReadTimeRange(options, begin_ns));
  EventPrinter printer = TRY(EventPrinter::Of(options));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const bool stream = !options.Has("stream") || options.Bool("stream");
  EventReader reader = TRY(EventReader::Open(session.store, stream));
  const bool past = !stream || options.Has("since") || options.Has("until");
  if (!past)
    while (TRY(reader.Next())) continue;  // only what happens from now on
  for (;;) {
    const bool last = !stream || command.context.now() > range.until_ns;
    while (auto event = TRY(reader.Next()))
      if (event->time_ns >= range.since_ns && event->time_ns <= range.until_ns && filter.Matches(*event))
        TRY(printer.PrintEvent(*event));
    if (!FlushOutput()) return kExitEngine;
    if (last) return 0;
    if (!AwaitEvent(command, reader, range.until_ns)) return kExitEngine;
  }
}

}  // namespace wolffia
