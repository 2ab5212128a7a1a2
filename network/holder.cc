#include "network/holder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "engine/base/event_loop.h"
#include "engine/base/socket.h"
#include "network/holder_namespaces.h"
#include "network/holder_networks.h"
#include "network/leases.h"
#include "network/resolver.h"

namespace wolffia {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kIdleNs = 2 * kSecond;
constexpr int64_t kRepairPauseNs = kSecond;
constexpr int64_t kComeBackNs =
    30 * kSecond;  // more than the pause between two repairs of a container's network
constexpr size_t kMaxMembers = 4096;
constexpr size_t kShortId = 12;
constexpr char kUpstream[] = "10.0.2.3";  // of slirp4netns: what the host asks

// Where several of the user's programs can be: only the user may connect.
bool IsOurs(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

HolderAnswer AnswerOf(const Error& error) {
  HolderAnswer answer;
  answer.error = error.what;
  answer.code = static_cast<int>(error.code);
  return answer;
}

class Holder {
 public:
  Holder(EventLoop loop, std::unique_ptr<OutsideThread> outside, HolderNetworks networks, Fd user_namespace)
      : outside_(std::move(outside)),
        loop_(std::move(loop)),
        networks_(std::move(networks)),
        user_namespace_(std::move(user_namespace)),
        resolver_(loop_, [this](const IpAddress& asker, const DnsQuestion& question) {
          return LookUp(asker, question);
        }) {}

  Result<> Listen();
  // What a holder that was killed has left.
  void TakeOver();
  Result<> Run() {
    idle_ = loop_.After(kIdleNs, [this] { Leave(); });
    return loop_.Run();
  }

 private:
  void Accept();
  void Receive(int socket);
  HolderAnswer Handle(Member& member, const HolderRequest& request, const std::vector<Fd>& fds);
  Result<HolderAnswer> Join(Member& member, const JoinRequest& request);
  void Drop(int socket);
  void Leave();
  void ForgetReserved();
  void WatchWayOut();
  void RepairWayOut();
  Resolver::Answer LookUp(const IpAddress& asker, const DnsQuestion& question) const;

  std::unique_ptr<OutsideThread> outside_;
  EventLoop loop_;
  HolderNetworks networks_;
  Fd user_namespace_;
  Resolver resolver_;
  Fd listener_;
  uint64_t inode_ = 0;  // of the socket's name
  std::map<int, Member> members_;
  std::vector<std::string> reserved_;  // containers that have not come back yet
  EventLoop::TimerId idle_ = 0;
  int watched_ = -1;  // pidfd of the way out
};

Result<> Holder::Listen() {
  listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return FailErrno("open the socket of the networks' holder");
  // Whoever starts a holder has the lock and has found nobody here.
  if (unlinkat(kHolderDirectory, kHolderSocket, 0) < 0 && errno != ENOENT)
    return FailErrno("remove the socket of the holder before");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", kHolderDirectory, kHolderSocket);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      listen(listener_.get(), SOMAXCONN) < 0)
    return FailErrno("listen on the socket of the networks' holder");
  struct stat st;
  if (fstatat(kHolderDirectory, kHolderSocket, &st, AT_SYMLINK_NOFOLLOW) == 0) inode_ = st.st_ino;
  return loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { Accept(); });
}

void Holder::TakeOver() {
  for (JoinRequest& lease : ReadLeases(kHolderDirectory)) {
    reserved_.push_back(lease.container);
    networks_.Reserve(std::move(lease));
  }
  if (!reserved_.empty()) loop_.After(kComeBackNs, [this] { ForgetReserved(); });
}

void Holder::ForgetReserved() {
  for (const std::string& container : std::exchange(reserved_, {})) {
    networks_.Forget(container);
    RemoveLease(kHolderDirectory, container);
  }
}

void Holder::Accept() {
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket || !IsOurs(socket.get()) || members_.size() >= kMaxMembers) return;
  const int fd = socket.get();
  if (!loop_.Watch(fd, EPOLLIN, [this, fd](uint32_t) { Receive(fd); })) return;
  loop_.Cancel(idle_);
  members_[fd].socket = std::move(socket);
}

void Holder::Receive(int socket) {
  auto packet = ReceivePacket(socket);
  if (!packet || packet->data.empty()) return Drop(socket);
  auto request = DecodeHolderRequest(packet->data);
  Member& member = members_.at(socket);
  const HolderAnswer answer = request ? Handle(member, *request, packet->fds) : AnswerOf(request.error());
  std::vector<int> fds;
  if (answer.error.empty() && std::holds_alternative<JoinRequest>(*request)) fds = {user_namespace_.get()};
  if (!SendPacket(socket, Encode(answer), fds)) Drop(socket);
}

HolderAnswer Holder::Handle(Member& member, const HolderRequest& request, const std::vector<Fd>& fds) {
  if (auto* join = std::get_if<JoinRequest>(&request)) {
    auto answer = Join(member, *join);
    return answer ? *answer : AnswerOf(answer.error());
  }
  if (fds.size() != 1) return AnswerOf({Code::kInvalid, 0, "a monitor attaches without a network namespace"});
  auto attached = networks_.Attach(member, fds[0].get());
  return attached ? HolderAnswer() : AnswerOf(attached.error());
}

Result<HolderAnswer> Holder::Join(Member& member, const JoinRequest& request) {
  TRY(networks_.Join(member, request));
  std::erase(reserved_, member.id);
  (void)WriteLease(kHolderDirectory, member);  // of use only if we are killed
  TRY(resolver_.Serve(networks_.ResolverAddresses()));
  WatchWayOut();
  HolderAnswer answer;
  bool out = false;
  for (const Membership& asked : request.networks) {
    const MemberInterface& interface = *std::ranges::find(
        member.interfaces, asked.network.name, [](const MemberInterface& i) { return i.inside.network; });
    answer.interfaces.push_back(interface.inside);
    out = out || !interface.internal;
    if (!interface.names) continue;
    for (const std::string& gateway : {interface.inside.gateway, interface.inside.gateway6})
      if (!gateway.empty()) answer.name_servers.push_back(gateway);
  }
  if (answer.name_servers.empty() && out && member.dns.empty()) answer.name_servers.push_back(kUpstream);
  return answer;
}

void Holder::Drop(int socket) {
  auto it = members_.find(socket);
  loop_.Forget(socket);
  networks_.Leave(it->second);
  RemoveLease(kHolderDirectory, it->second.id);
  (void)resolver_.Serve(networks_.ResolverAddresses());
  members_.erase(it);
  if (members_.empty()) idle_ = loop_.After(kIdleNs, [this] { Leave(); });
}

// The name goes first: whoever comes now starts another one. Containers that live would have come back.
void Holder::Leave() {
  ForgetReserved();
  struct stat st;
  if (fstatat(kHolderDirectory, kHolderSocket, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode_)
    unlinkat(kHolderDirectory, kHolderSocket, 0);
  loop_.Stop();
}

void Holder::WatchWayOut() {
  const std::vector<HelperProcess> helpers = networks_.Helpers();
  const int pidfd = helpers.empty() ? -1 : helpers[0].pidfd;
  if (pidfd == watched_) return;
  if (watched_ >= 0) loop_.Forget(watched_);
  watched_ = pidfd;
  if (pidfd >= 0) (void)loop_.Watch(pidfd, EPOLLIN, [this](uint32_t) { RepairWayOut(); });
}

void Holder::RepairWayOut() {
  loop_.Forget(watched_);
  watched_ = -1;
  if (networks_.Repair()) return WatchWayOut();
  loop_.After(kRepairPauseNs, [this] {
    if (watched_ < 0) RepairWayOut();
  });
}

// Names, aliases and short ids of the containers that share a network with the asker in which names are
// known.
Resolver::Answer Holder::LookUp(const IpAddress& asker, const DnsQuestion& question) const {
  Resolver::Answer answer;
  const auto has = [](const MemberInterface& i, const IpAddress& a) { return i.ip == a || i.ip6 == a; };
  const Member* who = nullptr;
  for (const auto& [socket, member] : members_)
    for (const MemberInterface& interface : member.interfaces)
      if (has(interface, asker)) who = &member;
  if (who == nullptr) return answer;
  answer.known_asker = true;
  if (std::ranges::any_of(who->interfaces, [](const MemberInterface& i) { return !i.internal; }))
    answer.upstreams = who->dns.empty() ? std::vector{*ParseIp(kUpstream)} : who->dns;
  const auto address = question.type == dns::kPtr ? AddressOfPtrName(question.name) : std::nullopt;
  const auto lower = [](std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  };
  const auto shares = [&](const MemberInterface& theirs) {
    return theirs.names && std::ranges::any_of(who->interfaces, [&](const MemberInterface& mine) {
             return mine.inside.network == theirs.inside.network;
           });
  };
  for (const auto& [socket, member] : members_) {
    const bool named = lower(member.name) == question.name || member.id.substr(0, kShortId) == question.name;
    for (const MemberInterface& interface : member.interfaces) {
      if (!shares(interface)) continue;
      if (address && has(interface, *address)) answer.found = true, answer.name = member.name;
      const bool alias = std::ranges::any_of(
          interface.inside.aliases, [&](const std::string& text) { return lower(text) == question.name; });
      if (!named && !alias) continue;
      answer.found = true;
      for (const auto& ip : {interface.ip, interface.ip6})
        if (ip) answer.addresses.push_back(*ip);
    }
  }
  return answer;
}

Result<std::unique_ptr<Holder>> MakeHolder(int control) {
  const HolderStart start = TRY(DecodeHolderStart(TRY(ReceivePacket(control)).data));
  const bool again = fcntl(kHolderNamespace, F_SETFD, FD_CLOEXEC) == 0;
  TRY(EnterHolderNamespaces(start, again ? kHolderNamespace : -1));
  Fd user_namespace = TRY(Open("/proc/self/ns/user", O_RDONLY));
  auto outside = std::make_unique<OutsideThread>();
  if (unshare(CLONE_NEWNET) < 0) return FailErrno("make the network namespace of the containers' networks");
  EventLoop loop = TRY(EventLoop::Create());
  HolderNetworks networks(TRY(Bridges::Open()), *outside);
  auto holder = std::make_unique<Holder>(std::move(loop), std::move(outside), std::move(networks),
                                         std::move(user_namespace));
  TRY(holder->Listen());
  holder->TakeOver();
  return holder;
}

}  // namespace

int RunHolder(int control) {
  signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // a descriptor for each container
  fcntl(kHolderDirectory, F_SETFD, FD_CLOEXEC);
  auto holder = MakeHolder(control);
  const HolderAnswer answer = holder ? HolderAnswer() : AnswerOf(holder.error());
  const bool told = SendPacket(control, Encode(answer)).has_value();
  close(control);
  if (!holder || !told) return 1;
  return (*holder)->Run() ? 0 : 1;
}

}  // namespace wolffia
