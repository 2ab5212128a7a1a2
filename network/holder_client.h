// HolderClient: a monitor's connection to the holder of the user's networks (holder.h), which is started if
// there is none. As long as it is open, the container is a member.
#pragma once

#include <functional>

#include "engine/base/fd.h"
#include "network/holder_protocol.h"

namespace wolffia {

struct HolderPlace {
  std::string runtime_root;  // of the store
  std::string program;       // wolffia-net
  // Both only called where a holder has to be started: how, and H of one that was killed, if containers of
  // its are found (else nothing).
  std::function<Result<HolderStart>()> start;
  std::function<Fd()> user_namespace;
};

class HolderClient {
 public:
  // `user_namespace`: H of the holder before, if the caller knows it; else -1.
  static Result<HolderClient> Connect(const HolderPlace& place, int user_namespace);
  HolderClient() = default;

  Result<> Send(const HolderRequest& request, const std::vector<int>& fds = {});
  // The answer; its error as one of ours. `fds`: what came with it.
  Result<HolderAnswer> Receive(std::vector<Fd>* fds = nullptr);

  int fd() const { return socket_.get(); }  // readable when the holder has gone
  int pid() const;                          // of the holder

 private:
  explicit HolderClient(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace wolffia
