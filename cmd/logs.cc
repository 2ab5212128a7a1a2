// wolffia logs.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cmd/container_names.h"
#include "cmd/dispatch.h"
#include "cmd/log_printer.h"
#include "cmd/time_flag.h"
#include "engine/runtime/control_protocol.h"
#include "engine/runtime/log_reader.h"
#include "engine/runtime/log_watch.h"
#include "engine/runtime/log_writer.h"
#include "storage/container_store.h"

namespace wolffia {
namespace {

constexpr int kLookAgainMs = 250;  // where the kernel can't wake us

// One container's log, while it is being printed.
struct Source {
  std::string id;
  LogReader reader;
  LogLines lines;
  std::optional<LogRecord> next;
  LogPrinter::OpenLine open[2] = {};
  std::optional<LogWatch> watch;
  bool ended = false;
};

class LogsRun {
 public:
  LogsRun(const Command& command, const Store& store) : command_(command), store_(store) {}

  Result<> Open(const std::vector<ChosenOne>& containers) {
    const OptionValues& options = command_.options();
    TimeRange range = TRY(ReadTimeRange(options, command_.context.now()));
    until_ns_ = range.until_ns;
    follow_ = options.Bool("follow");
    LogSelection selection{range.since_ns, range.until_ns, options.Int("tail", -1), !follow_};
    for (const ChosenOne& one : containers) TRY(Add(one.status, selection, containers.size() > 1));
    return {};
  }

  Result<int> Run() {
    for (;;) {
      bool over = Prepare();
      TRY(PrintAll());
      if (!printer_.Flush()) return Unread();
      if (over || Done()) break;
      Wait();
      if (reader_gone_) return kExitEngine;
    }
    for (Source& source : sources_) {
      printer_.Finish(kStdout, source.open[0]);
      printer_.Finish(kStderr, source.open[1]);
    }
    return printer_.Flush() ? 0 : Unread();
  }

 private:
  Result<> Add(const ContainerStatus& status, const LogSelection& selection, bool several) {
    const ContainerRecord& record = status.record;
    std::string directory = ContainerStore(store_).DirectoryOf(record.id);
    LogReader reader = TRY(LogReader::Open(record.log, directory, selection));
    Source source{.id = record.id, .reader = std::move(reader)};
    const OptionValues& options = command_.options();
    source.lines.timestamps = options.Bool("timestamps");
    source.lines.whole_lines = several;
    if (several) source.lines.prefix = (options.Bool("names") ? record.name : record.id.substr(0, 12)) + " ";
    if (follow_)
      if (auto watch = LogWatch::Open(LogPath(record.log, directory), directory))
        source.watch = std::move(*watch);
    sources_.push_back(std::move(source));
    return {};
  }

  // Whether this look is the last one. What changes from now on wakes the next Wait.
  bool Prepare() {
    if (!follow_) return true;
    bool over = true;
    for (Source& source : sources_) {
      if (source.ended) continue;
      if (source.watch) source.watch->Rearm();
      auto status = ContainerStore(store_).Get(source.id);
      source.ended = !status || status->state !=
                                    ContainerState::kRunning;  // the log is complete before the lock is free
      over &= source.ended;
    }
    return over || command_.context.now() > until_ns_;
  }

  // Oldest first, of all logs.
  Result<> PrintAll() {
    for (Source& source : sources_) source.next = TRY(source.reader.Next());
    for (;;) {
      auto oldest = std::min_element(sources_.begin(), sources_.end(), [](const Source& a, const Source& b) {
        return a.next && (!b.next || a.next->time_ns < b.next->time_ns);
      });
      if (!oldest->next) return {};
      const LogRecord& record = *oldest->next;
      printer_.Print(record, oldest->lines, oldest->open[record.stream == kStderr]);
      oldest->next = TRY(oldest->reader.Next());
    }
  }

  bool Done() const {
    return std::all_of(sources_.begin(), sources_.end(),
                       [](const Source& source) { return source.reader.PastUntil(); });
  }

  void Wait() {
    std::vector<pollfd> fds{{STDOUT_FILENO, 0, 0}};  // its reader may go, and nothing more be written
    int64_t timeout_ms = -1;
    if (until_ns_ < INT64_MAX)
      timeout_ms = std::clamp<int64_t>((until_ns_ - command_.context.now()) / 1'000'000 + 1, 0, INT32_MAX);
    for (const Source& source : sources_) {
      if (source.ended) continue;
      if (source.watch)
        fds.push_back({source.watch->fd(), POLLIN, 0});
      else
        timeout_ms = timeout_ms < 0 ? kLookAgainMs : std::min<int64_t>(timeout_ms, kLookAgainMs);
    }
    // The close of a lock's file is told a moment before the lock is free: then there may be no other news.
    if (look_again_ && timeout_ms < 0) timeout_ms = kLookAgainMs;
    look_again_ = poll(fds.data(), fds.size(), static_cast<int>(timeout_ms)) > 0;
    if ((fds[0].revents & (POLLERR | POLLNVAL)) != 0) reader_gone_ = true;
  }

  // A closed pipe ends us quietly, as any program.
  static Result<int> Unread() {
    if (errno == EPIPE) return kExitEngine;
    return FailErrno("write the log");
  }

  const Command& command_;
  const Store& store_;
  std::vector<Source> sources_;
  LogPrinter printer_;
  bool follow_ = false, reader_gone_ = false, look_again_ = false;
  int64_t until_ns_ = INT64_MAX;
};

}  // namespace

Result<int> LogsVerb(const Command& command) {
  if (command.line.arguments.empty() && !command.options().Bool("latest"))
    return Fail(Code::kInvalid, "specify at least one container name or ID to log");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  LogsRun run(command, session.store);
  TRY(run.Open(containers));
  return run.Run();
}

}  // namespace wolffia
