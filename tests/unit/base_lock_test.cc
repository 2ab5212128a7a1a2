#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/lock.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

TEST(FileLock, IsExclusiveAndEndsWithItsLastDescriptor) {
  TempDir dir;
  EXPECT_FALSE(*FileLock::IsHeld(dir.fd(), "lock")) << "a missing file is not held";
  auto first = FileLock::TryAcquire(dir.fd(), "lock");
  ASSERT_TRUE(first && *first);
  EXPECT_TRUE(*FileLock::IsHeld(dir.fd(), "lock"));
  auto second = FileLock::TryAcquire(dir.fd(), "lock");
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->has_value());

  Fd donated(fcntl((*first)->fd(), F_DUPFD_CLOEXEC, 3));
  (*first)->Release();
  EXPECT_TRUE(*FileLock::IsHeld(dir.fd(), "lock")) << "a duplicate holds it on";
  donated.Reset();
  EXPECT_FALSE(*FileLock::IsHeld(dir.fd(), "lock"));
}

TEST(FileLock, OutlivesItsGiverInAnotherProcess) {
  TempDir dir;
  Pipe done = *MakePipe();
  pid_t child;
  {
    auto lock = FileLock::TryAcquire(dir.fd(), "lock");
    ASSERT_TRUE(lock && *lock);
    child = fork();
    if (child == 0) {
      done.write.Reset();
      char byte;
      (void)!read(done.read.get(), &byte, 1);
      _exit(0);
    }
  }
  EXPECT_TRUE(*FileLock::IsHeld(dir.fd(), "lock")) << "the child has the descriptor still";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(*FileLock::IsHeld(dir.fd(), "lock")) << "however it ended";
}

TEST(FileLock, ALockOnARemovedNameIsNotTaken) {
  TempDir dir;
  auto old = FileLock::TryAcquire(dir.fd(), "lock");
  ASSERT_TRUE(old && *old);
  ASSERT_EQ(unlinkat(dir.fd(), "lock", 0), 0);
  auto fresh = FileLock::TryAcquire(dir.fd(), "lock");
  ASSERT_TRUE(fresh && *fresh) << "a new file under the name is another lock";
}

}  // namespace
}  // namespace wolffia
