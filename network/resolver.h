// Resolver: answers the names of containers on the gateways of their networks, and forwards all other
// questions to the name server of the way out. Bounded: a container can ask as fast as it likes, and gets no
// answer beyond the limits.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "engine/base/event_loop.h"
#include "network/dns_message.h"

namespace wolffia {

class Resolver {
 public:
  struct Answer {
    bool known_asker = false;  // one of ours; others are refused
    bool forward = false;      // it may ask outside
    bool found = false;        // the name, or the address, is that of a container which it may know
    std::vector<IpAddress> addresses;
    std::string name;  // of a PTR question
  };
  using Lookup = std::function<Answer(const IpAddress& asker, const DnsQuestion& question)>;

  Resolver(EventLoop& loop, IpAddress upstream, Lookup lookup)
      : loop_(loop), upstream_address_(upstream), lookup_(std::move(lookup)) {}
  ~Resolver();

  // Listens on these addresses (port 53), and no longer on others.
  Result<> Serve(const std::vector<IpAddress>& addresses);

 private:
  struct Client {
    IpAddress listener;  // on which it asked
    IpAddress address;
    uint16_t port = 0;
    uint16_t id = 0;  // of its question
    EventLoop::TimerId timer = 0;
  };
  void Receive(const IpAddress& listener);
  void Forward(const Client& client, std::string query);
  void ReceiveUpstream();
  void Reply(const Client& client, std::string_view packet);

  EventLoop& loop_;
  IpAddress upstream_address_;
  Lookup lookup_;
  std::map<IpAddress, Fd> listeners_;
  Fd upstream_;
  std::map<uint16_t, Client> pending_;  // by the id of the forwarded question
};

}  // namespace wolffia
