// OutputPump: takes what a container writes, to the log and to the attached clients. Never blocks: what the
// disk does not take is lost and counted; what a client does not take is handled as its kind says:
//
//   lossless  its full pipe stops the pump from reading that stream: back-pressure, as with a plain pipe
//   lossy     what does not fit its pipe is skipped, counted, and told to it when it takes bytes again
//
// Order for one read: log first, then clients. A client whose pipe has no reader any more gets no more of
// that stream and holds nothing up. Clients stay when the sources end, for the sources of the container's
// next start.
//
// Reads up to 256 KiB at once, one timestamp a read. A line that is not finished waits 20 to 120 ms
// before the log gets it as a partial record: writers flush in the middle of lines all the time. Two seconds
// after a burst the buffers' memory goes back to the kernel. An idle pump has no timer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/event_loop.h"
#include "engine/runtime/log_writer.h"
#include "engine/runtime/page_buffer.h"

namespace wolffia {

class OutputPump {
 public:
  OutputPump(EventLoop& loop, LogWriter& log, std::function<int64_t()> now);
  OutputPump(const OutputPump&) = delete;
  ~OutputPump();

  // kStdout or kStderr; of a pty: kStdout (EIO is its end of file). Makes the descriptor nonblocking.
  Result<> AddSource(Fd source, int stream);

  // All sources have ended, the log has their last bytes, and lossless clients have them in their pipes.
  bool Drained() const;
  // Called from the loop each time that the pump has become drained.
  void OnDrained(std::function<void()> drained) { on_drained_ = std::move(drained); }

  using ClientId = uint64_t;
  struct Sink {
    Fd out, err;
    bool lossless = false;
    std::function<void(int stream, int64_t bytes)> overrun;  // called from the loop
  };
  Result<ClientId> AddClient(Sink sink);  // sets O_NONBLOCK on its descriptors
  void RemoveClient(ClientId id);  // what a lossless one has not taken is dropped; unknown ids are no error

  // The container is over: takes what is in the pipes now, then closes them, whoever still holds the other
  // ends. No bytes that were written before are lost, however slow a lossless client is. Call it at once when
  // init has ended.
  void Abandon();

 private:
  struct Source {
    Fd fd;
    int stream = 0;
    int full_reads = 0;
    size_t capacity = 64 << 10;  // of the pipe; SIZE_MAX: it does not grow any more
    bool watched = false;
    bool abandoned = false;
    size_t allowance = 0;  // bytes that an abandoned one may still give
  };
  struct Port {  // one stream of a client
    Fd fd;
    std::string backlog;  // lossless: not taken yet
    int64_t skipped = 0;  // lossy
  };
  struct Client {
    Port ports[2];
    bool lossless = false;
    std::function<void(int, int64_t)> overrun;
  };

  struct ReadResult {
    size_t bytes = 0;
    bool empty = false;  // nothing more for now
    bool ended = false;
  };
  ReadResult Read(Source& source);
  void Pump(Source& source);
  void GrowPipe(Source& source, size_t bytes);
  void EndSource(Source& source);
  Result<> Watch(Source& source);
  void Pause(Source& source);
  void Deliver(int stream, std::string_view bytes);
  void SendLossless(ClientId id, int index, Port& port, std::string_view bytes);
  void SendLossy(ClientId id, int index, Port& port, std::string_view bytes);
  void TakeBacklog(ClientId id, int index);
  void ClosePort(Port& port);
  bool Blocked(int stream) const;
  void Resume();
  void PumpAbandoned();
  void Later(EventLoop::TimerId& timer, int64_t nanoseconds, void (OutputPump::*due)());
  void FlushDue();
  void ReleaseDue();
  void NoteDrained();
  void DrainedDue();
  void OverrunsDue();

  static constexpr size_t kBuffer = 256 << 10;
  EventLoop& loop_;
  LogWriter& log_;
  std::function<int64_t()> now_;
  std::function<void()> on_drained_;
  PageBuffer<kBuffer> buffer_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::map<ClientId, Client> clients_;
  ClientId next_client_ = 1;
  struct Overrun {
    ClientId client;
    int stream;
    int64_t bytes;
  };
  std::vector<Overrun> overruns_;  // to be told
  EventLoop::TimerId flush_timer_ = 0, release_timer_ = 0, drained_timer_ = 0, abandon_timer_ = 0,
                     overrun_timer_ = 0;
  EventLoop::TimerId resume_timer_ = 0;
  bool read_since_flush_ = false, read_since_release_ = false;
  int flush_delays_ = 0;
  bool drained_told_ = true;  // nothing to tell before the first source
};

}  // namespace wolffia
