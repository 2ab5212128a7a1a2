#include "engine/runtime/output_pump.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/runtime/control_protocol.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kFlushAfter = 20 * kMillisecond;
constexpr int64_t kReleaseAfter = 2000 * kMillisecond;
constexpr int64_t kResumeAgain = 100 * kMillisecond;  // the kernel had no memory for a watch
constexpr int kMaxFlushDelays = 5;
constexpr int kFullReadsToGrow = 8;
constexpr int kGrownPipe = 1 << 20;
constexpr size_t kAllowance = 4 << 20;  // more than any pipe of ours holds

int IndexOf(int stream) {
  return stream == kStderr ? 1 : 0;
}

Result<> MakeNonblocking(const Fd& fd) {
  if (!fd) return {};
  int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0)
    return FailErrno("set O_NONBLOCK on a pipe");
  return {};
}

}  // namespace

OutputPump::OutputPump(EventLoop& loop, LogWriter& log, std::function<int64_t()> now)
    : loop_(loop), log_(log), now_(std::move(now)) {}

OutputPump::~OutputPump() {
  for (auto& source : sources_) Pause(*source);
  for (auto& [id, client] : clients_)
    for (Port& port : client.ports) ClosePort(port);
  for (EventLoop::TimerId timer :
       {flush_timer_, release_timer_, drained_timer_, abandon_timer_, overrun_timer_, resume_timer_})
    if (timer != 0) loop_.Cancel(timer);
}

// --- Sources ---

Result<> OutputPump::AddSource(Fd fd, int stream) {
  TRY(MakeNonblocking(fd));
  auto source = std::make_unique<Source>();
  source->fd = std::move(fd);
  source->stream = stream;
  TRY(Watch(*source));
  sources_.push_back(std::move(source));
  drained_told_ = false;
  return {};
}

Result<> OutputPump::Watch(Source& source) {
  if (source.watched) return {};
  TRY(loop_.Watch(source.fd.get(), EPOLLIN, [this, &source](uint32_t) { Pump(source); }));
  source.watched = true;
  return {};
}

// Not EventLoop::Change(0): the hang-up of a container that has ended would be reported again and again.
void OutputPump::Pause(Source& source) {
  if (source.watched) loop_.Forget(source.fd.get());
  source.watched = false;
}

OutputPump::ReadResult OutputPump::Read(Source& source) {
  ReadResult result;
  char* buffer = buffer_.data();
  if (buffer == nullptr) return result;  // no memory now: the pipe waits
  while (result.bytes < kBuffer) {
    ssize_t n = read(source.fd.get(), buffer + result.bytes, kBuffer - result.bytes);
    if (n < 0 && errno == EINTR) continue;
    result.empty = n < 0 && errno == EAGAIN;
    result.ended = n == 0 || (n < 0 && errno != EAGAIN);
    if (n <= 0) break;
    result.bytes += static_cast<size_t>(n);
    GrowPipe(source, static_cast<size_t>(n));
  }
  return result;
}

// Pipes begin small, because all of a user's share one limit; one that is full again and again is worth more.
void OutputPump::GrowPipe(Source& source, size_t bytes) {
  source.full_reads = bytes >= source.capacity ? source.full_reads + 1 : 0;
  if (source.full_reads < kFullReadsToGrow) return;
  (void)fcntl(source.fd.get(), F_SETPIPE_SZ, kGrownPipe);
  source.capacity = SIZE_MAX;
}

void OutputPump::Pump(Source& source) {
  ReadResult result = Read(source);
  if (result.bytes > 0) {
    std::string_view bytes(buffer_.data(), result.bytes);
    log_.Write(source.stream, bytes, now_());
    Deliver(source.stream, bytes);
    read_since_flush_ = read_since_release_ = true;
    if (log_.unfinished()) Later(flush_timer_, kFlushAfter, &OutputPump::FlushDue);
    if (result.bytes > LogWriter::kBurst) Later(release_timer_, kReleaseAfter, &OutputPump::ReleaseDue);
  }
  if (source.abandoned) {
    source.allowance -= std::min(source.allowance, result.bytes);
    result.ended |= result.empty || source.allowance == 0;
  }
  if (result.ended) return EndSource(source);
  if (Blocked(source.stream)) Pause(source);
}

void OutputPump::EndSource(Source& source) {
  Pause(source);
  source.fd.Reset();
  std::erase_if(sources_, [&](const auto& each) { return each.get() == &source; });
  if (sources_.empty()) {
    log_.Flush(now_());
    log_.Release();
  }
  NoteDrained();
}

void OutputPump::Abandon() {
  for (auto& source : sources_) {
    source->abandoned = true;
    source->allowance = kAllowance;
  }
  Later(abandon_timer_, 0, &OutputPump::PumpAbandoned);
}

// Level-triggered readiness says nothing of a pipe that is empty, so each is tried.
void OutputPump::PumpAbandoned() {
  abandon_timer_ = 0;
  for (;;) {
    auto next = std::find_if(sources_.begin(), sources_.end(),
                             [this](const auto& each) { return each->abandoned && !Blocked(each->stream); });
    if (next == sources_.end()) return;
    Pump(**next);
  }
}

// --- Clients ---

Result<OutputPump::ClientId> OutputPump::AddClient(Sink sink) {
  TRY(MakeNonblocking(sink.out));
  TRY(MakeNonblocking(sink.err));
  ClientId id = next_client_++;
  Client& client = clients_[id];
  client.ports[0].fd = std::move(sink.out);
  client.ports[1].fd = std::move(sink.err);
  client.lossless = sink.lossless;
  client.overrun = std::move(sink.overrun);
  return id;
}

void OutputPump::RemoveClient(ClientId id) {
  auto client = clients_.find(id);
  if (client == clients_.end()) return;
  for (Port& port : client->second.ports) ClosePort(port);
  clients_.erase(client);
  Resume();
}

void OutputPump::Deliver(int stream, std::string_view bytes) {
  int index = IndexOf(stream);
  for (auto& [id, client] : clients_) {
    Port& port = client.ports[index];
    if (!port.fd) continue;
    if (client.lossless)
      SendLossless(id, index, port, bytes);
    else
      SendLossy(id, index, port, bytes);
  }
}

// Bytes taken; nullopt if nobody will ever read them.
static std::optional<size_t> WriteSome(int fd, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    ssize_t n = write(fd, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) return std::nullopt;
    written += static_cast<size_t>(n);
  }
  return written;
}

void OutputPump::SendLossless(ClientId id, int index, Port& port, std::string_view bytes) {
  auto written = WriteSome(port.fd.get(), bytes);
  if (!written) return ClosePort(port);
  if (*written == bytes.size()) return;
  port.backlog = bytes.substr(*written);
  if (!loop_.Watch(port.fd.get(), EPOLLOUT, [this, id, index](uint32_t) { TakeBacklog(id, index); }))
    ClosePort(port);
}

void OutputPump::TakeBacklog(ClientId id, int index) {
  auto client = clients_.find(id);
  if (client == clients_.end()) return;
  Port& port = client->second.ports[index];
  auto written = WriteSome(port.fd.get(), port.backlog);
  if (!written) {
    ClosePort(port);
  } else {
    port.backlog.erase(0, *written);
    if (!port.backlog.empty()) return;
    port.backlog = {};
    loop_.Forget(port.fd.get());
  }
  Resume();
}

void OutputPump::SendLossy(ClientId id, int index, Port& port, std::string_view bytes) {
  auto written = WriteSome(port.fd.get(), bytes);
  if (!written) return ClosePort(port);
  if (*written > 0 && port.skipped > 0) {
    overruns_.push_back({id, index == 0 ? kStdout : kStderr, std::exchange(port.skipped, 0)});
    Later(overrun_timer_, 0, &OutputPump::OverrunsDue);
  }
  port.skipped += static_cast<int64_t>(bytes.size() - *written);
}

void OutputPump::ClosePort(Port& port) {
  if (!port.backlog.empty()) loop_.Forget(port.fd.get());
  port.backlog = {};
  port.fd.Reset();
}

bool OutputPump::Blocked(int stream) const {
  for (const auto& [id, client] : clients_)
    if (!client.ports[IndexOf(stream)].backlog.empty()) return true;
  return false;
}

// A client has taken its backlog, or has gone.
void OutputPump::Resume() {
  resume_timer_ = 0;
  for (auto& source : sources_) {
    if (Blocked(source->stream)) continue;
    if (source->abandoned)
      Later(abandon_timer_, 0, &OutputPump::PumpAbandoned);
    else if (!Watch(*source))
      Later(resume_timer_, kResumeAgain, &OutputPump::Resume);
  }
  NoteDrained();
}

// --- Timers ---

void OutputPump::Later(EventLoop::TimerId& timer, int64_t nanoseconds, void (OutputPump::*due)()) {
  if (timer == 0) timer = loop_.After(nanoseconds, [this, due] { (this->*due)(); });
}

void OutputPump::FlushDue() {
  flush_timer_ = 0;
  bool more = std::exchange(read_since_flush_, false) && log_.unfinished();
  if (more && flush_delays_++ < kMaxFlushDelays)
    return Later(flush_timer_, kFlushAfter, &OutputPump::FlushDue);
  flush_delays_ = 0;
  log_.Flush(now_());
}

void OutputPump::ReleaseDue() {
  release_timer_ = 0;
  if (std::exchange(read_since_release_, false))
    return Later(release_timer_, kReleaseAfter, &OutputPump::ReleaseDue);
  buffer_.Release();
  log_.Release();
}

bool OutputPump::Drained() const {
  return sources_.empty() && !Blocked(kStdout) && !Blocked(kStderr);
}

// By way of the loop, so that the callback may take the pump apart.
void OutputPump::NoteDrained() {
  if (Drained() && !std::exchange(drained_told_, true)) Later(drained_timer_, 0, &OutputPump::DrainedDue);
}

void OutputPump::DrainedDue() {
  drained_timer_ = 0;
  auto drained = on_drained_;  // which may replace itself
  if (Drained() && drained) drained();
}

void OutputPump::OverrunsDue() {
  overrun_timer_ = 0;
  for (const Overrun& overrun : std::exchange(overruns_, {})) {
    auto client = clients_.find(overrun.client);
    if (client == clients_.end() || !client->second.overrun) continue;
    auto tell = client->second.overrun;  // which may remove the client
    tell(overrun.stream, overrun.bytes);
  }
}

}  // namespace wolffia
