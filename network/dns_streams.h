// DnsStreams: questions about names over TCP (RFC 7766): two bytes of length before each message. A
// connection asks one question after the other; what is for outside goes on over a connection of its own.
// Bounded: so many connections, each for so long without a question.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/event_loop.h"
#include "network/dns_listeners.h"

namespace wolffia {

// What is said to a query: the answer (empty: nothing, it is no query), or what one of `upstreams` says.
struct DnsDecision {
  std::optional<std::string> answer;
  std::vector<IpAddress> upstreams;
};

class DnsStreams {
 public:
  using Decide = std::function<DnsDecision(const IpAddress& asker, std::string_view query)>;

  DnsStreams(EventLoop& loop, Decide decide)
      : loop_(loop),
        decide_(std::move(decide)),
        listeners_(loop, SOCK_STREAM, [this](const IpAddress& address) { Accept(address); }) {}
  ~DnsStreams();

  // Listens on these addresses (port 53), and no longer on others.
  Result<> Serve(const std::vector<IpAddress>& addresses) { return listeners_.Serve(addresses); }

 private:
  enum class State { kReading, kAsking, kAnswering };
  struct Stream {
    Fd client, upstream;
    IpAddress asker;
    State state = State::kReading;
    std::string in;                    // of the client, not looked at yet
    std::string out;                   // to the client, or to the upstream server
    std::string question, heard;       // to and of the upstream server
    std::vector<IpAddress> upstreams;  // that have not been tried
    EventLoop::TimerId timer = 0;
  };
  void Accept(const IpAddress& listener);
  void Receive(int client);
  void Work(int client);
  void AskNext(int client);
  void Hear(int client);
  void DropUpstream(Stream& stream);
  void Postpone(int client, Stream& stream);
  void Close(int client);

  EventLoop& loop_;
  Decide decide_;
  DnsListeners listeners_;
  std::map<int, Stream> streams_;  // by the client's descriptor
};

}  // namespace wolffia
