// ForwardDatagrams: one published UDP port. Each client (its address, and the one of the host that it has
// written to) is a flow: a socket in the container's namespace that speaks with the client's address, kept as
// long as an answer may come.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "network/forward_source.h"
#include "network/forward_state.h"

namespace wolffia {

class ForwardDatagrams : public ForwardLoop::Watcher {
 public:
  // `socket` is bound to the host's port.
  ForwardDatagrams(ForwardState& state, const ForwardPort& port, Fd socket)
      : state_(state), port_(port), socket_(std::move(socket)) {}
  ~ForwardDatagrams() override;

  Result<> Start();
  void Ready(uint32_t events) override;
  // Ends the flows that have been silent for too long. Once a second.
  void Age();

 private:
  struct Flow : ForwardLoop::Watcher {
    void Ready(uint32_t events) override { datagrams->Answer(*this, events); }
    ForwardDatagrams* datagrams = nullptr;
    Fd fd;
    std::string key;
    ForwardAddress client;
    std::string control;  // of what goes back: the host's address that the client knows
    uint64_t sent = 0, received = 0;
    int64_t last_ms = 0;
    bool closed = false;
  };
  using Flows = std::list<std::unique_ptr<Flow>>;

  // nullptr: none can be made; the datagram is lost.
  Flow* FlowOf(const ForwardAddress& client, const std::string& control);
  Result<std::unique_ptr<Flow>> MakeFlow(const ForwardAddress& client, const std::string& control);
  void Touch(Flow& flow);
  void Answer(Flow& flow, uint32_t events);
  void End(Flows::iterator at);

  ForwardState& state_;
  ForwardPort port_;
  Fd socket_;
  Flows flows_;  // the longest silent first
  std::map<std::string, Flows::iterator, std::less<>> by_client_;
};

}  // namespace wolffia
