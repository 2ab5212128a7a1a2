#include "network/bypass_supervisor.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
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
#include "network/bypass_ports.h"
#include "network/notified_process.h"
#include "network/socket_confinement.h"
#include "network/socket_facts.h"
#include "network/socket_options.h"

namespace wolffia {
namespace {

// In place of an errno, the call goes on in the kernel: as it is, or on the socket that is there now.
constexpr int kContinue = -1, kWait = -2;

struct Call {
  int listener = -1;  // descriptor
  uint64_t id = 0;
  pid_t thread = 0;
  int number = -1;  // of the socket, in the process
};

class Supervisor {
 public:
  Supervisor(EventLoop loop, SocketConfinement confinement, int control)
      : loop_(std::move(loop)), confinement_(std::move(confinement)), control_(control) {}
  Result<> Run();

 private:
  void HearMonitor();
  Result<> SetUp(const BypassMessage& message, std::vector<Fd> fds);
  Result<> AddListener(uint32_t index, Fd fd);
  void LetGo(uint32_t index, int fd);
  void Receive(int listener, uint32_t events);

  // Each returns an errno (0: connected), kContinue or kWait.
  int Connect(const Call& call, uint64_t address, uint64_t size);
  int Listen(const Call& call, int backlog);
  int TakePort(const Call& call, const NotifiedProcess& process, Fd old, const SocketFacts& facts,
               int backlog);
  int Again(const Call& call, const NotifiedProcess& process, Fd socket, const SocketFacts& facts,
            const std::optional<BypassPeer>& peer);
  int Replace(const Call& call, const NotifiedProcess& process, Fd old, const SocketFacts& facts,
              const BypassPeer& peer);
  Fd MakeSubstitute(int old, const SocketFacts& facts, const BypassPeer& peer);

  struct Listener {
    Fd fd;
    uint32_t index;
  };
  EventLoop loop_;
  SocketConfinement confinement_;
  int control_;
  BypassPolicy policy_;
  BypassPorts ports_;
  uint64_t host_network_ = 0, container_network_ = 0;
  BypassCalls* calls_ = nullptr;
  std::map<int, Listener> listeners_;
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
  if (message.kind == BypassMessage::kSetUp && packet->fds.size() == 3)
    done = SetUp(message, std::move(packet->fds));
  else if (message.kind == BypassMessage::kPort && packet->fds.size() == 1)
    ports_.Add(static_cast<uint16_t>(message.index), std::move(packet->fds[0]));
  else if (message.kind == BypassMessage::kListener && packet->fds.size() == 1 && calls_ != nullptr)
    done = AddListener(message.index, std::move(packet->fds[0]));
  else
    return loop_.Stop();
  if (done) return;
  dprintf(STDERR_FILENO, "%s\n", done.error().what.c_str());
  loop_.Stop();
}

// As root of the container's user namespace it may look at processes of all its users. It was executed
// outside of it, so nobody inside may look at it.
Result<> Supervisor::SetUp(const BypassMessage& message, std::vector<Fd> fds) {
  policy_ = message.policy;
  container_network_ = NetworkOf(fds[0].get());
  void* shared = mmap(nullptr, sizeof(BypassCalls), PROT_READ | PROT_WRITE, MAP_SHARED, fds[1].get(), 0);
  if (shared == MAP_FAILED) return FailErrno("map the table of calls");
  calls_ = static_cast<BypassCalls*>(shared);
  if (setns(fds[2].get(), CLONE_NEWUSER) < 0) return FailErrno("enter the container's user namespace");
  return {};
}

// The call of a supervisor that died goes on in the kernel; so does the one that it had no time to write
// down.
Result<> Supervisor::AddListener(uint32_t index, Fd fd) {
  if (index < BypassCalls::kListeners && calls_->last[index] != 0)
    for (uint64_t id : {calls_->last[index], calls_->last[index] + 1}) {
      seccomp_notif_resp answer{};
      answer.id = id;
      answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
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
  if (index < BypassCalls::kListeners) calls_->last[index] = notification.id;
  const Call call{.listener = listener,
                  .id = notification.id,
                  .thread = static_cast<pid_t>(notification.pid),
                  .number = static_cast<int>(notification.data.args[0])};
  const auto& arguments = notification.data.args;
  const int error = notification.data.nr == SYS_listen ? Listen(call, static_cast<int>(arguments[1]))
                                                       : Connect(call, arguments[1], arguments[2]);
  seccomp_notif_resp answer{};
  answer.id = call.id;
  if (error < 0)
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  else
    answer.error = -error;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);  // fails if it was interrupted
}

// A socket that was given for one connection hears no others.
int Supervisor::Listen(const Call& call, int backlog) {
  auto process = NotifiedProcess::Open(call.thread);
  if (!process) return kContinue;
  Fd socket = process->TakeDescriptor(call.number);
  if (!socket || ioctl(call.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) < 0) return kContinue;
  const auto facts = LookAtTcp(socket.get());
  if (!facts) return kContinue;
  if (facts->network == host_network_) return facts->state == TCP_LISTEN ? kContinue : EOPNOTSUPP;
  if (facts->network != container_network_ || facts->state != TCP_CLOSE || !facts->has_port() ||
      !OwnPort(policy_, {reinterpret_cast<const char*>(&facts->own.any), facts->own.size}))
    return kContinue;
  return TakePort(call, *process, std::move(socket), *facts, backlog);
}

// For a port that is published. If that cannot be, the container listens, and the forwarder for it.
int Supervisor::TakePort(const Call& call, const NotifiedProcess& process, Fd old, const SocketFacts& facts,
                         int backlog) {
  const bool v6 = facts.domain == AF_INET6;
  const uint16_t port = ntohs(v6 ? facts.own.v6.sin6_port : facts.own.v4.sin_port);
  int v6_only = 0;
  socklen_t size = sizeof v6_only;
  if (v6) getsockopt(old.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size);
  const auto place = ports_.PlaceFor(facts.own, v6_only != 0);
  const auto places = process.FindSocket(call.number, facts.inode);
  Fd socket(::socket(facts.domain, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  const int on = 1;
  if (!place || !places || !socket || facts.signals() || !CopySocketOptions(old.get(), socket.get(), false) ||
      !SocketConfinement::ConfineListener(socket.get(), policy_.allow_host_loopback) ||
      setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) {
    ports_.GiveBack(port);
    return kContinue;
  }
  ports_.Take(port);
  const bool listens =
      bind(socket.get(), &place->any, place->size) == 0 && listen(socket.get(), backlog) == 0;
  if (!listens && errno == EADDRINUSE)
    return EADDRINUSE;  // by a program of the container's that was here before
  if (facts.non_blocking()) fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  old.Reset();
  if (listens && process.Install(call.listener, call.id, socket.get(), *places)) return 0;
  socket.Reset();
  ports_.GiveBack(port);
  return kContinue;
}

int Supervisor::Connect(const Call& call, uint64_t address, uint64_t size) {
  char copy[sizeof(sockaddr_in6)];
  if (size < sizeof(sa_family_t) || size > sizeof(sockaddr_storage)) return kContinue;
  const size_t length = std::min<size_t>(size, sizeof copy);
  auto process = NotifiedProcess::Open(call.thread);
  if (!process || !process->ReadMemory(address, copy, length)) return kContinue;
  sa_family_t family;
  memcpy(&family, copy, sizeof family);
  if (family != AF_INET && family != AF_INET6) return kContinue;
  Fd socket = process->TakeDescriptor(call.number);
  if (!socket || ioctl(call.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) < 0) return kContinue;
  auto facts = LookAtTcp(socket.get());
  if (!facts || facts->domain != family) return kContinue;
  auto peer = OutsidePeer(policy_, {copy, length});
  if (const auto own = OwnPort(policy_, {copy, length}); own && !peer) peer = ports_.TakenPort(*own, family);
  if (facts->network == host_network_) return Again(call, *process, std::move(socket), *facts, peer);
  if (facts->network != container_network_) return kContinue;  // a network that the container has made
  const bool bound = facts->has_address() || facts->has_port();
  return peer && !bound ? Replace(call, *process, std::move(socket), *facts, *peer) : kContinue;
}

// On a socket of ours. One whose connection failed begins anew, as a new one, though it tells of the port
// that it had; else the kernel knows what to say. There is no way back inside.
int Supervisor::Again(const Call& call, const NotifiedProcess& process, Fd socket, const SocketFacts& facts,
                      const std::optional<BypassPeer>& peer) {
  if (!peer) return ENETUNREACH;
  if (facts.state != TCP_CLOSE) return kContinue;
  int failed = 0;
  socklen_t size = sizeof failed;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed != 0) return failed;
  const int result = Replace(call, process, std::move(socket), facts, *peer);
  return result == kContinue ? ENETUNREACH : result;
}

// A connection that takes its time is the container's at once, and the call goes on in the kernel, which
// waits for a socket that connects already, whatever the address: as long as SO_SNDTIMEO and signals let it.
int Supervisor::Replace(const Call& call, const NotifiedProcess& process, Fd old, const SocketFacts& facts,
                        const BypassPeer& peer) {
  if (facts.state != TCP_CLOSE || facts.signals() || fcntl(old.get(), F_GETOWN) != 0) return kContinue;
  const auto places = process.FindSocket(call.number, facts.inode);
  if (!places) return kContinue;
  const Fd socket = MakeSubstitute(old.get(), facts, peer);
  if (!socket) return kContinue;
  const int result = connect(socket.get(), &peer.any, peer.size) == 0 ? 0 : errno;
  if (result != 0 && result != EINPROGRESS) return result;
  if (!facts.non_blocking() && fcntl(socket.get(), F_SETFL, 0) < 0) return kContinue;
  old.Reset();  // its places in epoll sets end with its last descriptor
  if (!process.Install(call.listener, call.id, socket.get(), *places)) return kContinue;
  return result == 0 || facts.non_blocking() ? result : kWait;
}

// A socket of the host's stack that can take the place of `old`, for a connection to `peer`.
Fd Supervisor::MakeSubstitute(int old, const SocketFacts& facts, const BypassPeer& peer) {
  Fd socket(::socket(facts.domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const bool ours = facts.network == host_network_;
  if (!socket || !CopySocketOptions(old, socket.get(), ours) ||
      !confinement_.Confine(socket.get(), peer, policy_.allow_host_loopback))
    return Fd();
  return socket;
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
  auto run = [&]() -> Result<> {
    EventLoop loop = TRY(EventLoop::Create());
    return Supervisor(std::move(loop), TRY(SocketConfinement::Make()), control).Run();
  };
  auto done = run();
  if (done) return 0;
  dprintf(STDERR_FILENO, "%s\n", done.error().what.c_str());
  return 1;
}

}  // namespace wolffia
