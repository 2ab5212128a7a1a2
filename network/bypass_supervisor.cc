#include "network/bypass_supervisor.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "engine/base/event_loop.h"
#include "engine/base/socket.h"
#include "network/notified_process.h"
#include "network/socket_options.h"

namespace wolffia {
namespace {

constexpr size_t kMaxPending = 768;
constexpr int64_t kSecond = 1'000'000'000;
// How long a connection waits for the call that a signal has interrupted to be made again.
constexpr int64_t kKept = 2 * kSecond;
constexpr int kContinue = -1;  // in place of an errno: the call goes on in the kernel

struct Call {
  int listener = -1;  // descriptor
  uint32_t index = 0;
  uint64_t id = 0;  // 0: interrupted
  pid_t thread = 0;
  int number = -1;  // of the socket, in the process
  BypassCalls::Slot* slot = nullptr;
};

// A socket as getsockopt and fstat tell it.
struct SocketFacts {
  int domain = 0, type = 0, protocol = 0, flags = 0;
  uint64_t network = 0;  // cookie of its namespace
  uint8_t state = 0;     // TCP_ESTABLISHED, ...
  bool bound = false;
  ino_t inode = 0;
  bool non_blocking() const { return (flags & O_NONBLOCK) != 0; }
};

template <typename Value>
bool Get(int socket, int level, int name, Value& value) {
  socklen_t size = sizeof value;
  return getsockopt(socket, level, name, &value, &size) == 0;
}

uint64_t NetworkOf(int socket) {
  uint64_t cookie = 0;
  return Get(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie) ? cookie : 0;
}

// A connection that failed may leave its address behind, but no port.
bool IsBound(int socket, int domain, bool address_counts) {
  BypassPeer own{};
  own.size = sizeof own.v6;
  if (getsockname(socket, &own.any, &own.size) < 0) return true;
  const bool v4 = domain == AF_INET;
  const bool address =
      v4 ? own.v4.sin_addr.s_addr != INADDR_ANY : !IN6_IS_ADDR_UNSPECIFIED(&own.v6.sin6_addr);
  return (v4 ? own.v4.sin_port : own.v6.sin6_port) != 0 || (address_counts && address);
}

// Of a TCP socket; nullopt: it is something else.
std::optional<SocketFacts> LookAt(int socket, uint64_t host_network) {
  SocketFacts facts;
  tcp_info info{};
  struct stat st;
  if (!Get(socket, SOL_SOCKET, SO_DOMAIN, facts.domain) || !Get(socket, SOL_SOCKET, SO_TYPE, facts.type) ||
      !Get(socket, SOL_SOCKET, SO_PROTOCOL, facts.protocol) || facts.type != SOCK_STREAM ||
      facts.protocol != IPPROTO_TCP || (facts.domain != AF_INET && facts.domain != AF_INET6) ||
      !Get(socket, IPPROTO_TCP, TCP_INFO, info) || fstat(socket, &st) < 0)
    return std::nullopt;
  facts.flags = fcntl(socket, F_GETFL);
  facts.network = NetworkOf(socket);
  facts.state = info.tcpi_state;
  facts.bound = IsBound(socket, facts.domain, facts.network != host_network);
  facts.inode = st.st_ino;
  return facts;
}

// A socket of the host's stack that can take the place of `old`, for a connection to `peer` and no other.
Fd MakeSubstitute(int old, const SocketFacts& facts, bool filtered, const BypassPeer& peer) {
  Fd socket(::socket(facts.domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!socket || !CopySocketOptions(old, socket.get(), filtered)) return Fd();
  std::vector<sock_filter> filter = PeerFilter(peer);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const int lock = 1;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
      setsockopt(socket.get(), SOL_SOCKET, SO_LOCK_FILTER, &lock, sizeof lock) < 0)
    return Fd();
  return socket;
}

bool IsWritable(int socket) {
  pollfd fd{socket, POLLOUT, 0};
  return poll(&fd, 1, 0) > 0;
}

int64_t NanosecondsOf(const timeval& time) {
  return time.tv_sec * kSecond + time.tv_usec * 1000;
}

class Supervisor {
 public:
  Supervisor(EventLoop loop, int control) : loop_(std::move(loop)), control_(control) {}
  Result<> Run();

 private:
  struct Listener {
    Fd fd;
    uint32_t index;
  };
  // A connection on its way. `socket` is new, or, if `again`, the one that the container has already.
  struct Pending {
    Call call;
    pid_t process;
    ino_t inode;  // of the socket that is replaced
    BypassPeer peer;
    bool non_blocking = false;
    NotifiedProcess::Places places;
    Fd socket;
    bool again = false, done = false;  // done: and nobody waits for it
    EventLoop::TimerId timer = 0;
  };
  using PendingId = int;  // descriptor of its socket

  void HearMonitor();
  Result<> SetUp(const BypassMessage& message, std::vector<Fd> fds);
  Result<> AddListener(uint32_t index, Fd fd);
  void LetGo(uint32_t index, int fd);

  void Receive(int listener, uint32_t events);
  bool IsValid(const Call& call) const;
  void Answer(Call& call, int error);

  // Each returns an errno (0: connected), or kContinue, or nothing if the answer comes later.
  std::optional<int> Consider(Call& call, uint64_t address, uint64_t size);
  std::optional<int> Replace(Call& call, const NotifiedProcess& process, Fd old, const SocketFacts& facts,
                             const BypassPeer& peer);
  std::optional<int> Again(Call& call, const NotifiedProcess& process, Fd socket, const SocketFacts& facts,
                           const BypassPeer& peer);
  std::optional<int> TakeUp(PendingId id, Call& call, const NotifiedProcess& process, const BypassPeer& peer);
  std::optional<int> Await(Pending pending, timeval limit);
  PendingId FindPending(pid_t process, ino_t inode) const;
  void Connected(PendingId id);
  void TimedOut(PendingId id);
  void Drop(PendingId id);
  int Install(Pending& pending, const NotifiedProcess& process, int result);

  EventLoop loop_;
  int control_;
  BypassPolicy policy_;
  uint64_t host_network_ = 0, container_network_ = 0;
  BypassCalls* calls_ = nullptr;
  std::map<int, Listener> listeners_;
  std::map<PendingId, Pending> pending_;
};

Result<> Supervisor::Run() {
  Fd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  host_network_ = probe ? NetworkOf(probe.get()) : 0;
  if (host_network_ == 0)
    return Fail(Code::kUnsupported, "this kernel does not tell the network of a socket");
  TRY(loop_.Watch(control_, EPOLLIN, [this](uint32_t) { HearMonitor(); }));
  return loop_.Run();
}

void Supervisor::HearMonitor() {
  auto packet = ReceivePacket(control_);
  BypassMessage message;
  if (!packet || packet->data.size() != sizeof message) return loop_.Stop();
  memcpy(static_cast<void*>(&message), packet->data.data(), sizeof message);
  Result<> done;
  if (message.kind == BypassMessage::kSetUp && packet->fds.size() == 2)
    done = SetUp(message, std::move(packet->fds));
  else if (message.kind == BypassMessage::kListener && packet->fds.size() == 1 && calls_ != nullptr)
    done = AddListener(message.index, std::move(packet->fds[0]));
  else
    return loop_.Stop();
  if (!done) loop_.Stop();
}

Result<> Supervisor::SetUp(const BypassMessage& message, std::vector<Fd> fds) {
  policy_ = message.policy;
  container_network_ = NetworkOf(fds[0].get());
  void* shared = mmap(nullptr, sizeof(BypassCalls), PROT_READ | PROT_WRITE, MAP_SHARED, fds[1].get(), 0);
  if (shared == MAP_FAILED) return FailErrno("map the table of calls");
  calls_ = static_cast<BypassCalls*>(shared);
  return {};
}

// The calls of a supervisor that died go on in the kernel; so does the one that it had no time to write down.
Result<> Supervisor::AddListener(uint32_t index, Fd fd) {
  auto let_go_on = [&](uint64_t id) {
    seccomp_notif_resp answer{};
    answer.id = id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  };
  for (BypassCalls::Slot& slot : calls_->slots)
    if (slot.id != 0 && slot.listener == index) let_go_on(std::exchange(slot.id, 0));
  if (index < BypassCalls::kListeners && calls_->last[index] != 0) let_go_on(calls_->last[index] + 1);
  const int number = fd.get();
  listeners_[number] = {std::move(fd), index};
  return loop_.Watch(number, EPOLLIN, [this, number](uint32_t events) { Receive(number, events); });
}

void Supervisor::LetGo(uint32_t index, int fd) {
  loop_.Forget(fd);
  listeners_.erase(fd);
  BypassMessage gone;
  gone.kind = BypassMessage::kGone;
  gone.index = index;
  (void)SendPacket(control_, {reinterpret_cast<const char*>(&gone), sizeof gone});
}

void Supervisor::Receive(int listener, uint32_t events) {
  const uint32_t index = listeners_.at(listener).index;
  if ((events & EPOLLIN) == 0) return LetGo(index, listener);
  alignas(seccomp_notif) char buffer[1024] = {};  // a newer kernel's may be longer
  auto& notification = *reinterpret_cast<seccomp_notif*>(buffer);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) return;  // interrupted meanwhile
  Call call{.listener = listener,
            .index = index,
            .id = notification.id,
            .thread = static_cast<pid_t>(notification.pid),
            .number = static_cast<int>(notification.data.args[0])};
  for (BypassCalls::Slot& slot : calls_->slots) {
    if (slot.id != 0) continue;
    slot.listener = index;
    slot.id = call.id;
    call.slot = &slot;
    break;
  }
  if (index < BypassCalls::kListeners) calls_->last[index] = call.id;
  const auto& arguments = notification.data.args;
  const auto result =
      call.slot == nullptr ? std::optional(kContinue) : Consider(call, arguments[1], arguments[2]);
  if (result) Answer(call, *result);
}

bool Supervisor::IsValid(const Call& call) const {
  return call.id != 0 && ioctl(call.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
}

void Supervisor::Answer(Call& call, int error) {
  if (call.slot != nullptr) call.slot->id = 0;
  if (call.id == 0) return;
  seccomp_notif_resp answer{};
  answer.id = call.id;
  answer.error = error == kContinue ? 0 : -error;
  answer.flags = error == kContinue ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
  ioctl(call.listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);  // fails if it was interrupted
  call.id = 0;
}

std::optional<int> Supervisor::Consider(Call& call, uint64_t address, uint64_t size) {
  char copy[sizeof(sockaddr_in6)];
  if (size < sizeof(sa_family_t) || size > sizeof(sockaddr_storage)) return kContinue;
  const size_t length = std::min<size_t>(size, sizeof copy);
  auto process = NotifiedProcess::Open(call.thread);
  if (!process || !process->ReadMemory(address, copy, length)) return kContinue;
  sa_family_t family;
  memcpy(&family, copy, sizeof family);
  if (family != AF_INET && family != AF_INET6) return kContinue;
  Fd socket = process->TakeDescriptor(call.number);
  if (!socket || !IsValid(call)) return kContinue;
  auto facts = LookAt(socket.get(), host_network_);
  if (!facts || facts->domain != family) return kContinue;
  const auto peer = OutsidePeer(policy_, {copy, length});
  if (facts->network == container_network_)
    return peer ? Replace(call, *process, std::move(socket), *facts, *peer) : kContinue;
  if (facts->network != host_network_) return kContinue;  // a network that the container has made
  // It is the host's already, and there is no way back inside.
  return peer ? Again(call, *process, std::move(socket), *facts, *peer) : ENETUNREACH;
}

std::optional<int> Supervisor::Replace(Call& call, const NotifiedProcess& process, Fd old,
                                       const SocketFacts& facts, const BypassPeer& peer) {
  if (const PendingId earlier = FindPending(process.id(), facts.inode); earlier >= 0)
    return TakeUp(earlier, call, process, peer);
  if (facts.state != TCP_CLOSE || facts.bound || (facts.flags & O_ASYNC) != 0 ||
      fcntl(old.get(), F_GETOWN) != 0)
    return kContinue;
  auto places = process.FindSocket(call.number, facts.inode);
  if (!places || pending_.size() >= kMaxPending) return kContinue;
  Fd socket = MakeSubstitute(old.get(), facts, facts.network == host_network_, peer);
  if (!socket) return kContinue;
  timeval limit{};
  if (!Get(old.get(), SOL_SOCKET, SO_SNDTIMEO, limit)) return kContinue;
  const int result = connect(socket.get(), &peer.any, peer.size) == 0 ? 0 : errno;
  if (result != 0 && result != EINPROGRESS) return result;
  old.Reset();  // its registrations end with its last descriptor
  Pending pending{.call = call,
                  .process = process.id(),
                  .inode = facts.inode,
                  .peer = peer,
                  .non_blocking = facts.non_blocking(),
                  .places = std::move(*places),
                  .socket = std::move(socket)};
  if (result == 0 || pending.non_blocking) return Install(pending, process, result);
  return Await(std::move(pending), limit);
}

// On a socket of ours. One whose connection failed begins anew, as a new one; else the kernel knows what to
// say.
std::optional<int> Supervisor::Again(Call& call, const NotifiedProcess& process, Fd socket,
                                     const SocketFacts& facts, const BypassPeer& peer) {
  if (facts.state == TCP_CLOSE) return Replace(call, process, std::move(socket), facts, peer);
  if (facts.state == TCP_SYN_SENT && !facts.non_blocking() && !IsWritable(socket.get())) {
    if (pending_.size() >= kMaxPending) return EALREADY;
    return Await({.call = call,
                  .process = process.id(),
                  .inode = facts.inode,
                  .peer = peer,
                  .socket = std::move(socket),
                  .again = true},
                 {});
  }
  return connect(socket.get(), &peer.any, peer.size) == 0 ? 0 : errno;
}

Supervisor::PendingId Supervisor::FindPending(pid_t process, ino_t inode) const {
  for (const auto& [id, pending] : pending_)
    if (pending.process == process && pending.inode == inode) return id;
  return -1;
}

// The call that a signal has interrupted, made again; or a second thread with the same socket.
std::optional<int> Supervisor::TakeUp(PendingId id, Call& call, const NotifiedProcess& process,
                                      const BypassPeer& peer) {
  Pending& pending = pending_.at(id);
  if (IsValid(pending.call) || !(pending.peer == peer)) return EALREADY;
  if (pending.call.slot != nullptr) pending.call.slot->id = 0;
  pending.call = call;
  if (!pending.done) return std::nullopt;
  const int result = Install(pending, process, 0);
  Drop(id);
  return result;
}

std::optional<int> Supervisor::Await(Pending pending, timeval limit) {
  const PendingId id = pending.socket.get();
  if (!loop_.Watch(id, EPOLLOUT, [this, id](uint32_t) { Connected(id); })) return kContinue;
  const int64_t nanoseconds = NanosecondsOf(limit);
  if (nanoseconds > 0) pending.timer = loop_.After(nanoseconds, [this, id] { TimedOut(id); });
  pending_.insert_or_assign(id, std::move(pending));
  return std::nullopt;
}

void Supervisor::Connected(PendingId id) {
  Pending& pending = pending_.at(id);
  loop_.Forget(id);
  loop_.Cancel(pending.timer);
  pending.done = true;
  int result = connect(id, &pending.peer.any, pending.peer.size) == 0 ? 0 : errno;  // what became of it
  if (!pending.again && result == 0) {
    auto process = NotifiedProcess::Open(pending.call.thread);
    if (!process || !IsValid(pending.call)) {
      pending.timer = loop_.After(kKept, [this, id] { Drop(id); });
      return;
    }
    result = Install(pending, *process, 0);
  }
  Answer(pending.call, result);
  Drop(id);
}

// SO_SNDTIMEO: the call ends, the connection is still being made.
void Supervisor::TimedOut(PendingId id) {
  Pending& pending = pending_.at(id);
  auto process = NotifiedProcess::Open(pending.call.thread);
  if (process && IsValid(pending.call)) Answer(pending.call, Install(pending, *process, EINPROGRESS));
  Drop(id);
}

void Supervisor::Drop(PendingId id) {
  auto found = pending_.find(id);
  if (!found->second.done) loop_.Forget(id);
  loop_.Cancel(found->second.timer);
  if (found->second.call.slot != nullptr) found->second.call.slot->id = 0;
  pending_.erase(found);
}

// Puts the socket where the container's is. Returns `result`, or kContinue if nothing was put anywhere.
int Supervisor::Install(Pending& pending, const NotifiedProcess& process, int result) {
  const int socket = pending.socket.get();
  if (!pending.non_blocking && fcntl(socket, F_SETFL, 0) < 0) return kContinue;
  bool installed = false;
  for (const NotifiedProcess::Place& place : pending.places.numbers) {
    // The number may be another file's by now: then that one stays.
    if (!process.HasSocketAt(place.number, pending.inode)) continue;
    seccomp_notif_addfd add{};
    add.id = pending.call.id;
    add.flags = SECCOMP_ADDFD_FLAG_SETFD;
    add.srcfd = static_cast<uint32_t>(socket);
    add.newfd = static_cast<uint32_t>(place.number);
    add.newfd_flags = place.close_on_exec ? O_CLOEXEC : 0;
    if (ioctl(pending.call.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0) installed = true;
  }
  if (!installed) return kContinue;
  for (const NotifiedProcess::Registration& registration : pending.places.registrations)
    if (Fd set = process.TakeDescriptor(registration.set)) RegisterAs(set.get(), socket, registration);
  return result;
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int RunBypass(int control) {
  RaiseDescriptorLimit();
  auto loop = EventLoop::Create();
  if (!loop) return 1;
  auto done = Supervisor(std::move(*loop), control).Run();
  if (done) return 0;
  dprintf(STDERR_FILENO, "%s\n", done.error().what.c_str());
  return 1;
}

}  // namespace wolffia
