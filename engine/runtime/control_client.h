// ControlClient: a connection to the monitor of a running container. Every verb that talks to a running
// container uses it.
#pragma once

#include <optional>
#include <vector>

#include "engine/runtime/control_protocol.h"
#include "storage/container_store.h"

namespace wolffia {

class ControlClient {
 public:
  // kBusy "not running" if its lock is free, kNotFound if it is gone. Finds a monitor whose socket was wiped
  // away (see monitor.h).
  static Result<ControlClient> Connect(const Store& store, const ContainerStatus& status);
  // A connection that exists already: the socket of a monitor that was just started.
  static ControlClient Adopt(Fd socket) { return ControlClient(std::move(socket)); }

  int fd() const { return socket_.get(); }  // readable: a message, or the end
  Result<> Send(const ControlMessage& message, const std::vector<int>& fds = {});
  struct Received {
    ControlMessage message;
    std::vector<Fd> fds;
  };
  Result<std::optional<Received>> Receive();  // nullopt: the monitor has gone
  // The first message that is not Overrun; Failed becomes the error. kBusy with os_errno ECONNRESET if the
  // container ended without an answer.
  Result<Received> Answer();
  // Send, then Answer.
  Result<Received> Ask(const ControlMessage& request, const std::vector<int>& fds = {});

 private:
  explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace wolffia
