#include "network/holder_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "engine/base/file.h"
#include "engine/base/lock.h"
#include "engine/base/process.h"
#include "engine/base/socket.h"
#include "network/holder.h"
#include "network/leases.h"

namespace wolffia {
namespace {

constexpr int kDeadlineMs = 20'000;  // more than slirp4netns has to be ready

Result<Fd> OpenNetDirectory(const std::string& runtime_root) {
  const std::string path = runtime_root + "/net";
  TRY(MakeDirectories(path));
  Fd directory = TRY(OpenDirectory(AT_FDCWD, path));
  struct stat status;
  if (fstat(directory.get(), &status) < 0) return FailErrno(path);
  if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
    return Fail(Code::kDenied, path + " belongs to somebody else, or others may write to it");
  return directory;
}

// ENOENT, ECONNREFUSED: there is no holder.
Result<Fd> TryConnect(int directory) {
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return FailErrno("open a socket to the networks' holder");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, kHolderSocket);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return FailErrno("connect to the networks' holder");
  return fd;
}

Result<Packet> ReceiveInTime(int socket) {
  pollfd fds{socket, POLLIN, 0};
  int n;
  do n = poll(&fds, 1, kDeadlineMs);
  while (n < 0 && errno == EINTR);
  if (n < 0) return FailErrno("wait for the networks' holder");
  if (n == 0) return Fail(Code::kBusy, "the holder of the containers' networks does not answer");
  Packet packet = TRY(ReceivePacket(socket));
  if (packet.data.empty())
    return Fail(Code::kBusy, "the holder of the containers' networks has ended", EPIPE);
  return packet;
}

Result<HolderAnswer> ReadAnswer(const Packet& packet) {
  HolderAnswer answer = TRY(DecodeHolderAnswer(packet.data));
  if (!answer.error.empty()) return Fail(static_cast<Code>(answer.code), answer.error);
  return answer;
}

Result<> StartHolder(int directory, const HolderPlace& place, int user_namespace) {
  const HolderStart start = TRY(place.start());
  Fd found;
  if (user_namespace < 0 && place.user_namespace && HasLeases(directory)) found = place.user_namespace();
  if (found) user_namespace = found.get();
  SocketPair control = TRY(MakeSocketPair());
  Fd nothing = TRY(Open("/dev/null", O_RDWR));
  SpawnRequest request{.program = place.program, .argv = {"wolffia-net", "holder"}};
  request.donations = {{nothing.get(), 0},
                       {nothing.get(), 1},
                       {nothing.get(), 2},
                       {control.theirs.get(), 3},
                       {directory, kHolderDirectory}};
  if (user_namespace >= 0) request.donations.push_back({user_namespace, kHolderNamespace});
  Child starter = TRY(Spawn(request));
  control.theirs.Reset();
  TRY(SendPacket(control.ours.get(), Encode(start)));
  TRY(ReadAnswer(TRY(ReceiveInTime(control.ours.get()))));
  TRY(starter.Wait());
  return {};
}

}  // namespace

Result<HolderClient> HolderClient::Connect(const HolderPlace& place, int user_namespace) {
  Fd directory = TRY(OpenNetDirectory(place.runtime_root));
  auto socket = TryConnect(directory.get());
  if (socket) return HolderClient(std::move(*socket));
  FileLock lock = TRY(FileLock::Acquire(directory.get(), "holder.lock"));
  socket = TryConnect(directory.get());
  if (socket) return HolderClient(std::move(*socket));
  TRY(StartHolder(directory.get(), place, user_namespace));
  return HolderClient(TRY(TryConnect(directory.get())));
}

Result<> HolderClient::Send(const HolderRequest& request, const std::vector<int>& fds) {
  const std::string packet = Encode(request);
  if (packet.size() > kMaxHolderPacket) return Fail(Code::kInvalid, "too many networks or aliases");
  return SendPacket(socket_.get(), packet, fds);
}

Result<HolderAnswer> HolderClient::Receive(std::vector<Fd>* fds) {
  Packet packet = TRY(ReceiveInTime(socket_.get()));
  HolderAnswer answer = TRY(ReadAnswer(packet));
  if (fds != nullptr) *fds = std::move(packet.fds);
  return answer;
}

int HolderClient::pid() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

}  // namespace wolffia
