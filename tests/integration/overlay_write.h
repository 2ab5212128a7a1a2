// WritableMount: an OverlayTree really mounted in a namespace with 65,536 ids, over a small lower made by
// hand. A body runs twice, as the container's root: first on a plain file system with the same files (tmpfs),
// which shows that the test asks for what Linux does; then on ours.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <set>

#include "storage/overlay/overlay_server.h"
#include "tests/integration/overlay_mount.h"
#include "tests/unit/index_bytes.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {

// What a body found wrong. In the child.
inline std::string failures;
inline void NoteFailure(const char* file, int line, const std::string& what) {
  if (failures.size() < 20000)
    failures += std::string(file) + ":" + std::to_string(line) + ": " + what + " (" + strerror(errno) + ")\n";
}
#define CHECK(...) (errno = 0, (__VA_ARGS__) ? void() : NoteFailure(__FILE_NAME__, __LINE__, #__VA_ARGS__))
template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* what, const A& a, const B& b) {
  auto left = static_cast<long long>(a), right = static_cast<long long>(b);
  if (left != right)
    NoteFailure(file, line,
                std::string(what) + ": " + std::to_string(left) + " and " + std::to_string(right));
}
#define CHECK_EQ(a, b) (errno = 0, CheckEqual(__FILE_NAME__, __LINE__, #a " == " #b, a, b))
#define CHECK_ERRNO(expr, expected)                                                \
  do {                                                                             \
    errno = 0;                                                                     \
    if ((expr) != -1)                                                              \
      NoteFailure(__FILE_NAME__, __LINE__, #expr " succeeded");                    \
    else if (errno != (expected))                                                  \
      NoteFailure(__FILE_NAME__, __LINE__, #expr " did not fail with " #expected); \
  } while (0)

inline std::string Pattern(size_t size, uint32_t seed = 0) {
  std::string text;
  text.reserve(size + 12);
  for (uint32_t i = seed; text.size() < size; ++i) text += std::to_string(i * 2654435761u);
  text.resize(size);
  return text;
}
inline struct stat StatOf(const std::string& path) {
  struct stat st{};
  CHECK(lstat(path.c_str(), &st) == 0 || (NoteFailure("lstat", 0, path), true));
  return st;
}
inline struct stat StatOf(int fd) {
  struct stat st{};
  CHECK(fstat(fd, &st) == 0);
  return st;
}
inline bool Exists(const std::string& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0;
}
inline std::string Content(const std::string& path) {
  auto content = ReadFile(path, 64 << 20);
  return content ? *content : "unreadable: " + content.error().what;
}
inline bool Put(const std::string& path, std::string_view content, mode_t mode = 0644) {
  int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return false;
  bool whole = write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  return close(fd) == 0 && whole;
}
inline std::set<std::string> Names(const std::string& path) {
  auto names = ListDirectory(AT_FDCWD, path);
  CHECK(names.has_value());
  if (!names) return {};
  CHECK_EQ(std::set<std::string>(names->begin(), names->end()).size(), names->size());
  return {names->begin(), names->end()};
}
// Runs `body` as an ordinary user of the container; what it found wrong is added. Its return value is lost.
inline void AsUser(uid_t uid, const std::function<void()>& body) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return NoteFailure("pipe", 0, "");
  pid_t pid = fork();
  if (pid == 0) {
    failures.clear();
    CHECK(setgroups(0, nullptr) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
    body();
    (void)!write(pipe_fds[1], failures.data(), failures.size());
    _exit(0);
  }
  close(pipe_fds[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
    failures.append(buffer, static_cast<size_t>(n));
  close(pipe_fds[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK_EQ(status, 0);
}

// The lower's files, for an index and for a plain directory.
struct LowerFile {
  std::string path;
  mode_t mode;
  std::string content;  // of a symlink: its target; of a hard link (mode 0): the other name
};
inline std::vector<LowerFile> UsualLower() {
  return {
      {"etc", S_IFDIR | 0755, ""},
      {"etc/passwd", S_IFREG | 0644, "root:x:0:0::/root:/bin/sh\n"},
      {"etc/group", S_IFREG | 0640, "root:x:0:\n"},
      {"usr", S_IFDIR | 0755, ""},
      {"usr/bin", S_IFDIR | 0755, ""},
      {"usr/bin/su", S_IFREG | 06755, "#!/bin/su\n"},
      {"usr/bin/tool", S_IFREG | 0755, Pattern(30000)},
      {"usr/share", S_IFDIR | 0755, ""},
      {"usr/share/doc", S_IFDIR | 0755, ""},
      {"usr/share/doc/a", S_IFREG | 0644, "a"},
      {"usr/share/doc/b", S_IFREG | 0644, "b"},
      {"usr/share/doc/deep", S_IFDIR | 0755, ""},
      {"usr/share/doc/deep/leaf", S_IFREG | 0644, "leaf"},
      {"data", S_IFDIR | 0755, ""},
      {"data/big", S_IFREG | 0644, Pattern(300000)},
      {"data/one", S_IFREG | 0644, Pattern(5000, 7)},
      {"data/two", 0, "data/one"},
      {"data/three", 0, "data/one"},
      {"empty", S_IFDIR | 0755, ""},
      {"tmp", S_IFDIR | 01777, ""},
      {"link", S_IFLNK | 0777, "etc/passwd"},
      {"dangling", S_IFLNK | 0777, "nowhere"},
  };
}
inline IndexBytes MakeLowerIndex(const std::vector<LowerFile>& files) {
  IndexBytes t;
  std::map<std::string, uint32_t> nodes;
  for (const LowerFile& f : files) {
    if (f.mode == 0) t.HardLink(f.path, nodes[f.content]);
    if (S_ISDIR(f.mode)) t.Directory(f.path, f.mode & 07777);
    if (S_ISREG(f.mode)) nodes[f.path] = t.File(f.path, f.content, f.mode & 07777);
    if (S_ISLNK(f.mode)) t.Symlink(f.path, f.content);
  }
  t.Seal();
  return t;
}
// In the current directory.
inline void MakePlain(const std::vector<LowerFile>& files) {
  for (const LowerFile& f : files) {
    if (f.mode == 0) CHECK(link(f.content.c_str(), f.path.c_str()) == 0);
    if (S_ISDIR(f.mode)) CHECK(mkdir(f.path.c_str(), 0755) == 0);
    if (S_ISREG(f.mode)) CHECK(Put(f.path, f.content));
    if (S_ISLNK(f.mode)) CHECK(symlink(f.content.c_str(), f.path.c_str()) == 0);
    if (f.mode != 0 && !S_ISLNK(f.mode)) CHECK(chmod(f.path.c_str(), f.mode & 07777) == 0);
  }
}

class WritableMount : public testing::Test {
 protected:
  void SetUp() override {
    umask(0);
    for (const char* name : {"mnt", "upper", "work", "plain"})
      ASSERT_EQ(mkdir((dir_ / name).c_str(), 0755), 0);
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
    void* shared =
        mmap(nullptr, sizeof(FuseCounts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    counts_ = new (shared) FuseCounts;
  }
  void TearDown() override { munmap(static_cast<void*>(counts_), sizeof(FuseCounts)); }

  std::unique_ptr<OverlayTree> MakeTree() {
    IndexBytes bytes = MakeLowerIndex(files_);
    auto index = LowerIndex::FromBytes(bytes.Build(), IndexCheck::kFull);
    if (!index) return ADD_FAILURE() << index.error().what, nullptr;
    std::vector<Fd> tars;
    tars.emplace_back(memfd_create("tar", MFD_CLOEXEC));
    if (!WriteFull(tars[0].get(), bytes.tar)) return ADD_FAILURE(), nullptr;
    auto lower = std::make_shared<Lower>(std::move(*index), std::move(tars));
    auto upper = UpperStore::Open(*OpenDirectory(AT_FDCWD, dir_ / "upper"),
                                  *OpenDirectory(AT_FDCWD, dir_ / "work"), upper_options_);
    if (!upper) return ADD_FAILURE() << upper.error().what, nullptr;
    auto tree = OverlayTree::Make(MakeIndexLower(lower, IdView({{0, 65536}}, {{0, 65536}})),
                                  std::move(*upper), options_);
    if (!tree) return ADD_FAILURE() << strerror(tree.error()), nullptr;
    return std::move(*tree);
  }

  // On ours alone.
  Served Serve(const std::function<void()>& body) { return ServeWith(body, nullptr); }
  // On both.
  Served Compare(const std::function<void()>& body) { return ServeWith(body, body); }

  Served ServeWith(const std::function<void()>& body, const std::function<void()>& plain_body) {
    ServedMount<OverlayServer> what;
    what.flags = MS_NODEV;
    what.all_ids = true;
    what.start = [&](Fd fuse) -> Result<std::unique_ptr<OverlayServer>> {
      auto tree = MakeTree();
      if (tree == nullptr) return Fail(Code::kIo, "no tree");
      OverlayServerOptions options = server_options_;
      options.counts = counts_;
      return OverlayServer::Start(std::move(tree), options, std::move(fuse));
    };
    std::string plain = dir_ / "plain";
    auto both = [&](const std::string& mnt, int) {
      umask(022);
      if (plain_body) {
        CHECK(mount("tmpfs", plain.c_str(), "tmpfs", 0, "mode=755") == 0 && chdir(plain.c_str()) == 0);
        MakePlain(files_);
        plain_body();
        if (!failures.empty()) return "the plain file system does not do what the test wants:\n" + failures;
      }
      umask(022);
      CHECK(chdir(mnt.c_str()) == 0);
      body();
      return failures;
    };
    Served served = ServeInNamespace<OverlayServer>(what, dir_ / "mnt", both);
    return served;
  }

  // Requests of a kind so far. In the child.
  uint64_t Count(uint32_t opcode) const { return counts_->by_opcode[opcode].load(); }
  // All but those that the kernel does not wait for.
  uint64_t RoundTrips() const {
    uint64_t all = 0;
    for (uint32_t i = 0; i < kFuseOpcodes; ++i)
      if (i != FUSE_FORGET && i != FUSE_BATCH_FORGET && i != FUSE_RELEASE) all += Count(i);
    return all;
  }

  TempDir dir_;
  std::vector<LowerFile> files_ = UsualLower();
  UpperOptions upper_options_;
  OverlayOptions options_;
  OverlayServerOptions server_options_;
  FuseCounts* counts_ = nullptr;
};

#define EXPECT_ALL_WELL(served)                                          \
  do {                                                                   \
    Served result = (served);                                            \
    if (!result.unsupported.empty()) GTEST_SKIP() << result.unsupported; \
    EXPECT_EQ(result.report, "");                                        \
  } while (0)

}  // namespace wolffia
