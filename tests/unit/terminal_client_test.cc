// The client's side of an attached container, against a monitor that this test plays on a socket pair.
#include "engine/runtime/terminal_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "engine/base/process.h"
#include "engine/base/socket.h"
#include "engine/runtime/stream_relay.h"

namespace wolffia {
namespace {

TEST(DetachKeys, Parse) {
  const struct {
    const char* text;
    const char* bytes;  // nullptr: refused
  } cases[] = {
      {"ctrl-p,ctrl-q", "\x10\x11"},
      {"", ""},
      {"a", "a"},
      {"ctrl-a,x,DEL", "\x01x\x7f"},
      {"ctrl-[,ctrl-\\,ctrl-]", "\x1b\x1c\x1d"},
      {"ctrl-^,ctrl-_", "\x1e\x1f"},
      {"ctrl-P", nullptr},
      {"ctrl-", nullptr},
      {"ab", nullptr},
      {"a,,b", nullptr},
      {",", nullptr},
      {"ctrl-pp", nullptr},
      {"alt-p", nullptr},
  };
  for (const auto& c : cases) {
    auto bytes = ParseDetachKeys(c.text);
    EXPECT_EQ(bytes.has_value(), c.bytes != nullptr) << c.text;
    if (bytes && c.bytes != nullptr) {
      EXPECT_EQ(*bytes, c.bytes) << c.text;
    }
    if (!bytes) {
      EXPECT_TRUE(bytes.error().what.starts_with("invalid detach keys")) << bytes.error().what;
    }
  }
  EXPECT_EQ(ParseDetachKeys("ctrl-@").value(), std::string(1, '\0'));
}

TEST(DetachKeys, Match) {
  const struct {
    const char* keys;
    std::vector<const char*> typed;
    const char* sent;
    bool detached;
  } cases[] = {
      {"pq", {"apq"}, "a", true},
      {"pq", {"ap", "q"}, "a", true},
      {"pq", {"p", "p", "q"}, "p", true},
      {"pq", {"pa"}, "pa", false},
      {"pq", {"p"}, "", false},
      {"aab", {"aaab"}, "a", true},
      {"aab", {"aa", "caab"}, "aac", true},
      {"", {"pq"}, "pq", false},
      {"x", {"abxc"}, "ab", true},
      {"pqpr", {"pqpq", "pr"}, "pq", true},
  };
  for (const auto& c : cases) {
    DetachMatcher matcher(c.keys);
    std::string sent;
    bool detached = false;
    for (const char* typed : c.typed) detached = detached || matcher.Feed(typed, sent);
    EXPECT_EQ(sent, c.sent) << c.keys;
    EXPECT_EQ(detached, c.detached) << c.keys;
  }
}

std::string ReadAll(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
  return all;
}

TEST(OutputRelay, TakesEveryKindOfTarget) {
  const std::string data(300'000, 'x');
  char path[] = "/tmp/wolffia-relay.XXXXXX";
  Fd file(mkstemp(path));
  unlink(path);
  fcntl(file.get(), F_SETFL, O_APPEND);
  auto pipe = MakePipe();
  auto sockets = MakeSocketPair();
  ASSERT_TRUE(pipe && sockets && file);
  for (int target : {file.get(), pipe->write.get(), sockets->ours.get()}) {
    const bool to_pipe = target == pipe->write.get(), to_file = target == file.get();
    const bool to_socket = !to_pipe && !to_file;
    auto source = MakePipe();
    ASSERT_TRUE(source);
    pid_t writer = fork();
    if (writer == 0) _exit(WriteFull(source->write.get(), data) ? 0 : 1);
    pid_t reader = fork();
    if (reader == 0) {
      for (Fd* fd : {&source->write, &pipe->write, &sockets->ours}) fd->Reset();
      size_t got = data.size();
      if (to_pipe) got = ReadAll(pipe->read.get()).size();
      _exit(got == data.size() ? 0 : 1);
    }
    source->write.Reset();
    OutputRelay relay(std::move(source->read), target);
    size_t received = 0;
    while (!relay.done()) {
      pollfd fds[2] = {relay.Wanted(), {to_socket ? sockets->theirs.get() : -1, POLLIN, 0}};
      ASSERT_GT(poll(fds, 2, 5000), 0);
      if (fds[0].revents != 0) {
        ASSERT_TRUE(relay.Move());
      }
      if (fds[1].revents != 0) received += ReceivePacket(sockets->theirs.get())->data.size();
    }
    if (to_pipe) pipe->write.Reset();
    waitpid(writer, nullptr, 0);
    int status = 0;
    waitpid(reader, &status, 0);
    EXPECT_EQ(status, 0);
    if (to_file) {
      EXPECT_EQ(lseek(file.get(), 0, SEEK_END), static_cast<off_t>(data.size()));
    }
  }
}

TEST(InputRelay, EndsATerminalByItsCharacter) {
  int master = -1, side = -1;
  ASSERT_EQ(openpty(&master, &side, nullptr, nullptr, nullptr), 0);
  Fd ours(master), theirs(side);
  auto input = MakePipe();
  ASSERT_TRUE(input && WriteFull(input->write.get(), "ls\n"));
  input->write.Reset();
  InputRelay relay(input->read.get(), std::move(*ours.Duplicate()), true, "");
  for (int i = 0; i < 8 && !relay.done(); i++) relay.Move();
  EXPECT_TRUE(relay.done());
  EXPECT_EQ(ReadAll(theirs.get()), "ls\n");  // and then the end of the file
}

// A client in a process of its own; its streams and the monitor's end are here.
struct Client {
  Fd input, output, monitor;
  std::vector<Fd> container;  // the far ends that the client made: stdin, stdout, stderr
  pid_t pid = -1;

  explicit Client(AttachOptions options) {
    Pipe in = *MakePipe(), out = *MakePipe();
    SocketPair sockets = *MakeSocketPair();
    pid = fork();
    if (pid == 0) {
      dup2(in.read.get(), 0);
      dup2(out.write.get(), 1);
      dup2(out.write.get(), 2);
      for (Fd* fd : {&in.read, &in.write, &out.read, &out.write, &sockets.ours}) fd->Reset();
      auto client = ControlClient::Adopt(std::move(sockets.theirs));
      auto streams = AttachStreams::Make(options);
      if (!streams || !client.Send(streams->request(), streams->theirs())) _exit(101);
      auto result = PumpAttached(client, std::move(*streams), options);
      if (!result) _exit(102);
      _exit(result->end == AttachEnd::kExited     ? result->exit_code
            : result->end == AttachEnd::kDetached ? 103
                                                  : 104);
    }
    input = std::move(in.write);
    output = std::move(out.read);
    monitor = std::move(sockets.ours);
    container = std::move(ReceivePacket(monitor.get())->fds);
  }
  void Say(const ControlMessage& message) { EXPECT_TRUE(SendPacket(monitor.get(), Encode(message))); }
  int Wait() {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
};

TEST(PumpAttached, MovesBytesBothWaysAndDrains) {
  Client client({.stdin_open = true, .lossless = true});
  ASSERT_EQ(client.container.size(), 3u);
  ASSERT_TRUE(WriteFull(client.input.get(), "typed"));
  client.input.Reset();
  EXPECT_EQ(ReadAll(client.container[0].get()), "typed");
  ASSERT_TRUE(WriteFull(client.container[1].get(), "out"));
  client.Say(Exited{7});
  ASSERT_TRUE(WriteFull(client.container[1].get(), "last"));  // behind the news of the end
  client.container.clear();
  EXPECT_EQ(ReadAll(client.output.get()), "outlast");
  EXPECT_EQ(client.Wait(), 7);
}

TEST(PumpAttached, PassesSignalsOn) {
  Client client({});
  usleep(50'000);  // before it listens a signal is its own
  kill(client.pid, SIGTERM);
  auto packet = ReceivePacket(client.monitor.get());
  ASSERT_TRUE(packet);
  auto message = DecodeControl(packet->data);
  ASSERT_TRUE(message && std::holds_alternative<SignalRequest>(*message));
  EXPECT_EQ(std::get<SignalRequest>(*message).signal, SIGTERM);
  client.Say(Exited{143});
  client.container.clear();
  EXPECT_EQ(client.Wait(), 143);
}

TEST(PumpAttached, SignalsAreItsOwnWithoutTheProxy) {
  Client client({.sig_proxy = false});
  kill(client.pid, SIGTERM);
  EXPECT_EQ(client.Wait(), -SIGTERM);
}

TEST(PumpAttached, AMonitorThatDies) {
  Client client({});
  client.container.clear();
  client.monitor.Reset();
  EXPECT_EQ(client.Wait(), 104);
}

TEST(PumpAttached, AReaderThatGoesEndsIt) {
  Client client({});
  client.output.Reset();
  ASSERT_TRUE(WriteFull(client.container[0].get(), "x"));
  EXPECT_EQ(client.Wait(), -SIGPIPE);
}

}  // namespace
}  // namespace wolffia
