// InputPump: what the attached clients type, to the container's standard input or terminal.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/base/event_loop.h"

namespace wolffia {

class InputPump {
 public:
  using ClientId = uint64_t;

  // `connected`: the client has not gone. A terminal gets an end of file from one that is there only.
  InputPump(EventLoop& loop, std::function<bool(ClientId)> connected)
      : loop_(loop), connected_(std::move(connected)) {}
  ~InputPump() { Close(); }

  // `target`: our end of the container's pipe, or a descriptor of its terminal. `once`: it ends with the
  // first client's input.
  Result<> SetTarget(Fd target, bool tty, bool once);
  void CloseTarget();  // the clients stay, for the container's next start
  void Close();        // and they are let go

  void SetSize(uint16_t rows, uint16_t columns);  // of the terminal

  // The read end of a client's pipe.
  Result<> AddClient(ClientId client, Fd source);

 private:
  void Move(ClientId client);
  void Flush();
  void AtEnd(ClientId client);
  void EndLine(ClientId client);
  void Wait();
  void Resume();
  void WatchSource(ClientId client, int source);

  EventLoop& loop_;
  std::function<bool(ClientId)> connected_;
  Fd target_;
  bool tty_ = false, once_ = false, waiting_ = false;
  std::string pending_;  // read and not taken yet
  bool close_after_ = false;
  std::map<ClientId, Fd> clients_;
};

}  // namespace wolffia
