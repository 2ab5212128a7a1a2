#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/process.h"
#include "engine/base/socket.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

TEST(Spawn, GivesStatusAndOutput) {
  auto output =
      RunForOutput({.program = "sh", .argv = {"sh", "-c", "cat; echo err >&2; exit 3"}}, "input", 1000);
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(output->out, "input");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->status, (ExitStatus{3, 0}));
}

TEST(Spawn, CountsSignalsAsAShellDoes) {
  auto child = Spawn({.program = "sleep", .argv = {"sleep", "1000"}});
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->Signal(SIGTERM));
  auto status = child->Wait();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->ShellCode(), 128 + SIGTERM);
}

TEST(Spawn, NamesWhatIsMissing) {
  auto child = Spawn({.program = "no-such-program", .argv = {"x"}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Code::kNotFound);
  EXPECT_NE(child.error().what.find("no-such-program"), std::string::npos);
  EXPECT_EQ(Spawn({.program = "/etc/passwd", .argv = {"x"}}).error().code, Code::kDenied);
}

TEST(Spawn, DonatesExactlyTheTable) {
  // What the test itself was started with passes through; everything that we opened must not.
  auto before = RunForOutput({.program = "bash", .argv = {"bash", "-c", "ls /proc/self/fd"}}, "", 1000);
  ASSERT_TRUE(before);
  Pipe a = *MakePipe(), b = *MakePipe();
  Fd source_of_six(fcntl(a.write.get(), F_DUPFD_CLOEXEC, 5));  // may be the other's target
  auto after = RunForOutput(
      {.program = "bash",
       .argv = {"bash", "-c", "echo five >&55; echo six >&56; ls /proc/self/fd | grep -v '^5[56]$'"},
       .donations = {{source_of_six.get(), 55}, {b.write.get(), 56}}},
      "", 1000);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->out, before->out);
  source_of_six.Reset();
  a.write.Reset();
  b.write.Reset();
  EXPECT_EQ(*ReadFd(a.read.get(), 100, "a"), "five\n");
  EXPECT_EQ(*ReadFd(b.read.get(), 100, "b"), "six\n");
}

TEST(Spawn, DonationsMayCross) {
  Pipe a = *MakePipe(), b = *MakePipe();
  int first = a.write.get(), second = b.write.get();
  std::string script = "echo to-b >&" + std::to_string(first) + "; echo to-a >&" + std::to_string(second);
  auto child = Spawn(
      {.program = "bash", .argv = {"bash", "-c", script}, .donations = {{first, second}, {second, first}}});
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->Wait());
  a.write.Reset();
  b.write.Reset();
  EXPECT_EQ(*ReadFd(a.read.get(), 100, "a"), "to-a\n");
  EXPECT_EQ(*ReadFd(b.read.get(), 100, "b"), "to-b\n");
}

TEST(Spawn, AnUnawaitedChildIsKilledWithItsOwner) {
  pid_t pid;
  {
    auto child = Spawn({.program = "sleep", .argv = {"sleep", "1000"}});
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

// As those that join namespaces are made.
TEST(Child, OfAForkIsAwaitedOrKilled) {
  for (int code : {0, 7}) {
    const pid_t pid = fork();
    if (pid == 0) _exit(code);
    auto child = Child::Forked(pid);
    ASSERT_TRUE(child);
    auto status = child->Wait();
    ASSERT_TRUE(status) << status.error().what;
    EXPECT_EQ(status->code, code);
  }
  const pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  { auto child = Child::Forked(pid); }
  EXPECT_EQ(waitpid(pid, nullptr, 0), -1);  // killed and reaped
}

TEST(Spawn, ATracerCannotKeepTheParentWaiting) {
  auto child = Spawn({.program = "sleep", .argv = {"sleep", "1000"}});
  ASSERT_TRUE(child);
  auto seized = MakePipe();
  ASSERT_TRUE(seized);
  const pid_t tracer = fork();
  if (tracer == 0) {
    const char done = ptrace(PTRACE_SEIZE, child->pid(), 0, 0) == 0 ? 'y' : 'n';
    (void)!write(seized->write.get(), &done, 1);
    for (;;) pause();  // reaps nothing
  }
  char answer = 0;
  ASSERT_EQ(read(seized->read.get(), &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  ASSERT_TRUE(child->Signal(SIGKILL));
  auto status = child->Wait();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().os_errno, ETIMEDOUT);
  kill(tracer, SIGKILL);
  waitpid(tracer, nullptr, 0);
}

TEST(Spawn, OutputIsBounded) {
  auto output = RunForOutput({.program = "yes", .argv = {"yes"}}, "", 100'000);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::kInvalid);
}

TEST(Packet, CarriesDescriptorsAndSeesTheEnd) {
  SocketPair pair = *MakeSocketPair();
  Pipe pipe = *MakePipe();
  ASSERT_TRUE(SendPacket(pair.ours.get(), "take this", {pipe.write.get()}));
  pipe.write.Reset();
  auto packet = ReceivePacket(pair.theirs.get());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->data, "take this");
  ASSERT_EQ(packet->fds.size(), 1u);
  ASSERT_TRUE(WriteFull(packet->fds[0].get(), "through"));
  packet->fds.clear();
  EXPECT_EQ(*ReadFd(pipe.read.get(), 100, "pipe"), "through");
  pair.ours.Reset();
  auto end = ReceivePacket(pair.theirs.get());
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->data.empty());
  EXPECT_FALSE(SendPacket(pair.theirs.get(), "x")) << "EPIPE, not SIGPIPE";
}

TEST(Packet, LastWordsArriveThoughOursWereNeverRead) {
  SocketPair pair = *MakeSocketPair();
  ASSERT_TRUE(SendPacket(pair.ours.get(), "never read"));
  ASSERT_TRUE(SendPacket(pair.theirs.get(), "last words"));
  pair.theirs.Reset();
  auto words = ReceivePacket(pair.ours.get());
  ASSERT_TRUE(words) << words.error().what;
  EXPECT_EQ(words->data, "last words");
  auto end = ReceivePacket(pair.ours.get());
  ASSERT_TRUE(end) << end.error().what;
  EXPECT_TRUE(end->data.empty());
}

}  // namespace
}  // namespace wolffia
