// The resolver, really run in a network namespace of its own: its answers over UDP and TCP, and what it asks
// of other servers.
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/process.h"
#include "network/dns_socket.h"
#include "network/links.h"
#include "network/resolver.h"

namespace wolffia {
namespace {

constexpr int kDeadlineMs = 20'000;
const IpAddress kResolver = *ParseIp("127.0.0.1"), kNobody = *ParseIp("127.0.0.2"),
                kServer = *ParseIp("127.0.0.3");

Resolver::Answer LookUp(const IpAddress& asker, const DnsQuestion& question) {
  Resolver::Answer answer;
  answer.known_asker = asker == kResolver;
  answer.found = question.name == "web" || question.name == "many";
  answer.addresses.assign(question.name == "many" ? 100 : 1, *ParseIp("10.89.0.2"));
  if (question.name == "out") answer.upstreams = {kNobody, kServer};
  if (question.name == "never") answer.upstreams = {kNobody};
  return answer;
}

// Of type A, with the id `id`.
std::string Query(const std::string& name, char id) {
  std::string query("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  query[1] = id;
  return query + static_cast<char>(name.size()) + name + std::string("\0\0\x01\0\x01", 5);
}
std::string Framed(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} + message;
}
int CodeOf(const std::string& answer) {
  return answer.size() < 12 ? -1 : answer[3] & 15;
}
int CountOf(const std::string& answer) {
  return answer.size() < 12 ? -1 : static_cast<uint8_t>(answer[7]);
}

Fd Client(int type, const IpAddress& to, const IpAddress& from = kResolver) {
  Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  DnsAddress address;
  socklen_t size = FillDnsAddress(from, 0, address);
  if (bind(fd.get(), &address.any, size) < 0) return {};
  size = FillDnsAddress(to, kDnsPort, address);
  return connect(fd.get(), &address.any, size) == 0 ? std::move(fd) : Fd();
}

// One packet, or what has come of a stream; empty after the deadline.
std::string Hear(const Fd& fd) {
  pollfd polled{fd.get(), POLLIN, 0};
  char buffer[8192];
  if (poll(&polled, 1, kDeadlineMs) != 1) return "";
  const ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
}
std::string HearMessage(const Fd& fd) {
  std::string bytes;
  const auto size = [&] {
    return 2 + (static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]));
  };
  while (bytes.size() < 2 || bytes.size() < size()) {
    pollfd polled{fd.get(), POLLIN, 0};
    char byte;
    if (poll(&polled, 1, kDeadlineMs) != 1 || recv(fd.get(), &byte, 1, 0) != 1) return "";
    bytes += byte;
  }
  return bytes.substr(2);
}
bool Say(const Fd& fd, const std::string& bytes) {
  return send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

// The server outside: says the question back, as an answer without records.
[[noreturn]] void ServeOutside(const Fd& datagrams, const Fd& streams) {
  for (;;) {
    pollfd polled[2] = {{datagrams.get(), POLLIN, 0}, {streams.get(), POLLIN, 0}};
    poll(polled, 2, -1);
    DnsAddress from;
    socklen_t size = sizeof from;
    char buffer[512];
    const ssize_t n = recvfrom(datagrams.get(), buffer, sizeof buffer, 0, &from.any, &size);
    if (n > 2) {
      buffer[2] = static_cast<char>(buffer[2] | 0x80);
      (void)sendto(datagrams.get(), buffer, static_cast<size_t>(n), 0, &from.any, size);
    }
    Fd stream(accept4(streams.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!stream) continue;
    std::string message = HearMessage(stream);
    if (message.size() > 2) message[2] = static_cast<char>(message[2] | 0x80);
    (void)Say(stream, Framed(message));
  }
}

Result<> RunResolver(const Fd& ready) {
  EventLoop loop = TRY(EventLoop::Create());
  Resolver resolver(loop, LookUp);
  TRY(resolver.Serve({kResolver}));
  TRY(WriteFull(ready.get(), "r"));
  return loop.Run();
}

// In the namespace, beside the two: the number of the first check that fails; 0: none.
int Ask() {
  int check = 0;
  const auto fails = [&](bool right) {
    check++;
    return !right;
  };
  const Fd late = Client(SOCK_DGRAM, kResolver), never = Client(SOCK_DGRAM, kResolver);
  if (fails(Say(late, Query("out", 7)) && Say(never, Query("never", 8)))) return check;

  const Fd datagram = Client(SOCK_DGRAM, kResolver);
  Say(datagram, Query("web", 1));
  std::string answer = Hear(datagram);
  if (fails(CodeOf(answer) == 0 && CountOf(answer) == 1)) return check;
  Say(datagram, Query("nobody", 2));
  if (fails(CodeOf(Hear(datagram)) == dns::kNoName)) return check;
  Say(datagram, Query("many", 3));
  answer = Hear(datagram);
  if (fails(answer.size() <= 512 && CountOf(answer) < 100 && (answer[2] & 2) != 0)) return check;

  const Fd stranger = Client(SOCK_DGRAM, kResolver, *ParseIp("127.0.0.9"));
  Say(stranger, Query("web", 1));
  if (fails(CodeOf(Hear(stranger)) == dns::kRefused)) return check;

  // Two questions at once, cut in the middle.
  const Fd stream = Client(SOCK_STREAM, kResolver);
  const std::string both = Framed(Query("many", 4)) + Framed(Query("web", 5));
  if (fails(Say(stream, both.substr(0, 1)) && Say(stream, both.substr(1)))) return check;
  answer = HearMessage(stream);
  if (fails(CountOf(answer) == 100 && answer[1] == 4 && (answer[2] & 2) == 0)) return check;
  answer = HearMessage(stream);
  if (fails(CountOf(answer) == 1 && answer[1] == 5)) return check;
  // The first server refuses the connection, the second one answers; then the first one alone.
  Say(stream, Framed(Query("out", 6)));
  answer = HearMessage(stream);
  if (fails(answer.size() > 12 && answer[1] == 6 && (answer[2] & 0x80) != 0)) return check;
  Say(stream, Framed(Query("never", 9)));
  if (fails(HearMessage(stream).empty())) return check;
  const Fd nonsense = Client(SOCK_STREAM, kResolver);
  Say(nonsense, Framed("nonsense"));
  if (fails(HearMessage(nonsense).empty())) return check;

  answer = Hear(late);
  if (fails(answer == [] {
        std::string said = Query("out", 7);
        said[2] = static_cast<char>(said[2] | 0x80);
        return said;
      }()))
    return check;
  answer = Hear(never);
  if (fails(CodeOf(answer) == dns::kServerFailure && answer[1] == 8)) return check;
  return 0;
}

// 200: there are no namespaces here.
int RunAll() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) return 200;
  auto links = Links::Open();
  if (!links || !links->SetUp(1)) return 201;
  Fd datagrams = DnsSocket(kServer, SOCK_DGRAM).value(), streams = DnsSocket(kServer, SOCK_STREAM).value();
  if (!BindDnsSocket(datagrams.get(), kServer) || !BindDnsSocket(streams.get(), kServer) ||
      listen(streams.get(), 16) < 0)
    return 202;
  Pipe ready = MakePipe().value();
  const pid_t server = fork();
  if (server == 0) ServeOutside(datagrams, streams);
  const pid_t resolver = fork();
  if (resolver == 0) _exit(RunResolver(ready.write) ? 0 : 1);
  ready.write.Reset();
  char byte;
  const bool began = ReadFull(ready.read.get(), &byte, 1).value_or(0) == 1;
  const int failed = began ? Ask() : 203;
  for (pid_t pid : {server, resolver}) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return failed;
}

TEST(Resolver, AnswersAndForwards) {
  const pid_t child = fork();
  if (child == 0) _exit(RunAll());
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 200) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "number of the check in Ask()";
}

}  // namespace
}  // namespace wolffia
