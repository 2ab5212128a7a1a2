#include "engine/cgroup/user_bus.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/event_loop.h"
#include "engine/cgroup/cgroup_host.h"

namespace wolffia {
namespace {

constexpr const char *kSystemd = "org.freedesktop.systemd1", *kManagerPath = "/org/freedesktop/systemd1",
                     *kManager = "org.freedesktop.systemd1.Manager";
constexpr const char *kBus = "org.freedesktop.DBus", *kBusPath = "/org/freedesktop/DBus";
constexpr int64_t kMillisecond = 1'000'000;

// The id as decimal digits, each as two hexadecimal ones.
std::string Greeting() {
  std::string hex;
  for (char digit : std::to_string(getuid())) hex += std::string("3") + digit;
  return std::string(1, '\0') + "AUTH EXTERNAL " + hex + "\r\nBEGIN\r\n";
}

std::string Hello() {
  BusCall hello{kBus, kBusPath, kBus, "Hello", "", ""};
  BusWriter rule;
  rule.String("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
  BusCall match{kBus, kBusPath, kBus, "AddMatch", "s", rule.text()};
  return EncodeBusCall(hello, 1) + EncodeBusCall(match, 2);
}

}  // namespace

int64_t UserBus::DeadlineAfter(int64_t nanoseconds) {
  return EventLoop::Now() + nanoseconds;
}

Result<UserBus> UserBus::Connect(const CgroupHost& host) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (host.bus_socket.size() >= sizeof address.sun_path)
    return Fail(Code::kInvalid, "the path of the user's bus is too long: " + host.bus_socket);
  memcpy(address.sun_path, host.bus_socket.c_str(), host.bus_socket.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return FailErrno("connect to the user's systemd at " + host.bus_socket);
  UserBus bus(std::move(socket), host.bus_is_private);
  TRY(bus.Send(bus.private_ ? Greeting() : Greeting() + Hello()));
  if (!bus.private_) bus.serial_ = 2;
  return bus;
}

Result<> UserBus::Send(const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("ask the user's systemd");
    sent += static_cast<size_t>(n);
  }
  return {};
}

Result<uint32_t> UserBus::Call(std::string member, std::string signature, std::string body) {
  BusCall call{private_ ? "" : kSystemd, kManagerPath,         kManager,
               std::move(member),        std::move(signature), std::move(body)};
  TRY(Send(EncodeBusCall(call, ++serial_)));
  return serial_;
}

// One line before the messages: "OK <id>".
Result<bool> UserBus::TakeGreeting() {
  if (greeted_) return true;
  const size_t end = buffer_.find("\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() > 1024) return Fail(Code::kCorrupt, "the user's bus does not speak D-Bus");
    return false;
  }
  if (!buffer_.starts_with("OK"))
    return Fail(Code::kDenied, "the user's bus refuses us: " + buffer_.substr(0, std::min<size_t>(end, 200)));
  buffer_.erase(0, end + 2);
  greeted_ = true;
  return true;
}

Result<BusMessage> UserBus::Receive(int64_t deadline) {
  for (;;) {
    if (TRY(TakeGreeting()))
      if (auto message = TRY(TakeBusMessage(buffer_))) return std::move(*message);
    pollfd ready{socket_.get(), POLLIN, 0};
    const int64_t left = std::max<int64_t>(0, deadline - EventLoop::Now());
    const int n = poll(&ready, 1, static_cast<int>((left + kMillisecond - 1) / kMillisecond));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("wait for the user's systemd");
    if (n == 0) return Fail(Code::kBusy, "the user's systemd did not answer in time");
    char chunk[4096];
    const ssize_t got = read(socket_.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read from the user's systemd");
    if (got == 0) return Fail(Code::kIo, "the user's systemd closed the connection");
    buffer_.append(chunk, static_cast<size_t>(got));
  }
}

std::string BusErrorText(const BusMessage& message) {
  std::string text = message.error_name;
  if (message.signature.starts_with('s')) text = BusReader(message.body).String();
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return text;
}

}  // namespace wolffia
