#include "network/dns_streams.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "network/dns_socket.h"

namespace wolffia {
namespace {

constexpr size_t kMaxStreams = 256;
constexpr int64_t kMaxStreamsEach = 32;  // of one asker
constexpr size_t kLengthBytes = 2, kMostBytes = kLengthBytes + 0xffff;
constexpr int64_t kPatienceNs = 10'000'000'000;

std::string Framed(std::string_view message) {
  return {std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} +
          std::string(message)};
}

// The first message in `bytes`, with its length; empty: it is not there as a whole.
std::string_view FirstFrame(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return {};
  const size_t size = kLengthBytes + (static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 |
                                      static_cast<uint8_t>(bytes[1]));
  return bytes.size() < size ? std::string_view() : bytes.substr(0, size);
}

// Appends what there is; false at the end, and if it is more than a message can be.
bool ReceiveInto(int socket, std::string& bytes) {
  char buffer[4096];
  const ssize_t n = recv(socket, buffer, sizeof buffer, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  bytes.append(buffer, static_cast<size_t>(n));
  return n > 0 && bytes.size() <= kMostBytes;
}

// Sends what it can of `bytes`, and takes that away.
bool SendFrom(int socket, std::string& bytes) {
  const ssize_t n = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  bytes.erase(0, static_cast<size_t>(n));
  return true;
}

}  // namespace

DnsStreams::~DnsStreams() {
  while (!streams_.empty()) Close(streams_.begin()->first);
}

void DnsStreams::Accept(const IpAddress& listener) {
  DnsAddress from{};
  socklen_t size = sizeof from;
  Fd fd(accept4(listeners_.At(listener), &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  uint16_t port = 0;
  const IpAddress asker = ReadDnsAddress(from, port);
  const auto own = std::ranges::count_if(streams_, [&](const auto& s) { return s.second.asker == asker; });
  if (!fd || streams_.size() >= kMaxStreams || own >= kMaxStreamsEach) return;
  const int client = fd.get();
  if (!loop_.Watch(client, EPOLLIN, [this, client](uint32_t) { Receive(client); })) return;
  Stream& stream = streams_[client];
  stream.client = std::move(fd);
  stream.asker = asker;
  Postpone(client, stream);
}

void DnsStreams::Receive(int client) {
  Stream& stream = streams_.at(client);
  // Nothing else is awaited from a client that waits itself: its connection has broken.
  if (stream.state == State::kAsking) return Close(client);
  if (stream.state == State::kReading && !ReceiveInto(client, stream.in)) return Close(client);
  Work(client);
}

// As far as it goes without waiting.
void DnsStreams::Work(int client) {
  Stream& stream = streams_.at(client);
  for (;;) {
    if (stream.state == State::kAnswering) {
      if (!SendFrom(client, stream.out)) return Close(client);
      if (!stream.out.empty()) return (void)loop_.Change(client, EPOLLOUT);
      stream.state = State::kReading;
    }
    const std::string_view frame = FirstFrame(stream.in);
    if (frame.empty()) return (void)loop_.Change(client, EPOLLIN);
    Postpone(client, stream);
    const std::string query(frame.substr(kLengthBytes));
    stream.in.erase(0, frame.size());
    DnsDecision decision = decide_(stream.asker, query);
    if (!decision.answer) {
      stream.question = Framed(query);
      stream.upstreams = std::move(decision.upstreams);
      stream.state = State::kAsking;
      (void)loop_.Change(client, 0);
      return AskNext(client);
    }
    if (decision.answer->empty()) return Close(client);
    stream.out = Framed(*decision.answer);
    stream.state = State::kAnswering;
  }
}

// One server after the other, until one can be reached; none: the client's connection ends.
void DnsStreams::AskNext(int client) {
  Stream& stream = streams_.at(client);
  DropUpstream(stream);
  while (!stream.upstreams.empty()) {
    const IpAddress server = stream.upstreams.front();
    stream.upstreams.erase(stream.upstreams.begin());
    auto made = DnsSocket(server, SOCK_STREAM);
    auto connected = made ? ConnectDnsSocket(made->get(), server) : std::unexpected(made.error());
    if (!connected && connected.error().os_errno != EINPROGRESS) continue;
    if (!loop_.Watch(made->get(), EPOLLOUT, [this, client](uint32_t) { Hear(client); })) continue;
    stream.upstream = std::move(*made);
    stream.out = stream.question;
    stream.heard.clear();
    return;
  }
  Close(client);
}

void DnsStreams::Hear(int client) {
  Stream& stream = streams_.at(client);
  const int upstream = stream.upstream.get();
  if (!stream.out.empty()) {
    if (!SendFrom(upstream, stream.out)) return AskNext(client);
    if (stream.out.empty()) (void)loop_.Change(upstream, EPOLLIN);
    return;
  }
  const bool more = ReceiveInto(upstream, stream.heard);
  const std::string_view frame = FirstFrame(stream.heard);
  if (frame.empty() && !more) return AskNext(client);
  if (frame.empty()) return;
  stream.out = frame;
  DropUpstream(stream);
  stream.state = State::kAnswering;
  Work(client);
}

void DnsStreams::DropUpstream(Stream& stream) {
  if (stream.upstream) loop_.Forget(stream.upstream.get());
  stream.upstream.Reset();
}

void DnsStreams::Postpone(int client, Stream& stream) {
  loop_.Cancel(stream.timer);
  stream.timer = loop_.After(kPatienceNs, [this, client] { Close(client); });
}

void DnsStreams::Close(int client) {
  auto it = streams_.find(client);
  loop_.Cancel(it->second.timer);
  loop_.Forget(client);
  DropUpstream(it->second);
  streams_.erase(it);
}

}  // namespace wolffia
