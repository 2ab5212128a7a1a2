#include "network/resolver.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace wolffia {
namespace {

constexpr uint16_t kPort = 53;
constexpr size_t kMaxPending = 1024;
constexpr int64_t kPatienceNs = 5'000'000'000;
constexpr int kAtOnce = 64;  // packets before others have their turn
constexpr size_t kMaxPacket = 64 << 10;

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t Fill(const IpAddress& address, uint16_t port, SocketAddress& to) {
  memset(&to, 0, sizeof to);
  if (address.v6) {
    to.v6.sin6_family = AF_INET6;
    to.v6.sin6_port = htons(port);
    memcpy(&to.v6.sin6_addr, address.bytes.data(), address.size());
    return sizeof to.v6;
  }
  to.v4.sin_family = AF_INET;
  to.v4.sin_port = htons(port);
  memcpy(&to.v4.sin_addr, address.bytes.data(), address.size());
  return sizeof to.v4;
}

IpAddress AddressOf(const SocketAddress& from, uint16_t& port) {
  IpAddress address;
  address.v6 = from.any.sa_family == AF_INET6;
  if (address.v6)
    memcpy(address.bytes.data(), &from.v6.sin6_addr, 16);
  else
    memcpy(address.bytes.data(), &from.v4.sin_addr, 4);
  port = ntohs(address.v6 ? from.v6.sin6_port : from.v4.sin_port);
  return address;
}

Result<Fd> UdpSocket(const IpAddress& address) {
  Fd fd(socket(address.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return FailErrno("open a socket for names");
  return fd;
}

void SetId(std::string& packet, uint16_t id) {
  packet[0] = static_cast<char>(id >> 8);
  packet[1] = static_cast<char>(id);
}

}  // namespace

Resolver::~Resolver() {
  (void)Serve({});
  if (upstream_) loop_.Forget(upstream_.get());
  for (const auto& [id, client] : pending_) loop_.Cancel(client.timer);
}

Result<> Resolver::Serve(const std::vector<IpAddress>& addresses) {
  std::erase_if(listeners_, [&](const auto& listener) {
    const bool stays = std::ranges::find(addresses, listener.first) != addresses.end();
    if (!stays) loop_.Forget(listener.second.get());
    return !stays;
  });
  for (const IpAddress& address : addresses) {
    if (listeners_.contains(address)) continue;
    Fd fd = TRY(UdpSocket(address));
    SocketAddress own;
    const socklen_t size = Fill(address, kPort, own);
    if (bind(fd.get(), &own.any, size) < 0) return FailErrno("answer names on " + FormatIp(address));
    TRY(loop_.Watch(fd.get(), EPOLLIN, [this, address](uint32_t) { Receive(address); }));
    listeners_[address] = std::move(fd);
  }
  return {};
}

void Resolver::Receive(const IpAddress& listener) {
  std::string buffer(kMaxPacket, '\0');
  for (int i = 0; i < kAtOnce; i++) {
    SocketAddress from;
    socklen_t size = sizeof from;
    const ssize_t n =
        recvfrom(listeners_.at(listener).get(), buffer.data(), buffer.size(), 0, &from.any, &size);
    if (n < 0) return;
    const std::string_view query(buffer.data(), static_cast<size_t>(n));
    auto question = ParseDnsQuestion(query);
    if (!question) continue;
    Client client{.listener = listener, .id = question->id};
    client.address = AddressOf(from, client.port);
    const Answer answer = lookup_(client.address, *question);
    if (!answer.known_asker)
      Reply(client, MakeDnsError(query, *question, dns::kRefused));
    else if (answer.found)
      Reply(client, MakeDnsAnswer(query, *question, answer.addresses, answer.name));
    else if (!answer.forward)
      Reply(client, MakeDnsError(query, *question, dns::kNoName));
    else
      Forward(client, std::string(query));
  }
}

void Resolver::Reply(const Client& client, std::string_view packet) {
  auto listener = listeners_.find(client.listener);
  if (listener == listeners_.end()) return;
  SocketAddress to;
  const socklen_t size = Fill(client.address, client.port, to);
  (void)sendto(listener->second.get(), packet.data(), packet.size(), 0, &to.any, size);
}

// Under a random id of ours, so that nobody else can guess an answer to it.
void Resolver::Forward(const Client& client, std::string query) {
  if (pending_.size() >= kMaxPending) return;
  if (!upstream_) {
    auto made = UdpSocket(upstream_address_);
    SocketAddress to;
    const socklen_t size = Fill(upstream_address_, kPort, to);
    if (!made || connect(made->get(), &to.any, size) < 0 ||
        !loop_.Watch(made->get(), EPOLLIN, [this](uint32_t) { ReceiveUpstream(); }))
      return;
    upstream_ = std::move(*made);
  }
  uint16_t id = 0;
  do
    if (getrandom(&id, sizeof id, 0) != sizeof id) return;
  while (pending_.contains(id));
  SetId(query, id);
  if (send(upstream_.get(), query.data(), query.size(), 0) < 0) return;
  Client& kept = pending_[id] = client;
  kept.timer = loop_.After(kPatienceNs, [this, id] { pending_.erase(id); });
}

void Resolver::ReceiveUpstream() {
  std::string buffer(kMaxPacket, '\0');
  for (int i = 0; i < kAtOnce; i++) {
    const ssize_t n = recv(upstream_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) return;
    if (n < static_cast<ssize_t>(dns::kHeaderBytes)) continue;
    std::string packet = buffer.substr(0, static_cast<size_t>(n));
    const auto id =
        static_cast<uint16_t>(static_cast<uint8_t>(packet[0]) << 8 | static_cast<uint8_t>(packet[1]));
    auto asked = pending_.find(id);
    if (asked == pending_.end()) continue;
    const Client client = asked->second;
    loop_.Cancel(client.timer);
    pending_.erase(asked);
    SetId(packet, client.id);
    Reply(client, packet);
  }
}

}  // namespace wolffia
