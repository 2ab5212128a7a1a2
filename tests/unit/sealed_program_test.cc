// Programs that are executed where a container could reach them (CVE-2019-5736).
#include "engine/runtime/sealed_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "engine/base/process.h"

namespace wolffia {
namespace {

constexpr int kAbove = 40;

// What it prints, executed as `program`.
std::string OutputOf(const SafeProgram& program) {
  SpawnRequest request;
  request.program = program.path;
  request.argv = {"echo", "it runs"};
  auto output = RunForOutput(std::move(request), "", 100);
  return output ? output->out : output.error().what;
}

TEST(SealedProgram, RunsAndCannotBeChanged) {
  auto program = SealedOrFile("/bin/echo", kAbove);
  ASSERT_TRUE(program) << program.error().what;
  if (!program->memory) GTEST_SKIP() << "this host forbids programs in memory";
  EXPECT_GT(program->memory.get(), kAbove);
  EXPECT_EQ(OutputOf(*program), "it runs\n");
  EXPECT_EQ(pwrite(program->memory.get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(program->memory.get(), 0), -1);
}

TEST(SealedProgram, AFileThatTheUserCannotWriteIsExecutedItself) {
  if (access("/bin/echo", W_OK) == 0) GTEST_SKIP() << "the user can write /bin/echo";
  auto program = FileIfUnwritable("/bin/echo", kAbove);
  ASSERT_TRUE(program) << program.error().what;
  EXPECT_EQ(program->path, "/bin/echo");
}

// The user's own: the file, if it cannot be written while it runs; else a copy. Which one is the kernel's
// affair, but what runs is never writable.
TEST(SealedProgram, AFileOfTheUsersCannotBeWrittenWhileItRuns) {
  char directory[] = "/tmp/sealed-program.XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/sleep";
  std::filesystem::copy_file("/bin/sleep", path);
  auto program = FileIfUnwritable(path, kAbove);
  ASSERT_TRUE(program) << program.error().what;
  SpawnRequest request;
  request.program = program->path;
  request.argv = {"sleep", "100"};
  auto child = Spawn(request);
  ASSERT_TRUE(child) << child.error().what;
  const std::string exe = "/proc/" + std::to_string(child->pid()) + "/exe";
  int writable = open(exe.c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_TRUE(writable < 0 || pwrite(writable, "x", 1, 0) < 0);
  if (writable >= 0) close(writable);
  (void)child->Signal(SIGKILL);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace wolffia
