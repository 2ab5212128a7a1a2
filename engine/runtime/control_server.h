// ControlServer: the monitor's end of its clients: the one who started it, and those who connect to its
// socket. A client that sends nonsense, or reads nothing for so long that its socket is full, is dropped; the
// container goes on.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/event_loop.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {

class ControlServer {
 public:
  using ClientId = uint64_t;
  struct Handler {
    std::function<void(ClientId, ControlMessage, std::vector<Fd>)> message;
    std::function<void(ClientId)> gone;
  };

  ControlServer(EventLoop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
  ~ControlServer();

  // Binds the container's socket; again, if its name was wiped away.
  Result<> Listen(const std::string& runroot, const std::string& id);
  // The name goes, if it is still ours; nobody new comes.
  void StopListening();

  Result<ClientId> Adopt(Fd socket);
  void Send(ClientId client, const ControlMessage& message, const std::vector<int>& fds = {});
  void SendAll(const ControlMessage& message);
  bool Has(ClientId client) const { return clients_.contains(client); }
  size_t size() const { return clients_.size(); }

 private:
  void Accept();
  void Receive(ClientId client);
  void Drop(ClientId client);

  EventLoop& loop_;
  Handler handler_;
  Fd monitors_, listener_;
  std::string id_;
  uint64_t inode_ = 0;  // of the socket's name
  ClientId last_id_ = 0;
  std::map<ClientId, Fd> clients_;
};

}  // namespace wolffia
