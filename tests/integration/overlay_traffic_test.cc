// How often the kernel asks a mounted OverlayTree: nothing that it knows, and the least for what is new. And
// what happens when the server ends, or is asked for nonsense.
#include <dirent.h>
#include <linux/fuse.h>

#include "engine/landlock/policy.h"
#include "tests/integration/overlay_write.h"

namespace wolffia {
namespace {

TEST_F(WritableMount, IsNotAskedForWhatTheKernelKnows) {
  EXPECT_ALL_WELL(Serve([&] {
    auto trips = [&](const char* what, uint64_t at_most, const std::function<void()>& act) {
      uint64_t before = RoundTrips();
      auto kinds = NamedCounters(*counts_);
      act();
      uint64_t taken = RoundTrips() - before;
      std::string kinds_taken;
      for (const FuseCounter& now : NamedCounters(*counts_)) {
        uint64_t was = 0;
        for (const FuseCounter& k : kinds)
          if (k.operation == now.operation) was = k.count;
        if (now.count != was) kinds_taken += " " + now.operation + " " + std::to_string(now.count - was);
      }
      if (taken > at_most) NoteFailure(what, 0, std::to_string(taken) + " round trips:" + kinds_taken);
    };
    auto read_all = [] { CHECK(Content("usr/share/doc/deep/leaf") == "leaf"); };
    CHECK(Exists("usr/share/doc/a") && !Exists("missing"));
    read_all();
    (void)StatOf("usr/share/doc/deep/leaf");  // reading has moved the atime
    trips("stat of a cached path", 0, [] { (void)StatOf("usr/share/doc/a"); });
    trips("stat of a name that is known to be missing", 0, [] { CHECK(!Exists("missing")); });
    trips("open, read and close of a cached file", 0, read_all);
    CHECK(Put("warm", "x") && mkdir("dir", 0755) == 0);  // what is answered ENOSYS once
    for (int i = 0; i < 1000; ++i) CHECK(Put("dir/" + std::to_string(i), "x"));
    // A new name is looked up, made and written; the write is preceded by a question for
    // security.capability, once a file (the kernel has no other way to know that there is none). And a change
    // of a directory makes the kernel forget its attributes, which the next check of permissions there asks
    // for: the GETATTR.
    (void)StatOf("dir");
    trips("create, write and close", 4, [] { CHECK(Put("dir/new", "x")); });
    trips("the next one in the same directory", 5, [] { CHECK(Put("dir/next", "x")); });
    (void)StatOf("dir");
    trips("write and close of a file that was written", 1, [] {
      int fd = open("dir/new", O_WRONLY | O_CLOEXEC);
      CHECK(write(fd, "again", 5) == 5 && close(fd) == 0);
    });
    trips("mkdir", 3, [] { CHECK(mkdir("dir/newdir", 0755) == 0); });
    trips("unlink", 2, [] { CHECK(unlink("dir/new") == 0); });
    trips("rename", 3, [] { CHECK(rename("dir/next", "dir/newer") == 0); });
    trips("chmod of a file of the lower", 1, [] { CHECK(chmod("usr/share/doc/a", 0600) == 0); });
    trips("readdir of 1,000 entries, and stat", 8, [] {
      for (const std::string& name : Names("dir")) (void)StatOf("dir/" + name);
    });
    (void)StatOf("dir");  // listing has moved the atime
    trips("the same again", 0, [] {
      for (const std::string& name : Names("dir")) (void)StatOf("dir/" + name);
    });
    CHECK_EQ(Count(FUSE_OPEN), 1);
    CHECK(Count(FUSE_OPENDIR) <= 1);
    CHECK(Count(FUSE_FLUSH) <= 1);
    CHECK_EQ(Count(FUSE_CREATE), 1);
    CHECK_EQ(Count(FUSE_RELEASE) + Count(FUSE_RELEASEDIR), 0);
  }));
}

TEST_F(WritableMount, HoldsManyEntries) {
  constexpr int kLower = 200000, kMade = 2000;
  files_.push_back({"many", S_IFDIR | 0755, ""});
  files_.reserve(kLower + 100);
  for (int i = 0; i < kLower; ++i) files_.push_back({"many/l" + std::to_string(i), S_IFREG | 0644, ""});
  EXPECT_ALL_WELL(Serve([&] {
    for (int i = 0; i < kMade; ++i) CHECK(Put("many/u" + std::to_string(i), ""));
    for (int i = 0; i < 1000; ++i) CHECK(unlink(("many/l" + std::to_string(i * 100)).c_str()) == 0);
    auto names = Names("many");
    CHECK_EQ(names.size(), kLower + kMade - 1000);
    CHECK(names.contains("u1999") && names.contains("l199999") && !names.contains("l100"));
    CHECK(Exists("many/l77") && !Exists("many/l200000"));
    CHECK(rename("many", "etc/many") == 0 && Names("etc/many").size() == names.size());
  }));
}

// A stopped container starts again: the same lower, the same upper.
TEST_F(WritableMount, StartsAgain) {
  std::vector<struct stat> before, after;
  auto change = [] {
    CHECK(chown("etc/passwd", 1000, 7) == 0 && chmod("etc/passwd", 04711) == 0 && unlink("etc/group") == 0);
    CHECK(rename("usr/share/doc", "docs") == 0 && mkdir("usr/share/doc", 0700) == 0);
    CHECK(Put("data/two", "linked") && mkfifo("fifo", 0600) == 0 && symlink("there", "sym") == 0);
    CHECK(lchown("sym", 9, 9) == 0 && setxattr("docs", "user.kept", "yes", 3, 0) == 0);
  };
  auto look = [] {
    CHECK_EQ(StatOf("etc/passwd").st_mode, S_IFREG | 04711);
    CHECK(StatOf("etc/passwd").st_uid == 1000 && StatOf("etc/passwd").st_gid == 7 && !Exists("etc/group"));
    CHECK(Names("docs") == std::set<std::string>({"a", "b", "deep"}) && Names("usr/share/doc").empty());
    CHECK(Content("docs/deep/leaf") == "leaf" && Content("data/one") == "linked" &&
          Content("data/three") == "linked");
    CHECK_EQ(StatOf("data/three").st_nlink, 3);
    CHECK_EQ(StatOf("data/three").st_ino, StatOf("data/one").st_ino);
    CHECK(S_ISFIFO(StatOf("fifo").st_mode) && S_ISLNK(StatOf("sym").st_mode) && StatOf("sym").st_uid == 9);
    char value[10];
    CHECK_EQ(getxattr("docs", "user.kept", value, sizeof value), 3);
  };
  EXPECT_ALL_WELL(Serve([&] {
    change();
    look();
  }));
  EXPECT_ALL_WELL(Serve(look));
  EXPECT_TRUE(ListDirectory(AT_FDCWD, dir_ / "work").has_value());
}

// What the first thread does to itself holds for all that serve.
TEST_F(WritableMount, ConfinesItsThreads) {
  const int version = LandlockVersion();
  if (version < 2) GTEST_SKIP() << "this kernel has no Landlock that knows renames";
  LandlockPolicy policy;
  policy.best_effort = true;
  policy.write.emplace();
  auto compiled = CompileLandlock(policy, version);
  ASSERT_TRUE(compiled);
  server_options_.confine = [&] { (void)RestrictSelf(compiled->ruleset); };
  EXPECT_ALL_WELL(Serve([&] {
    CHECK(Content("usr/share/doc/deep/leaf") == "leaf");
    std::vector<pid_t> clients;
    for (int i = 0; i < 8; ++i) {
      pid_t client = fork();
      if (client == 0) {
        for (int n = 0; n < 200; ++n)
          if (open(("f" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES) _exit(1);
        _exit(0);
      }
      clients.push_back(client);
    }
    for (pid_t client : clients) {
      int status = -1;
      CHECK(waitpid(client, &status, 0) == client && status == 0);
    }
  }));
}

// Processes that wait for the server get an error when it ends.
TEST_F(WritableMount, FailsInsteadOfHangingWhenTheServerEnds) {
  ServedMount<OverlayServer> what;
  what.flags = MS_NODEV;
  what.all_ids = true;
  what.start = [&](Fd fuse) { return OverlayServer::Start(MakeTree(), server_options_, std::move(fuse)); };
  auto body = [](const std::string& mnt, int socket) -> std::string {
    CHECK(chdir(mnt.c_str()) == 0 && Put("file", "x"));
    (void)SendPacket(socket, "stop");
    (void)ReceivePacket(socket);
    CHECK_ERRNO(mkdir("dir", 0755), ENOTCONN);
    CHECK(!Put("file2", "x") && unlink("file") != 0);
    return failures;
  };
  std::function<void(OverlayServer&, int)> outside = [](OverlayServer& server, int socket) {
    (void)ReceivePacket(socket);
    server.Stop();
    server.Wait();
    server.Stop();
    (void)SendPacket(socket, "stopped");
  };
  EXPECT_ALL_WELL(ServeInNamespace<OverlayServer>(what, dir_ / "mnt", body, outside));
  EXPECT_TRUE(faccessat(AT_FDCWD, (dir_ / "upper/file").c_str(), F_OK, 0) == 0);
}

}  // namespace
}  // namespace wolffia
