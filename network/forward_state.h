// What all of a forwarder's parts share.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "network/forward_loop.h"
#include "network/forward_protocol.h"

namespace wolffia {

struct ForwardState {
  ForwardLoop& loop;
  ForwardTarget target{};
  bool transparent = true;  // until the kernel refuses it
  bool udp_transparent = true;
  int streams = 0, max_streams = 0;  // connections, each of two descriptors
  std::function<void()> stream_closed;
  std::function<void(const std::string&)> tell;  // a warning, to the monitor
  std::set<std::string> told;

  void Warn(const std::string& text) {
    if (told.insert(text).second) tell(text);
  }
};

}  // namespace wolffia
