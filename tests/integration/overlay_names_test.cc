// Names on a mounted OverlayTree, through real system calls: types, links, renames, removal, listings.
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "tests/integration/overlay_write.h"

namespace wolffia {
namespace {

int RenameWith(const char* from, const char* to, unsigned flags) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

void MakesEveryType() {
  CHECK(Put("file", "x"));
  CHECK(mkdir("dir", 0750) == 0);
  CHECK(mkfifo("fifo", 0622) == 0);
  CHECK(mknod("plain", S_IFREG | 0604, 0) == 0);
  CHECK_ERRNO(mknod("device", S_IFCHR | 0666, makedev(1, 3)), EPERM);
  std::string target(4095, 't');
  CHECK(symlink(target.c_str(), "longlink") == 0);
  CHECK_ERRNO(symlink("", "emptylink"), ENOENT);
  int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = "socket"};
  CHECK(bind(s, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(s, 1) == 0);
  int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

  CHECK_EQ(StatOf("file").st_mode, S_IFREG | 0644);
  CHECK_EQ(StatOf("dir").st_mode, S_IFDIR | 0750);
  CHECK_EQ(StatOf("dir").st_nlink, 2);
  CHECK_EQ(StatOf("fifo").st_mode, S_IFIFO | 0600);  // the umask
  CHECK_EQ(StatOf("plain").st_mode, S_IFREG | 0604);
  CHECK_EQ(StatOf("socket").st_mode, S_IFSOCK | 0755);
  CHECK_EQ(StatOf("longlink").st_size, 4095);
  char got[5000];
  CHECK_EQ(readlink("longlink", got, sizeof got), 4095);
  CHECK(memcmp(got, target.data(), 4095) == 0);
  // A FIFO carries bytes.
  int reader = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC), writer = open("fifo", O_WRONLY | O_CLOEXEC);
  CHECK(write(writer, "through", 7) == 7 && read(reader, got, 10) == 7);
  for (const char* name : {"file", "fifo", "plain", "longlink", "socket"})
    CHECK(unlink(name) == 0 && !Exists(name));
  CHECK(rmdir("dir") == 0);
}
TEST_F(WritableMount, MakesEveryType) {
  EXPECT_ALL_WELL(Compare(MakesEveryType));
}

void FailsAsLinuxDoes() {
  CHECK_ERRNO(open("etc/passwd", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
  CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
  CHECK_ERRNO(mkdir("etc", 0755), EEXIST);
  CHECK_ERRNO(mkdir("missing/dir", 0755), ENOENT);
  CHECK_ERRNO(mkdir("etc/passwd/dir", 0755), ENOTDIR);
  CHECK_ERRNO(open("etc/passwd", O_RDONLY | O_DIRECTORY), ENOTDIR);
  CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  CHECK_ERRNO(open("etc", O_WRONLY), EISDIR);
  CHECK_ERRNO(unlink("etc"), EISDIR);
  CHECK_ERRNO(rmdir("etc"), ENOTEMPTY);
  CHECK_ERRNO(rmdir("usr/share"), ENOTEMPTY);
  CHECK_ERRNO(rmdir("etc/passwd"), ENOTDIR);
  CHECK_ERRNO(rmdir("missing"), ENOENT);
  CHECK_ERRNO(unlink("missing"), ENOENT);
  CHECK_ERRNO(link("etc", "hard"), EPERM);
  CHECK_ERRNO(link("etc/passwd", "etc/group"), EEXIST);
  CHECK_ERRNO(link("missing", "hard"), ENOENT);
  CHECK_ERRNO(rename("missing", "x"), ENOENT);
  CHECK_ERRNO(rename("usr", "usr/share/usr"), EINVAL);
  CHECK_ERRNO(rename("usr/share", "usr"), ENOTEMPTY);
  CHECK_ERRNO(rename("etc/passwd", "empty"), EISDIR);
  CHECK_ERRNO(rename("empty", "etc/passwd"), ENOTDIR);
  CHECK_ERRNO(rename("empty", "etc"), ENOTEMPTY);
  CHECK_ERRNO(RenameWith("etc/passwd", "etc/group", RENAME_NOREPLACE), EEXIST);
  CHECK_ERRNO(RenameWith("etc/passwd", "missing", RENAME_EXCHANGE), ENOENT);
  CHECK_ERRNO(RenameWith("etc/passwd", "etc/group", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
  CHECK_ERRNO(truncate("etc", 0), EISDIR);
  CHECK_ERRNO(truncate("etc/passwd", -1), EINVAL);
  // Through a dangling link a file is made at its end.
  CHECK(Put("dangling", "now") && Content("nowhere") == "now");
}
TEST_F(WritableMount, FailsAsLinuxDoes) {
  EXPECT_ALL_WELL(Compare(FailsAsLinuxDoes));
}

void TakesLongNames() {
  std::string longest(255, 'n'), longer(256, 'n'), other(255, 'o'), dir(255, 'd');
  CHECK(Put(longest, "content") && Content(longest) == "content");
  CHECK_ERRNO(open(longer.c_str(), O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
  CHECK_ERRNO(open(longer.c_str(), O_RDONLY), ENAMETOOLONG);
  CHECK_ERRNO(mkdir(longer.c_str(), 0755), ENAMETOOLONG);
  CHECK_ERRNO(rename(longest.c_str(), longer.c_str()), ENAMETOOLONG);
  CHECK_ERRNO(symlink("x", longer.c_str()), ENAMETOOLONG);
  CHECK_ERRNO(unlink(longer.c_str()), ENAMETOOLONG);
  CHECK_ERRNO(open(std::string(1024, 'n').c_str(), O_RDONLY), ENAMETOOLONG);
  CHECK(mkdir(dir.c_str(), 0755) == 0 && Put(dir + "/" + longest, "deep"));
  CHECK(rename(longest.c_str(), other.c_str()) == 0);
  CHECK(link(other.c_str(), longest.c_str()) == 0);
  CHECK_EQ(StatOf(other).st_nlink, 2);
  CHECK(Names(".").contains(longest) && Names(".").contains(other) && Names(dir).contains(longest));
  CHECK(unlink(longest.c_str()) == 0 && unlink(other.c_str()) == 0);
  CHECK(unlink((dir + "/" + longest).c_str()) == 0 && rmdir(dir.c_str()) == 0);
  for (const char* odd : {"\xff\xfe", "new\nline", " ", ".wh.x", ".wh..wh..opq", "...", "s.1", "-"})
    CHECK(Put(odd, odd) && Content(odd) == odd && Names(".").contains(odd) && unlink(odd) == 0);
}
TEST_F(WritableMount, TakesLongNames) {
  EXPECT_ALL_WELL(Compare(TakesLongNames));
}

void KeepsHardLinks() {
  ino_t ino = StatOf("data/one").st_ino;
  CHECK_EQ(StatOf("data/two").st_ino, ino);
  CHECK_EQ(StatOf("data/one").st_nlink, 3);
  int before = open("data/three", O_RDONLY | O_CLOEXEC);
  int fd = open("data/one", O_WRONLY | O_CLOEXEC);
  CHECK(pwrite(fd, "changed", 7, 0) == 7);
  for (const char* name : {"data/one", "data/two", "data/three"}) {
    CHECK_EQ(StatOf(name).st_ino, ino);
    CHECK_EQ(StatOf(name).st_nlink, 3);
    CHECK(Content(name).starts_with("changed"));
  }
  char got[7];
  CHECK(pread(before, got, 7, 0) == 7 && memcmp(got, "changed", 7) == 0);
  CHECK(link("data/two", "etc/four") == 0);
  CHECK_EQ(StatOf("data/one").st_nlink, 4);
  CHECK(unlink("data/one") == 0);
  CHECK_EQ(StatOf("etc/four").st_nlink, 3);
  CHECK(chmod("data/two", 0600) == 0);
  CHECK_EQ(StatOf("etc/four").st_mode, S_IFREG | 0600);
  CHECK(rename("data/two", "data/three") == 0);  // the same file: nothing happens
  CHECK(Exists("data/two"));
  CHECK(unlink("data/two") == 0 && unlink("data/three") == 0);
  CHECK_EQ(StatOf("etc/four").st_nlink, 1);
  CHECK_EQ(StatOf(fd).st_nlink, 1);
  CHECK(unlink("etc/four") == 0);
  CHECK_EQ(StatOf(fd).st_nlink, 0);
  CHECK(pwrite(fd, "still", 5, 0) == 5 && pread(before, got, 5, 0) == 5 && memcmp(got, "still", 5) == 0);
  close(fd);
  close(before);
}
TEST_F(WritableMount, KeepsHardLinks) {
  EXPECT_ALL_WELL(Compare(KeepsHardLinks));
}

void Renames() {
  // A lower directory moves with all that is in it, and its old name is free.
  ino_t ino = StatOf("usr/share/doc/deep/leaf").st_ino;
  int inside = open("usr/share/doc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(rename("usr/share/doc", "docs") == 0);
  CHECK(!Exists("usr/share/doc") && Names("usr/share").empty());
  CHECK_EQ(StatOf("docs/deep/leaf").st_ino, ino);
  CHECK(Content("docs/deep/leaf") == "leaf" && Names("docs") == std::set<std::string>({"a", "b", "deep"}));
  CHECK_EQ(StatOf("docs").st_nlink, 3);
  CHECK(faccessat(inside, "deep/leaf", F_OK, 0) == 0);
  CHECK(mkdir("usr/share/doc", 0700) == 0 && Names("usr/share/doc").empty());
  CHECK(Put("docs/deep/new", "new") && unlink("docs/a") == 0);
  // Back again, over the empty directory.
  CHECK(rename("docs", "usr/share/doc") == 0);
  CHECK(Names("usr/share/doc") == std::set<std::string>({"b", "deep"}));
  CHECK(Names("usr/share/doc/deep") == std::set<std::string>({"leaf", "new"}));
  struct stat up;
  CHECK(fstatat(inside, "..", &up, 0) == 0);
  CHECK_EQ(up.st_ino, StatOf("usr/share").st_ino);
  close(inside);
  // Twice, one in the other.
  CHECK(rename("usr/share/doc/deep", "deep") == 0 && rename("usr/share/doc", "deep/doc") == 0);
  CHECK(Content("deep/leaf") == "leaf" && Content("deep/doc/b") == "b");
  // Files: over another, over itself, and what is exchanged keeps its inode.
  CHECK(rename("etc/group", "etc/passwd") == 0 && Content("etc/passwd") == "root:x:0:\n");
  CHECK(!Exists("etc/group") && rename("etc/passwd", "etc/passwd") == 0);
  ino_t tool = StatOf("usr/bin/tool").st_ino, empty = StatOf("empty").st_ino;
  CHECK(RenameWith("usr/bin/tool", "empty", RENAME_EXCHANGE) == 0);
  CHECK_EQ(StatOf("empty").st_ino, tool);
  CHECK_EQ(StatOf("usr/bin/tool").st_ino, empty);
  CHECK_EQ(StatOf("usr/bin").st_nlink, 3);
  CHECK(Content("empty") == Pattern(30000) && Names("usr/bin/tool").empty());
  CHECK(RenameWith("data", "deep", RENAME_EXCHANGE) == 0);
  CHECK(Names("deep") == std::set<std::string>({"big", "one", "two", "three"}) &&
        Content("data/doc/b") == "b");
  CHECK(RenameWith("link", "newlink", RENAME_NOREPLACE) == 0 && Content("newlink") == "root:x:0:\n");
}
TEST_F(WritableMount, Renames) {
  EXPECT_ALL_WELL(Compare(Renames));
}

void RemovesAndMakesAgain() {
  CHECK_ERRNO(rmdir("usr/share/doc/deep"), ENOTEMPTY);
  CHECK(unlink("usr/share/doc/deep/leaf") == 0 && rmdir("usr/share/doc/deep") == 0);
  CHECK(!Exists("usr/share/doc/deep") && mkdir("usr/share/doc/deep", 0755) == 0);
  CHECK(Names("usr/share/doc/deep").empty());  // what was there does not come back
  CHECK_EQ(StatOf("usr/share/doc").st_nlink, 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(unlink("etc/passwd") == 0 && !Exists("etc/passwd"));
    CHECK_ERRNO(open("etc/passwd", O_RDONLY), ENOENT);
    CHECK(Put("etc/passwd", "again") && Content("etc/passwd") == "again");
  }
  CHECK(unlink("etc/passwd") == 0 && mkdir("etc/passwd", 0755) == 0 && rmdir("etc/passwd") == 0);
  // A directory that is removed while somebody is in it.
  int gone = open("empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(rmdir("empty") == 0);
  CHECK_ERRNO(openat(gone, "new", O_CREAT | O_WRONLY, 0600), ENOENT);
  CHECK_ERRNO(mkdirat(gone, "new", 0700), ENOENT);
  CHECK_EQ(StatOf(gone).st_nlink, 0);
  close(gone);
}
TEST_F(WritableMount, RemovesAndMakesAgain) {
  EXPECT_ALL_WELL(Compare(RemovesAndMakesAgain));
}

void MakesTemporaries() {
  int fd = open("usr/share", O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
  CHECK(fd >= 0 && write(fd, "unseen", 6) == 6);
  CHECK_EQ(StatOf(fd).st_nlink, 0);
  CHECK_EQ(StatOf(fd).st_mode, S_IFREG | 0640);
  CHECK(Names("usr/share") == std::set<std::string>({"doc"}));
  std::string self = "/proc/self/fd/" + std::to_string(fd);
  CHECK(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, "etc/seen", AT_SYMLINK_FOLLOW) == 0);
  CHECK(Content("etc/seen") == "unseen");
  CHECK_EQ(StatOf(fd).st_nlink, 1);
  CHECK_EQ(StatOf("etc/seen").st_ino, StatOf(fd).st_ino);
  CHECK(write(fd, " more", 5) == 5 && Content("etc/seen") == "unseen more");
  close(fd);
  CHECK(Content("etc/seen") == "unseen more");
  fd = open("usr", O_TMPFILE | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  self = "/proc/self/fd/" + std::to_string(fd);
  CHECK_ERRNO(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
  close(fd);
}
TEST_F(WritableMount, MakesTemporaries) {
  EXPECT_ALL_WELL(Compare(MakesTemporaries));
}

// Every entry that is there all the time is shown once, whatever happens to others.
void ListsStably() {
  CHECK(mkdir("many", 0755) == 0);
  for (int i = 0; i < 3000; ++i) CHECK(Put("many/stays-" + std::to_string(i), ""));
  for (int i = 0; i < 500; ++i) CHECK(Put("many/goes-" + std::to_string(i), ""));
  DIR* dir = opendir("many");
  std::map<std::string, int> seen;
  int read = 0;
  while (dirent* d = readdir(dir)) {
    ++seen[d->d_name];
    if (++read % 10 != 0 || read / 10 > 500) continue;
    std::string n = std::to_string(read / 10 - 1);
    CHECK(unlink(("many/goes-" + n).c_str()) == 0 && Put("many/comes-" + n, ""));
  }
  for (int i = 0; i < 3000; ++i) CHECK_EQ(seen["stays-" + std::to_string(i)], 1);
  for (auto& [name, times] : seen) CHECK(times == 1);
  rewinddir(dir);
  int left = 0;
  while (readdir(dir) != nullptr) ++left;
  CHECK_EQ(left, static_cast<int>(Names("many").size()) + 2);
  closedir(dir);
}
TEST_F(WritableMount, ListsStably) {
  EXPECT_ALL_WELL(Compare(ListsStably));
}

bool RemoveRecursively(const std::string& path) {
  for (;;) {  // as rm -rf: what it sees goes, then the directory
    auto names = ListDirectory(AT_FDCWD, path);
    if (!names) return false;
    for (const std::string& name : *names) {
      std::string child = path + "/" + name;
      if (unlink(child.c_str()) != 0 && (errno != EISDIR || !RemoveRecursively(child))) return false;
    }
    if (rmdir(path.c_str()) == 0) return true;
    if (errno != ENOTEMPTY || names->empty()) return false;
  }
}

void RemovesTreesWhileOthersRead() {
  for (int d = 0; d < 20; ++d) {
    std::string dir = "usr/share/doc/d" + std::to_string(d);
    CHECK(mkdir(dir.c_str(), 0755) == 0);
    for (int i = 0; i < 50; ++i) CHECK(Put(dir + "/f" + std::to_string(i), "x"));
  }
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int n = 0; n < 3; ++n)
    readers.emplace_back([&] {
      while (!done)
        for (int d = 0; d < 20; ++d) {
          std::string dir = "usr/share/doc/d" + std::to_string(d);
          if (auto names = ListDirectory(AT_FDCWD, dir))
            for (const std::string& name : *names) (void)ReadFile(dir + "/" + name, 10);
        }
    });
  CHECK(RemoveRecursively("usr"));
  done = true;
  for (std::thread& t : readers) t.join();
  CHECK(!Exists("usr") && mkdir("usr", 0755) == 0 && Names("usr").empty());
}
TEST_F(WritableMount, RemovesTreesWhileOthersRead) {
  EXPECT_ALL_WELL(Compare(RemovesTreesWhileOthersRead));
}

}  // namespace
}  // namespace wolffia
