// UserBus: a connection to the user's systemd, over its own socket or the user's bus, for a call or two.
// Requests are written at once, greeting included, so that the answers come while the caller does other
// things.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/fd.h"
#include "engine/cgroup/bus_message.h"

namespace wolffia {

struct CgroupHost;

class UserBus {
 public:
  // Connects, and greets. Does not wait for an answer.
  static Result<UserBus> Connect(const CgroupHost& host);

  // Writes a call to systemd's Manager; returns its serial.
  Result<uint32_t> Call(std::string member, std::string signature, std::string body);
  // The next message that comes, waiting until `deadline` (CLOCK_MONOTONIC, nanoseconds). kBusy when it is
  // reached.
  Result<BusMessage> Receive(int64_t deadline);

  static int64_t DeadlineAfter(int64_t nanoseconds);

 private:
  UserBus(Fd socket, bool is_private) : socket_(std::move(socket)), private_(is_private) {}
  Result<> Send(const std::string& text);
  Result<bool> TakeGreeting();
  Fd socket_;
  bool private_;
  bool greeted_ = false;
  uint32_t serial_ = 0;
  std::string buffer_;
};

// What a failed call says: "Unit x.scope already exists."
std::string BusErrorText(const BusMessage& message);

}  // namespace wolffia
