#include "network/forward_datagrams.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstring>

namespace wolffia {
namespace {

constexpr size_t kMaxDatagram = 65536;
constexpr int kDatagramsAtOnce = 64;
constexpr size_t kMaxFlows = 4096;  // of one port; the longest silent makes room

// Silence that ends a flow, as conntrack's: nothing came back yet, one question and one answer, more than
// that.
constexpr int64_t kUnansweredMs = 30'000, kAnsweredMs = 10'000, kStreamMs = 120'000;

char buffer[kMaxDatagram];

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// The control message that makes an answer come from the address that the client has written to.
std::string ControlOf(msghdr& message) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    const bool v4 = one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO;
    const bool v6 = one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO;
    if (!v4 && !v6) continue;
    std::string control(reinterpret_cast<char*>(one),
                        CMSG_SPACE(v4 ? sizeof(in_pktinfo) : sizeof(in6_pktinfo)));
    char* data = control.data() + CMSG_LEN(0);
    // The route decides on the interface, but for link-local addresses.
    if (v4) {
      in_pktinfo info;
      memcpy(&info, data, sizeof info);
      info.ipi_spec_dst = info.ipi_addr;
      // To a broadcast or multicast address: from whatever address is usual.
      if (const uint32_t host = ntohl(info.ipi_addr.s_addr); host >> 28 == 14 || host == INADDR_BROADCAST)
        info.ipi_spec_dst.s_addr = 0;
      info.ipi_addr.s_addr = 0;
      info.ipi_ifindex = 0;
      memcpy(data, &info, sizeof info);
    } else {
      in6_pktinfo info;
      memcpy(&info, data, sizeof info);
      if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) info.ipi6_addr = in6addr_any;
      if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
      memcpy(data, &info, sizeof info);
    }
    return control;
  }
  return "";
}

int64_t LimitOf(uint64_t sent, uint64_t received) {
  if (received == 0) return kUnansweredMs;
  return sent <= 1 && received <= 1 ? kAnsweredMs : kStreamMs;
}

}  // namespace

ForwardDatagrams::~ForwardDatagrams() {
  while (!flows_.empty()) End(flows_.begin());
}

Result<> ForwardDatagrams::Start() {
  const int one = 1;
  const int set = port_.ipv6 ? setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one)
                             : setsockopt(socket_.get(), IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
  if (set < 0) return FailErrno("setsockopt");
  return state_.loop.Watch(socket_.get(), EPOLLIN, this);
}

void ForwardDatagrams::Ready(uint32_t) {
  for (int i = 0; i < kDatagramsAtOnce; i++) {
    alignas(cmsghdr) char control[128] = {};  // zeros between them: it is part of a key
    ForwardAddress client;
    iovec data{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &client;
    message.msg_namelen = sizeof client;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) continue;  // a client that is gone (ICMP), reported on our socket
    Flow* flow = FlowOf(client, ControlOf(message));
    if (flow == nullptr) continue;
    // Nothing listens in the container: an error of the last one. The datagram itself is sent again then.
    for (int tries = 0; tries < 2; tries++)
      if (send(flow->fd.get(), buffer, static_cast<size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        flow->sent++;
        break;
      }
    Touch(*flow);
  }
}

ForwardDatagrams::Flow* ForwardDatagrams::FlowOf(const ForwardAddress& client, const std::string& control) {
  std::string key(reinterpret_cast<const char*>(&client), client.size());
  key += control;
  if (auto known = by_client_.find(key); known != by_client_.end()) return known->second->get();
  if (flows_.size() >= kMaxFlows) End(flows_.begin());
  auto flow = MakeFlow(client, control);
  // Descriptors: the longest silent one has to go.
  if (!flow && (flow.error().os_errno == EMFILE || flow.error().os_errno == ENFILE) && !flows_.empty()) {
    End(flows_.begin());
    flow = MakeFlow(client, control);
  }
  if (!flow) return nullptr;
  (*flow)->key = key;
  flows_.push_back(*std::move(flow));
  by_client_.emplace(std::move(key), std::prev(flows_.end()));
  state_.loop.SetTick(state_.tick);
  return flows_.back().get();
}

Result<std::unique_ptr<ForwardDatagrams::Flow>> ForwardDatagrams::MakeFlow(const ForwardAddress& client,
                                                                           const std::string& control) {
  const ForwardRoute route = RouteFor(client, port_.container_port, state_.target);
  if (!route.possible) return Fail(Code::kNetwork, "the container has no address");
  state_.WarnOf(route);
  auto flow = std::make_unique<Flow>();
  flow->datagrams = this;
  flow->client = client;
  flow->control = control;
  flow->fd = TRY(ConnectTransparent(route, SOCK_DGRAM, state_.udp_transparent));
  if (!state_.udp_transparent)
    state_.Warn("the container sees its own address as that of UDP clients: the kernel allows no other");
  TRY(state_.loop.Watch(flow->fd.get(), EPOLLIN, flow.get()));
  return flow;
}

void ForwardDatagrams::Touch(Flow& flow) {
  flow.last_ms = NowMs();
  auto at = by_client_.find(flow.key)->second;
  flows_.splice(flows_.end(), flows_, at);
}

void ForwardDatagrams::Answer(Flow& flow, uint32_t) {
  if (flow.closed) return;
  for (int i = 0; i < kDatagramsAtOnce; i++) {
    const ssize_t n = recv(flow.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) continue;  // nothing listens there: the error is taken off by this
    flow.received++;
    iovec data{buffer, static_cast<size_t>(n)};
    msghdr message{};
    message.msg_name = &flow.client;
    message.msg_namelen = flow.client.size();
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = flow.control.empty() ? nullptr : flow.control.data();
    message.msg_controllen = flow.control.size();
    (void)sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);  // as the network: it may be lost
  }
  Touch(flow);
}

void ForwardDatagrams::Age() {
  const int64_t now = NowMs();
  for (auto at = flows_.begin(); at != flows_.end();) {
    auto next = std::next(at);
    const Flow& flow = **at;
    if (now - flow.last_ms > LimitOf(flow.sent, flow.received)) End(at);
    at = next;
  }
  if (!flows_.empty()) state_.loop.SetTick(state_.tick);
}

void ForwardDatagrams::End(Flows::iterator at) {
  by_client_.erase((*at)->key);
  (*at)->closed = true;
  (*at)->fd.Reset();
  state_.loop.Discard(std::move(*at));
  flows_.erase(at);
}

}  // namespace wolffia
