#include "network/resolver.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>

#include "network/dns_socket.h"

namespace wolffia {
namespace {

constexpr size_t kMaxPending = 1024, kMaxForwarded = 4096;
constexpr int64_t kMaxPendingEach = 128;        // of one asker
constexpr int64_t kPatienceNs = 4'000'000'000;  // less than programs have: they hear that it failed
constexpr int kAtOnce = 64;                     // packets before others have their turn
constexpr size_t kMaxPacket = 64 << 10;

void SetId(std::string& packet, uint16_t id) {
  packet[0] = static_cast<char>(id >> 8);
  packet[1] = static_cast<char>(id);
}

}  // namespace

Resolver::~Resolver() {
  for (const Fd& socket : upstream_)
    if (socket) loop_.Forget(socket.get());
  for (const auto& [id, client] : pending_) loop_.Cancel(client.timer);
}

Result<> Resolver::Serve(const std::vector<IpAddress>& addresses) {
  TRY(listeners_.Serve(addresses));
  return streams_.Serve(addresses);
}

DnsDecision Resolver::Decide(const IpAddress& asker, std::string_view query, const DnsQuestion& question,
                             size_t limit) const {
  Answer answer = lookup_(asker, question);
  if (!answer.known_asker) return {MakeDnsError(query, question, dns::kRefused), {}};
  if (answer.found) return {MakeDnsAnswer(query, question, answer.addresses, answer.name, limit), {}};
  if (answer.upstreams.empty()) return {MakeDnsError(query, question, dns::kNoName), {}};
  return {std::nullopt, std::move(answer.upstreams)};
}

DnsDecision Resolver::DecideStream(const IpAddress& asker, std::string_view query) const {
  auto question = ParseDnsQuestion(query);
  return question ? Decide(asker, query, *question, dns::kMaxTcpBytes) : DnsDecision{std::string(), {}};
}

void Resolver::Receive(const IpAddress& listener) {
  std::string buffer(kMaxPacket, '\0');
  for (int i = 0; i < kAtOnce; i++) {
    DnsAddress from;
    socklen_t size = sizeof from;
    const ssize_t n = recvfrom(listeners_.At(listener), buffer.data(), buffer.size(), 0, &from.any, &size);
    if (n < 0) return;
    const std::string_view query(buffer.data(), static_cast<size_t>(n));
    auto question = ParseDnsQuestion(query);
    if (!question) continue;
    Client client{.listener = listener, .id = question->id};
    client.address = ReadDnsAddress(from, client.port);
    DnsDecision decision = Decide(client.address, query, *question, dns::kMaxUdpBytes);
    if (decision.answer) {
      Reply(client, *decision.answer);
      continue;
    }
    client.query = query;
    client.failure = MakeDnsError(query, *question, dns::kServerFailure);
    client.upstreams = std::move(decision.upstreams);
    if (!Forward(client)) Reply(client, client.failure);
  }
}

void Resolver::Reply(const Client& client, std::string_view packet) {
  const int listener = listeners_.At(client.listener);
  if (listener < 0) return;
  DnsAddress to;
  const socklen_t size = FillDnsAddress(client.address, client.port, to);
  (void)sendto(listener, packet.data(), packet.size(), 0, &to.any, size);
}

// Under a random id of ours, so that nobody else can guess an answer to it.
bool Resolver::Forward(Client client) {
  const auto own = std::ranges::count_if(
      pending_, [&](const auto& other) { return other.second.address == client.address; });
  if (pending_.size() >= kMaxPending || own >= kMaxPendingEach || client.query.size() > kMaxForwarded)
    return false;
  uint16_t id = 0;
  do
    if (getrandom(&id, sizeof id, 0) != sizeof id) return false;
  while (pending_.contains(id));
  SetId(client.query, id);
  pending_[id] = std::move(client);
  AskNext(id);
  return true;
}

// One server after the other, until one answers.
void Resolver::AskNext(uint16_t id) {
  Client& client = pending_.at(id);
  if (client.tried >= client.upstreams.size()) {
    Reply(client, client.failure);
    pending_.erase(id);
    return;
  }
  const IpAddress server = client.upstreams[client.tried++];
  DnsAddress to;
  const socklen_t size = FillDnsAddress(server, kDnsPort, to);
  const int socket = UpstreamSocket(server.v6);
  const bool sent =
      socket >= 0 && sendto(socket, client.query.data(), client.query.size(), 0, &to.any, size) > 0;
  const int64_t patience = kPatienceNs / static_cast<int64_t>(client.upstreams.size());
  client.timer = loop_.After(sent ? patience : 0, [this, id] { AskNext(id); });
}

int Resolver::UpstreamSocket(bool v6) {
  Fd& socket = upstream_[v6 ? 1 : 0];
  if (socket) return socket.get();
  auto made = DnsSocket(IpAddress{.v6 = v6}, SOCK_DGRAM);
  if (!made || !loop_.Watch(made->get(), EPOLLIN, [this, v6](uint32_t) { ReceiveUpstream(v6); })) return -1;
  socket = std::move(*made);
  return socket.get();
}

void Resolver::ReceiveUpstream(bool v6) {
  std::string buffer(kMaxPacket, '\0');
  for (int i = 0; i < kAtOnce; i++) {
    DnsAddress from;
    socklen_t size = sizeof from;
    const ssize_t n =
        recvfrom(upstream_[v6 ? 1 : 0].get(), buffer.data(), buffer.size(), 0, &from.any, &size);
    if (n < 0) return;
    if (n < static_cast<ssize_t>(dns::kHeaderBytes)) continue;
    std::string packet = buffer.substr(0, static_cast<size_t>(n));
    const auto id =
        static_cast<uint16_t>(static_cast<uint8_t>(packet[0]) << 8 | static_cast<uint8_t>(packet[1]));
    uint16_t port = 0;
    const IpAddress server = ReadDnsAddress(from, port);
    auto asked = pending_.find(id);
    // Also a late one of a server that was given up.
    if (asked == pending_.end() || port != kDnsPort ||
        std::ranges::find(asked->second.upstreams, server) == asked->second.upstreams.end())
      continue;
    const Client client = std::move(asked->second);
    loop_.Cancel(client.timer);
    pending_.erase(asked);
    SetId(packet, client.id);
    Reply(client, packet);
  }
}

}  // namespace wolffia
