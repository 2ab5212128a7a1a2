// Bytes of files on a mounted OverlayTree, through real system calls: open descriptors over copy-up,
// mappings, holes, locks.
#include <linux/falloc.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/integration/overlay_write.h"

namespace wolffia {
namespace {

std::string ReadAt(int fd, off_t offset, size_t size) {
  std::string got(size, '\0');
  ssize_t n = pread(fd, got.data(), size, offset);
  got.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return got;
}

// What was opened or mapped before the copy-up shows what is written after it.
void StaysCoherentOverCopyUp() {
  int reader = open("data/big", O_RDONLY | O_CLOEXEC), path = open("data/big", O_PATH | O_CLOEXEC);
  void* map = mmap(nullptr, 300000, PROT_READ, MAP_SHARED, reader, 0);
  CHECK(map != MAP_FAILED);
  const char* mapped = static_cast<const char*>(map);
  CHECK(mapped[200000] == Pattern(300000)[200000] &&
        ReadAt(reader, 100, 10) == Pattern(300000).substr(100, 10));
  struct stat before = StatOf(reader);
  int writer = open("data/big", O_RDWR | O_CLOEXEC);
  CHECK(pwrite(writer, "HELLO", 5, 200000) == 5);
  CHECK(ReadAt(reader, 200000, 5) == "HELLO" && memcmp(mapped + 200000, "HELLO", 5) == 0);
  CHECK_EQ(StatOf(reader).st_ino, before.st_ino);
  CHECK_EQ(StatOf(path).st_ino, StatOf("data/big").st_ino);
  CHECK(pwrite(writer, "END", 3, 300000) == 3);
  CHECK_EQ(StatOf(reader).st_size, 300003);
  CHECK(ReadAt(reader, 299999, 10).substr(1) == "END");
  CHECK(ftruncate(writer, 10) == 0);
  CHECK_EQ(StatOf(reader).st_size, 10);
  CHECK(ReadAt(reader, 0, 100) == Pattern(300000).substr(0, 10));
  CHECK(truncate("data/big", 20) == 0 && ReadAt(reader, 10, 100) == std::string(10, '\0'));
  CHECK(rename("data/big", "moved") == 0 && pwrite(writer, "moved", 5, 0) == 5);
  CHECK(ReadAt(reader, 0, 5) == "moved" && Content("moved").starts_with("moved"));
  munmap(map, 300000);
  for (int fd : {reader, path, writer}) close(fd);
}
TEST_F(WritableMount, StaysCoherentOverCopyUp) {
  EXPECT_ALL_WELL(Compare(StaysCoherentOverCopyUp));
}

void WritesAsAsked() {
  int a = open("log", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  int b = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
  CHECK(write(a, "one,", 4) == 4 && write(b, "two,", 4) == 4 && write(a, "three", 5) == 5);
  CHECK(Content("log") == "one,two,three");
  int lower = open("etc/passwd", O_WRONLY | O_APPEND | O_CLOEXEC);
  CHECK(write(lower, "more\n", 5) == 5 && Content("etc/passwd") == "root:x:0:0::/root:/bin/sh\nmore\n");
  CHECK_EQ(close(open("usr/bin/tool", O_WRONLY | O_TRUNC | O_CLOEXEC)), 0);
  CHECK_EQ(StatOf("usr/bin/tool").st_size, 0);
  CHECK_EQ(StatOf("usr/bin/tool").st_mode, S_IFREG | 0755);
  // Over page borders, in the middle, far behind the end.
  std::string big = Pattern(3 << 20, 5);
  int fd = open("big", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  CHECK_EQ(pwrite(fd, big.data(), big.size(), 0), big.size());
  CHECK_EQ(pwrite(fd, "middle", 6, 4093), 6);
  CHECK_EQ(pwrite(fd, "far", 3, 10 << 20), 3);
  big.replace(4093, 6, "middle");
  big.resize(10 << 20, '\0');
  CHECK(Content("big") == big + "far");
  CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
  int dir = open("usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(fsync(dir) == 0);
  iovec parts[] = {{const_cast<char*>("ab"), 2}, {const_cast<char*>("cd"), 2}};
  CHECK(pwritev(fd, parts, 2, 1) == 4 && ReadAt(fd, 1, 4) == "abcd");
  CHECK_ERRNO(pwrite(a, "x", 1, -1), EINVAL);
  CHECK_ERRNO(write(dir, "x", 1), EBADF);
  for (int f : {a, b, lower, fd, dir}) close(f);
}
TEST_F(WritableMount, WritesAsAsked) {
  EXPECT_ALL_WELL(Compare(WritesAsAsked));
}

void Maps() {
  int fd = open("data/big", O_RDWR | O_CLOEXEC);
  auto* shared = static_cast<char*>(mmap(nullptr, 300000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  auto* own = static_cast<char*>(mmap(nullptr, 300000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  CHECK(shared != MAP_FAILED && own != MAP_FAILED);
  memcpy(shared + 4000, "shared memory", 13);
  memcpy(own + 9000, "private", 7);
  CHECK(ReadAt(fd, 4000, 13) == "shared memory" && ReadAt(fd, 9000, 7) == Pattern(300000).substr(9000, 7));
  CHECK(msync(shared, 300000, MS_SYNC) == 0);
  CHECK(pwrite(fd, "written", 7, 100000) == 7 && memcmp(shared + 100000, "written", 7) == 0);
  munmap(shared, 300000);
  munmap(own, 300000);
  close(fd);
  CHECK(posix_fadvise(open("data/big", O_RDONLY | O_CLOEXEC), 0, 0, POSIX_FADV_DONTNEED) == 0);
  std::string expected = Pattern(300000);
  expected.replace(4000, 13, "shared memory").replace(100000, 7, "written");
  CHECK(Content("data/big") == expected);
  // A new file, grown by ftruncate, filled by a mapping only.
  fd = open("mapped", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  CHECK(ftruncate(fd, 10000) == 0);
  shared = static_cast<char*>(mmap(nullptr, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  memset(shared, 'm', 10000);
  munmap(shared, 10000);
  CHECK(fsync(fd) == 0 && close(fd) == 0 && Content("mapped") == std::string(10000, 'm'));
}
TEST_F(WritableMount, Maps) {
  EXPECT_ALL_WELL(Compare(Maps));
}

void KeepsWhatIsUnlinked() {
  int lower = open("data/big", O_RDWR | O_CLOEXEC), fresh = open("fresh", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  CHECK(write(fresh, "fresh", 5) == 5 && unlink("fresh") == 0 && unlink("data/big") == 0);
  CHECK_EQ(StatOf(fresh).st_nlink, 0);
  CHECK_EQ(StatOf(lower).st_nlink, 0);
  CHECK(ReadAt(fresh, 0, 10) == "fresh" && ReadAt(lower, 5, 10) == Pattern(300000).substr(5, 10));
  CHECK(pwrite(lower, "late", 4, 0) == 4 && ReadAt(lower, 0, 4) == "late");  // copied up without a name
  CHECK(pwrite(fresh, "more", 4, 5) == 4 && ftruncate(fresh, 7) == 0 && ReadAt(fresh, 0, 10) == "freshmo");
  CHECK(fchmod(fresh, 0640) == 0 && fchmod(lower, 0755) == 0);
  CHECK_EQ(StatOf(fresh).st_mode, S_IFREG | 0640);
  CHECK_EQ(StatOf(lower).st_mode, S_IFREG | 0755);
  struct timespec times[2] = {{1, 2}, {3, 4}};
  CHECK(futimens(lower, times) == 0 && StatOf(lower).st_mtim.tv_sec == 3);
  CHECK(Put("fresh", "another") && ReadAt(fresh, 0, 10) == "freshmo");
  // Replaced by a rename, while open.
  int old = open("etc/passwd", O_RDONLY | O_CLOEXEC);
  CHECK(rename("fresh", "etc/passwd") == 0 && ReadAt(old, 0, 4) == "root" &&
        Content("etc/passwd") == "another");
  CHECK_EQ(StatOf(old).st_nlink, 0);
  for (int fd : {lower, fresh, old}) CHECK(close(fd) == 0);
}
TEST_F(WritableMount, KeepsWhatIsUnlinked) {
  EXPECT_ALL_WELL(Compare(KeepsWhatIsUnlinked));
}

void HasHoles() {
  int fd = open("holes", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  CHECK(ftruncate(fd, 8 << 20) == 0);
  std::string block(1 << 20, 'b');
  CHECK(pwrite(fd, block.data(), block.size(), 4 << 20) == 1 << 20);
  CHECK_EQ(lseek(fd, 0, SEEK_DATA), 4 << 20);
  CHECK_EQ(lseek(fd, 4 << 20, SEEK_HOLE), 5 << 20);
  CHECK_ERRNO(lseek(fd, 6 << 20, SEEK_DATA), ENXIO);
  CHECK(StatOf(fd).st_blocks * 512 < 3 << 20);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 << 20, 512 << 10) == 0);
  CHECK(ReadAt(fd, 4 << 20, 100) == std::string(100, '\0') && ReadAt(fd, (4 << 20) + (512 << 10), 1) == "b");
  CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16 << 20) == 0);
  CHECK_EQ(StatOf(fd).st_size, 8 << 20);
  CHECK(fallocate(fd, 0, 8 << 20, 4096) == 0);
  CHECK_EQ(StatOf(fd).st_size, (8 << 20) + 4096);
  CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
  CHECK_EQ(close(fd), 0);
  // In a file of the lower.
  fd = open("data/big", O_RDWR | O_CLOEXEC);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0);
  CHECK(Content("data/big") == Pattern(300000).replace(4096, 4096, std::string(4096, '\0')));
  close(fd);
}
TEST_F(WritableMount, HasHoles) {
  EXPECT_ALL_WELL(Compare(HasHoles));
}

void CopiesRanges() {
  int from = open("data/big", O_RDONLY | O_CLOEXEC), to = open("copy", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  off_t in = 1000, out = 10;
  size_t left = 200000;
  while (left > 0) {
    ssize_t n = copy_file_range(from, &in, to, &out, left, 0);
    if (n <= 0) break;
    left -= static_cast<size_t>(n);
  }
  CHECK_EQ(left, 0);
  CHECK(Content("copy") == std::string(10, '\0') + Pattern(300000).substr(1000, 200000));
  CHECK_EQ(StatOf(to).st_size, 200010);
  in = 299990;
  out = 0;
  CHECK_EQ(copy_file_range(from, &in, to, &out, 1000, 0), 10);
  CHECK_EQ(copy_file_range(from, &in, to, &out, 1000, 0), 0);
  CHECK(ReadAt(to, 0, 10) == Pattern(300000).substr(299990));
  // Into a file of the lower, and within one.
  int lower = open("data/one", O_RDWR | O_CLOEXEC);
  in = out = 0;
  CHECK_EQ(copy_file_range(to, &in, lower, &out, 10, 0), 10);
  CHECK(Content("data/two").starts_with(Pattern(300000).substr(299990)));
  in = 0;
  out = 2500;
  CHECK_EQ(copy_file_range(lower, &in, lower, &out, 1000, 0), 1000);
  for (int fd : {from, to, lower}) close(fd);
}
TEST_F(WritableMount, CopiesRanges) {
  EXPECT_ALL_WELL(Compare(CopiesRanges));
}

void Locks() {
  int a = open("etc/passwd", O_RDWR | O_CLOEXEC), b = open("etc/passwd", O_RDWR | O_CLOEXEC);
  CHECK(flock(a, LOCK_EX | LOCK_NB) == 0);
  CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
  CHECK(flock(a, LOCK_UN) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0 && flock(a, LOCK_SH | LOCK_NB) == 0);
  struct flock lock{.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 5, .l_pid = 0};
  CHECK(fcntl(a, F_SETLK, &lock) == 0);
  AsUser(0, [&] {
    int other = open("etc/passwd", O_RDWR | O_CLOEXEC);
    struct flock mine{.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5, .l_pid = 0};
    CHECK(fcntl(other, F_SETLK, &mine) == 0);
    mine.l_len = 6;
    CHECK_ERRNO(fcntl(other, F_SETLK, &mine), EAGAIN);
    CHECK(fcntl(other, F_GETLK, &mine) == 0 && mine.l_type == F_WRLCK && mine.l_start == 5);
  });
  struct flock open_lock{.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1, .l_pid = 0};
  CHECK(fcntl(a, F_OFD_SETLK, &open_lock) == 0);
  open_lock.l_pid = 0;
  CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &open_lock), EAGAIN);
  close(a);
  close(b);
}
TEST_F(WritableMount, Locks) {
  EXPECT_ALL_WELL(Compare(Locks));
}

int RunToEnd(const char* program) {
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, "true", nullptr);
    _exit(errno);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void RefusesToWriteWhatRuns() {
  std::string busybox = Content("/bin/busybox");
  CHECK(Put("busybox", busybox, 0755));
  CHECK_EQ(RunToEnd("./busybox"), 0);
  int writer = open("busybox", O_WRONLY | O_CLOEXEC);
  CHECK_EQ(RunToEnd("./busybox"), ETXTBSY);
  close(writer);
  int ready[2];
  CHECK(pipe2(ready, O_CLOEXEC) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    execl("./busybox", "./busybox", "sleep", "10", nullptr);
    _exit(1);
  }
  close(ready[1]);
  char end;
  CHECK_EQ(read(ready[0], &end, 1), 0);  // the exec closed it
  CHECK_ERRNO(open("busybox", O_WRONLY | O_CLOEXEC), ETXTBSY);
  CHECK(unlink("busybox") == 0 && Put("busybox", "new"));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  close(ready[0]);
}
TEST_F(WritableMount, RefusesToWriteWhatRuns) {
  EXPECT_ALL_WELL(Compare(RefusesToWriteWhatRuns));
}

// With the kernel holding dirty pages.
TEST_F(WritableMount, WritesBack) {
  server_options_.writeback = true;
  EXPECT_ALL_WELL(Compare([] {
    StaysCoherentOverCopyUp();
    WritesAsAsked();
  }));
}

}  // namespace
}  // namespace wolffia
