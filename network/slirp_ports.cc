#include "network/slirp_ports.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"
#include "network/port_mapping.h"

namespace wolffia {
namespace {

constexpr const char* kSocket = "slirp4netns.sock";
constexpr size_t kMaxAnswer = 4096;
constexpr int kPatienceSeconds = 10;

// All of these are numbers, and addresses as the kernel writes them.
std::string RequestFor(const PortMapping& port, int index, const std::string& container_ip) {
  return R"({"execute":"add_hostfwd","arguments":{"proto":")" + std::string(ProtocolName(port.protocol)) +
         R"(","host_addr":")" + port.host_ip + R"(","host_port":)" + std::to_string(port.host_port + index) +
         R"(,"guest_addr":")" + container_ip + R"(","guest_port":)" +
         std::to_string(port.container_port + index) + "}}";
}

Result<Fd> Connect(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return FailErrno("socket");
  const timeval patience{kPatienceSeconds, 0};
  for (int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    (void)setsockopt(fd.get(), SOL_SOCKET, option, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return FailErrno("connect to the API socket of slirp4netns");
  return fd;
}

// One request a connection; the answer ends with it.
Result<std::string> Ask(const std::string& path, const std::string& request) {
  Fd fd = TRY(Connect(path));
  TRY_WITH(WriteFull(fd.get(), request), "ask slirp4netns");
  shutdown(fd.get(), SHUT_WR);
  std::string answer;
  char buffer[512];
  while (answer.size() < kMaxAnswer) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read the answer of slirp4netns");
    if (n == 0) break;
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

}  // namespace

SlirpPorts::~SlirpPorts() {
  if (place_) (void)unlinkat(place_.get(), kSocket, 0);
}

Result<> SlirpPorts::Prepare() {
  for (PortMapping& port : ports_) {
    if (port.host_ip.find(':') != port.host_ip.npos)
      return Fail(Code::kUnsupported, "port_handler=slirp4netns forwards no IPv6 addresses: publish " +
                                          FormatPortMapping(port) + " without this option");
    if (port.host_ip.empty()) port.host_ip = "0.0.0.0";
  }
  reservation_ = TRY(PortReservation::Make(ports_));
  return {};
}

Result<Fd> SlirpPorts::MakePlace() {
  place_ = TRY(Open(directory_, O_PATH | O_DIRECTORY));
  if (unlinkat(place_.get(), kSocket, 0) < 0 && errno != ENOENT)
    return FailErrno("remove " + directory_ + "/" + kSocket);
  return place_.Duplicate();
}

std::string SlirpPorts::SocketPath(int directory_fd) {
  return "/proc/self/fd/" + std::to_string(directory_fd) + "/" + kSocket;
}

Result<> SlirpPorts::Publish(const std::string& container_ip) {
  reservation_ = {};  // now slirp4netns binds them
  for (const PortMapping& port : ports_)
    for (int i = 0; i < port.count; i++) {
      const std::string answer = TRY(Ask(SocketPath(place_.get()), RequestFor(port, i, container_ip)));
      if (answer.find("\"return\"") == answer.npos)
        return Fail(Code::kBusy, "slirp4netns does not forward " + HostAddressOf(port, i) + " to port " +
                                     ContainerPortOf(port, i) + ": " + answer);
    }
  return {};
}

}  // namespace wolffia
