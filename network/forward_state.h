// What all of a forwarder's parts share.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "network/forward_address.h"
#include "network/forward_loop.h"

namespace wolffia {

struct ForwardState {
  ForwardLoop& loop;
  ForwardLoop::Watcher* tick = nullptr;  // for loop.SetTick: once a second, Age and Resume of all parts
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
  // Of a client whose address cannot be kept.
  void WarnOf(const ForwardRoute& route) {
    if (route.other_family)
      Warn("IPv6 clients are seen with the gateway's address: the container does not serve them by IPv6");
    else if (!route.kept)
      Warn(
          "clients on the host's loopback are seen with the gateway's address: the container could not "
          "answer theirs");
  }
};

}  // namespace wolffia
