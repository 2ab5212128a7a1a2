// Resolver: answers the names of containers on the gateways of their networks, and forwards all other
// questions to name servers outside. Bounded: a container can ask as fast as it likes, and gets no
// answer beyond the limits.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "engine/base/event_loop.h"
#include "network/dns_listeners.h"
#include "network/dns_message.h"
#include "network/dns_streams.h"

namespace wolffia {

class Resolver {
 public:
  struct Answer {
    bool known_asker = false;          // one of ours; others are refused
    bool found = false;                // the name, or the address, is that of a container which it may know
    std::vector<IpAddress> upstreams;  // of the asker, for other names; empty: it may not ask outside
    std::vector<IpAddress> addresses;
    std::string name;  // of a PTR question
  };
  using Lookup = std::function<Answer(const IpAddress& asker, const DnsQuestion& question)>;

  Resolver(EventLoop& loop, Lookup lookup)
      : loop_(loop),
        lookup_(std::move(lookup)),
        listeners_(loop, SOCK_DGRAM, [this](const IpAddress& address) { Receive(address); }),
        streams_(loop, [this](const IpAddress& asker, std::string_view query) {
          return DecideStream(asker, query);
        }) {}
  ~Resolver();

  // Listens on these addresses (port 53, UDP and TCP), and no longer on others.
  Result<> Serve(const std::vector<IpAddress>& addresses);

 private:
  struct Client {
    IpAddress listener;  // on which it asked
    IpAddress address;
    uint16_t port = 0;
    uint16_t id = 0;                       // of its question
    std::string query = {}, failure = {};  // forwarded; said if nobody answers in time
    std::vector<IpAddress> upstreams = {};
    size_t tried = 0;  // of them
    EventLoop::TimerId timer = 0;
  };
  DnsDecision Decide(const IpAddress& asker, std::string_view query, const DnsQuestion& question,
                     size_t limit) const;
  DnsDecision DecideStream(const IpAddress& asker, std::string_view query) const;
  void Receive(const IpAddress& listener);
  bool Forward(Client client);
  void AskNext(uint16_t id);
  int UpstreamSocket(bool v6);  // -1: there is none
  void ReceiveUpstream(bool v6);
  void Reply(const Client& client, std::string_view packet);

  EventLoop& loop_;
  Lookup lookup_;
  DnsListeners listeners_;
  std::array<Fd, 2> upstream_;          // IPv4, IPv6
  std::map<uint16_t, Client> pending_;  // by the id of the forwarded question
  DnsStreams streams_;
};

}  // namespace wolffia
