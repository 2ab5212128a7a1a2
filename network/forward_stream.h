// ForwardStream: one TCP connection through a published port: the client's socket, accepted on the host, and
// one in the container's namespace that speaks with the client's address. Bytes, the end of one direction
// alone, and resets go through as if there were one connection; who does not read holds up who writes, and
// nobody else.
#pragma once

#include <memory>

#include "network/forward_source.h"
#include "network/forward_state.h"

namespace wolffia {

class ForwardStream : public ForwardLoop::Watcher {
 public:
  // Lives until both ends have closed, and then destroys itself. On failure the client is reset.
  static void Begin(ForwardState& state, Fd client, const ForwardAddress& address, uint16_t container_port);

  void Ready(uint32_t events) override;  // another round of a busy connection

 private:
  struct End : ForwardLoop::Watcher {
    void Ready(uint32_t events) override { stream->Happened(*this, events); }
    ForwardStream* stream = nullptr;
    Fd fd;
    bool readable = false, writable = false;  // as far as we know: edge-triggered
    bool hung_up = false;                     // no more comes than what is there
    bool over = false, passed_on = false;     // all was read; and the other end knows
    // Read from here, and not taken by the other end yet.
    std::unique_ptr<char[]> held;
    size_t held_at = 0, held_size = 0;
  };

  explicit ForwardStream(ForwardState& state) : state_(state) {}
  Result<> Connect(bool ipv4_only);
  void Happened(End& end, uint32_t events);
  void Connected();
  void Refused(int os_errno);
  void Pump();
  // False: one of them is broken.
  bool Move(End& from, End& to);
  bool SendHeld(End& from, End& to);
  bool ReadAndSend(End& from, End& to);
  void Close(bool reset);

  ForwardState& state_;
  End client_, container_;
  ForwardAddress address_;
  uint16_t container_port_ = 0;
  bool connecting_ = true, tried_ipv4_ = false, closed_ = false;
};

}  // namespace wolffia
