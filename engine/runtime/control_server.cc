#include "engine/runtime/control_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/runtime/control_socket.h"

namespace wolffia {
namespace {

constexpr size_t kMaxClients = 256;
constexpr int kBacklog = 128;

uint64_t InodeAt(int directory, const std::string& name) {
  struct stat status;
  return fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

}  // namespace

ControlServer::~ControlServer() {
  StopListening();
  for (const auto& [client, socket] : clients_) loop_.Forget(socket.get());
}

Result<> ControlServer::Listen(const std::string& runroot, const std::string& id) {
  StopListening();
  id_ = id;
  monitors_ = TRY(OpenMonitors(runroot));
  listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return FailErrno("make the control socket");
  sockaddr_un address = ControlAddress(monitors_.get(), id);
  unlinkat(monitors_.get(), id.c_str(), 0);  // of a monitor that was killed; we hold the container's lock
  const mode_t mask = umask(0177);
  const int bound = bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int failed = errno;
  umask(mask);
  if (bound < 0) return FailErrno("bind the control socket of the container", failed);
  inode_ = InodeAt(monitors_.get(), id);
  if (listen(listener_.get(), kBacklog) < 0) return FailErrno("listen for clients");
  return loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { Accept(); });
}

void ControlServer::StopListening() {
  if (!listener_) return;
  loop_.Forget(listener_.get());
  listener_.Reset();
  if (inode_ != 0 && InodeAt(monitors_.get(), id_) == inode_) unlinkat(monitors_.get(), id_.c_str(), 0);
  inode_ = 0;
}

Result<ControlServer::ClientId> ControlServer::Adopt(Fd socket) {
  if (fcntl(socket.get(), F_SETFL, O_NONBLOCK) < 0) return FailErrno("use a client's socket");
  const ClientId client = ++last_id_;
  TRY(loop_.Watch(socket.get(), EPOLLIN, [this, client](uint32_t) { Receive(client); }));
  clients_.emplace(client, std::move(socket));
  return client;
}

void ControlServer::Accept() {
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || !IsOurs(socket.get()) || clients_.size() >= kMaxClients) return;
  (void)Adopt(std::move(socket));
}

void ControlServer::Receive(ClientId client) {
  auto found = clients_.find(client);
  if (found == clients_.end()) return;
  auto packet = ReceivePacket(found->second.get());
  if (!packet && packet.error().os_errno == EAGAIN) return;
  if (!packet || packet->data.empty()) return Drop(client);
  auto message = DecodeControl(packet->data);
  if (!message) {
    const bool hopeless = message.error().code == Code::kCorrupt;
    Send(client, Failed{std::move(message.error())});
    if (hopeless) Drop(client);
    return;
  }
  handler_.message(client, std::move(*message), std::move(packet->fds));
}

void ControlServer::Drop(ClientId client) {
  auto found = clients_.find(client);
  if (found == clients_.end()) return;
  loop_.Forget(found->second.get());
  clients_.erase(found);
  handler_.gone(client);
}

void ControlServer::Send(ClientId client, const ControlMessage& message, const std::vector<int>& fds) {
  auto found = clients_.find(client);
  if (found == clients_.end()) return;
  if (!SendPacket(found->second.get(), Encode(message), fds)) Drop(client);
}

void ControlServer::SendAll(const ControlMessage& message) {
  std::vector<ClientId> all;
  for (const auto& [client, socket] : clients_) all.push_back(client);
  for (ClientId client : all) Send(client, message);
}

}  // namespace wolffia
