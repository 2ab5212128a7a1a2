// A client that says anything to a monitor's control socket, while another one works: packets of any bytes
// and length, with any descriptors. The input is records {descriptors, 2 bytes of length, packet}. What is
// read as a message is the same when it is written and read again; the other client always has its answer,
// and no descriptor stays behind.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/event_loop.h"
#include "engine/runtime/control_server.h"

namespace wolffia {
namespace {

constexpr char kOurs = 1;  // in the corpus: our version, whatever it is
constexpr size_t kMaxDescriptors = 15, kTooLong = kMaxControlPacket + 1;

void Require(bool holds) {
  if (!holds) abort();
}

// The number of the lowest free descriptor: as long as nothing leaks, always the same.
int NextDescriptor() {
  Fd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return next.get();
}

void CheckDecoding(std::string_view packet) {
  auto message = DecodeControl(packet);
  if (!message) return;
  const std::string bytes = Encode(*message);
  auto again = DecodeControl(bytes);
  Require(again && again->index() == message->index() && Encode(*again) == bytes);
}

struct Conversation {
  Conversation() {
    good = server.Adopt(std::move(good_pair.theirs)).value();
    evil = server.Adopt(std::move(evil_pair.theirs)).value();
  }

  void Heard(ControlServer::ClientId client, ControlMessage message) {
    if (client != good) return server.Send(client, message);  // anything may be answered with anything
    server.Send(good, Process{getpid()}, {good_pair.ours.get()});
    loop.Stop();
  }

  // The good client asks, and has its answer.
  void Ask() {
    Require(SendPacket(good_pair.ours.get(), Encode(ProcessRequest{})).has_value());
    Require(loop.Run().has_value());
    auto packet = ReceivePacket(good_pair.ours.get());
    Require(packet && packet->fds.size() == 1);
    auto answer = DecodeControl(packet->data);
    Require(answer && std::holds_alternative<Process>(*answer));
  }

  // What the evil one is told is always a message.
  void Drain() {
    fcntl(evil_pair.ours.get(), F_SETFL, O_NONBLOCK);
    for (;;) {
      auto packet = ReceivePacket(evil_pair.ours.get());
      if (!packet || packet->data.empty()) return;
      Require(DecodeControl(packet->data).has_value());
    }
  }

  EventLoop loop = EventLoop::Create().value();
  SocketPair good_pair = MakeSocketPair().value(), evil_pair = MakeSocketPair().value();
  ControlServer::ClientId good = 0, evil = 0;
  ControlServer server{loop,
                       {[this](ControlServer::ClientId client, ControlMessage message, std::vector<Fd>) {
                          Heard(client, std::move(message));
                        },
                        [](ControlServer::ClientId) {}}};
};

void SendAnything(int socket, std::string_view data, size_t descriptors) {
  iovec part{const_cast<char*>(data.data()), data.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
    for (size_t i = 0; i < descriptors; i++)
      std::memcpy(CMSG_DATA(header) + i * sizeof(int), &socket, sizeof socket);
  }
  (void)sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Converse(std::string_view rest) {
  Conversation conversation;
  while (rest.size() >= 3) {
    const size_t descriptors = static_cast<uint8_t>(rest[0]) & kMaxDescriptors;
    uint16_t length;
    std::memcpy(&length, rest.data() + 1, sizeof length);
    rest.remove_prefix(3);
    std::string packet(rest.substr(0, length));
    rest.remove_prefix(packet.size());
    if (packet.starts_with(kOurs)) packet[0] = kControlVersion;
    CheckDecoding(packet);
    if (length == UINT16_MAX) packet.resize(kTooLong);
    SendAnything(conversation.evil_pair.ours.get(), packet, descriptors);
    conversation.Ask();
    conversation.Drain();
  }
  conversation.evil_pair.ours.Reset();
  for (int turn = 0; turn < 100 && conversation.server.Has(conversation.evil); turn++) conversation.Ask();
  Require(!conversation.server.Has(conversation.evil));
}

}  // namespace
}  // namespace wolffia

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int before = wolffia::NextDescriptor();
  wolffia::Converse({reinterpret_cast<const char*>(data), std::min<size_t>(size, 1 << 16)});
  wolffia::Require(wolffia::NextDescriptor() == before);
  return 0;
}
