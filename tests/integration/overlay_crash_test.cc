// The FUSE upper under kill -9 at every step, and under power loss.
//
// A case is a few lines that prepare a tree (tests/fuzz/tree_shell.h) and a few that are interrupted: a child
// does them and ends itself before its n-th change of the disk, for every n. Then the tree, opened again, is
// as it was before or after the line that was interrupted, to the last link count; the line can be done; and
// nothing is left in the work directory. Opening is interrupted as well.
//
// Power loss: as above, and the bytes of every host file that were not synced since they were written are
// put back to what they were when they last were (nothing for new files). The names and attributes of the
// host file system survive in order, as on a journaling one. fsync and its like are intercepted below.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "tests/fuzz/tree_facts.h"
#include "tests/fuzz/tree_shell.h"
#include "tests/fuzz/upper_folder.h"

namespace wolffia {
namespace {

// --- What a disk would have after a power cut ---

// Copies of the bytes that were synced, by inode number and birth time: inode numbers are used again.
class SyncedBytes {
 public:
  explicit SyncedBytes(const UpperFolder& folder) : folder_(folder), copies_(folder.path() + "/synced") {
    mkdir(copies_.c_str(), 0700);
  }
  static SyncedBytes* current;  // of this process

  void Keep(int fd) {
    struct statx stx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME | STATX_TYPE, &stx) != 0 ||
        !S_ISREG(stx.stx_mode))
      return;
    auto in = wolffia::Open("/proc/self/fd/" + std::to_string(fd), O_RDONLY);
    if (!in) return;
    auto bytes = ReadFd(in->get(), 64 << 20, "synced");
    unlink(Copy(stx).c_str());
    (void)CreateFileAt(AT_FDCWD, Copy(stx), *bytes, 0600);
  }
  void KeepAll() {
    ForEachFile([&](int fd, const struct statx&) { Keep(fd); });
  }
  void DropUnsynced() {
    ForEachFile([&](int fd, const struct statx& stx) {
      auto kept = wolffia::ReadFile(Copy(stx), 64 << 20);
      std::string bytes = kept.value_or("");
      struct timespec times[2] = {{stx.stx_atime.tv_sec, stx.stx_atime.tv_nsec},
                                  {stx.stx_mtime.tv_sec, stx.stx_mtime.tv_nsec}};
      if (*ReadFd(fd, 64 << 20, "host file") == bytes) return;
      EXPECT_EQ(ftruncate(fd, 0), 0);
      EXPECT_EQ(pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
      futimens(fd, times);
    });
  }

 private:
  std::string Copy(const struct statx& stx) const {
    return copies_ + "/" + std::to_string(stx.stx_ino) + "-" + std::to_string(stx.stx_btime.tv_sec) + "." +
           std::to_string(stx.stx_btime.tv_nsec);
  }
  template <typename Do>
  void ForEachFile(const Do& act) const {
    for (std::vector<std::string> left{folder_.upper(), folder_.work()}; !left.empty();) {
      std::string path = left.back();
      left.pop_back();
      struct statx stx;
      if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &stx) != 0)
        continue;
      if (S_ISDIR(stx.stx_mode)) {
        auto names = ListDirectory(AT_FDCWD, path);
        for (const std::string& name : *names) left.push_back(path + "/" + name);
      }
      if (!S_ISREG(stx.stx_mode)) continue;
      auto fd = wolffia::Open(path, O_RDWR);
      if (fd) act(fd->get(), stx);
    }
  }
  const UpperFolder& folder_;
  std::string copies_;
};
SyncedBytes* SyncedBytes::current = nullptr;

template <typename Call>
Call Real(const char* name) {
  return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace wolffia

extern "C" int fsync(int fd) {
  if (wolffia::SyncedBytes::current == nullptr) return wolffia::Real<int (*)(int)>("fsync")(fd);
  wolffia::SyncedBytes::current->Keep(fd);
  return 0;
}
extern "C" int fdatasync(int fd) {
  if (wolffia::SyncedBytes::current == nullptr) return wolffia::Real<int (*)(int)>("fdatasync")(fd);
  wolffia::SyncedBytes::current->Keep(fd);
  return 0;
}
extern "C" int syncfs(int fd) noexcept {
  if (wolffia::SyncedBytes::current == nullptr) return wolffia::Real<int (*)(int)>("syncfs")(fd);
  wolffia::SyncedBytes::current->KeepAll();
  return 0;
}

namespace wolffia {
namespace {

// --- Cases ---

struct Variant {
  const char* name;
  UpperCapabilities allowed;
};
const Variant kVariants[] = {
    {"all", {}},
    {"sidecar", {.user_xattrs = false}},
    {"no renameat2 flags", {.rename_whiteout = false, .rename_exchange = false}},
    {"sidecar, plain renames, no nodes",
     {.rename_whiteout = false, .rename_exchange = false, .user_xattrs = false, .whiteout_nodes = false}},
};

struct Case {
  const char* prepare;
  const char* interrupted;
};
const Case kCases[] = {
    // Copy-up
    {"", "chmod /a/f 600"},
    {"", "chmod /a/b/f 4711"},
    {"", "write /a/b/c/d/deep 5 DOWN"},
    {"", "append /bin/tool more"},
    {"", "truncate /a/b/f 0"},
    {"", "truncate /a/b/f 100"},
    {"", "write /var/sparse 9000 300*w; punch /var/sparse 0 8192"},
    {"", "chown /a/link 5 6"},
    {"", "chown /etc/noted 7 8; set /etc/noted user.b new; unset /etc/noted user.a"},
    {"", "touch /bin/ping 99; chmod /bin/ping 700"},
    {"", "chown /var/null 1 2; chmod /var/fifo 600"},
    {"", "chmod /closed 755; chmod /closed/secret 600"},
    {"", "set /a/b user.x value; chmod /shared 700; chown /tmp 0 0"},
    // Files with several names in the lower
    {"", "chmod /etc/one 600; chmod /etc/two 640"},
    {"", "write /a/b/three 0 changed; append /etc/one more"},
    {"", "chown /var/l2 3 3"},
    {"chmod /etc/one 600", "rm /etc/two; rm /a/b/three; rm /etc/one"},
    {"chmod /etc/one 600", "mv /etc/two /etc/zwei; ln /a/b/three /a/drei; mv /etc/one /a/b/three"},
    {"", "rm /etc/two; rm /etc/one; rm /a/b/three"},
    {"", "rm /bin/tool; chmod /bin/tool2 700"},
    {"rm /etc/two", "chmod /etc/one 600; rm /a/b/three"},
    {"", "mv /etc/two /a/zwei; mv /etc/one /etc/eins"},
    {"", "ln /a/f /a/f2; ln /etc/one /etc/four; ln /a/link /a/link2"},
    // Making
    {"", "create /new 644; create /a/b/c/new 4755; create /shared/new 600"},
    {"", "mkdir /new 755; mkdir /new/x 1777; mkdir /shared/new 755"},
    {"", "symlink a/b /new; mknod /pipe 10644; mknod /dev 20666; mknod /sock 140600"},
    {"", "tmpfile /tmp /tmp/new 500*t"},
    {"rm /a/f", "create /a/f 644; write /a/f 0 again"},
    {"rm /a/f", "mkdir /a/f 755; create /a/f/x 600"},
    {"rm /a/f", "ln /etc/noted /a/f"},
    {"rmdir /empty", "mkdir /empty 700"},
    {"rm /closed/secret; rmdir /closed", "mkdir /closed 2755"},
    {"rm /a/f", "symlink x /a/f"},
    // Removing
    {"", "rm /a/f; rm /var/fifo; rm /a/link"},
    {"", "rmdir /empty"},
    {"rm /closed/secret", "rmdir /closed"},
    {"create /a/new 644; mkdir /d 755", "rm /a/new; rmdir /d"},
    {"chmod /a/f 600", "open /a/f; rm /a/f"},
    {"mkdir /empty/x 755; rmdir /empty/x", "rmdir /empty"},
    // Renaming files
    {"", "mv /a/f /a/g"},
    {"", "mv /a/f /etc/noted"},
    {"", "mv /bin/ping /a/b/f; mv /a/link /etc/l1"},
    {"create /new 600", "mv /new /a/f"},
    {"create /new 600; chmod /a/f 600", "open /a/f; mv /new /a/f"},
    {"create /new 600; create /old 600", "mv /new /old"},
    {"create /new 600; rm /a/f", "mv /new /a/f; mv /a/f /back"},
    {"", "mv /a/f /a/g; mv /a/g /a/f"},
    // Renaming directories
    {"", "mv /a /z"},
    {"", "mv /a/b/c /c; chmod /c/d/deep 600"},
    {"chmod /a/f 600; create /a/new 644", "mv /a /etc/a"},
    {"", "mv /etc /empty"},
    {"rm /closed/secret", "mv /a/b /closed"},
    {"mkdir /new 755; create /new/x 600", "mv /new /empty; mv /empty /var/e"},
    {"mkdir /new 755; rmdir /empty", "mv /new /empty"},
    {"mv /a /z", "mv /z /a"},
    {"mv /a /z; mkdir /a 700", "mv /z/b /a/b; rmdir /empty; mv /a /empty"},
    {"rm /a/f", "mv /a /f; create /f/f 600"},
    {"mkdir /a/b/new 755", "mv /a/b /b; mv /b/new /new"},
    // Exchanging
    {"", "swap /a/f /etc/noted"},
    {"", "swap /a/b /etc"},
    {"", "swap /a/b/c /a/f"},
    {"create /new 600; mkdir /d 755", "swap /new /a; swap /d /empty; swap /d /new"},
    {"mv /a /z", "swap /z /etc; swap /z/conf /etc/b"},
    // Attributes of what is in the upper
    {"create /new 600",
     "chmod /new 4755; chown /new 5 6; chmod /new 600; chown /new 0 0; set /new user.x 99*y"},
    {"mkdir /d 755", "chmod /d 0; chmod /d 1777; touch /d 5; chown /d 1 1"},
    {"symlink x /l", "chown /l 5 5; chown /l 0 0"},
    {"create /new 600; set /new user.x 99*y", "set /new user.x 9*z; unset /new user.x"},
};

// What the child tells while it works.
struct Progress {
  std::atomic<int> lines;    // done
  std::atomic<int> changes;  // of the disk that were begun
};

class OverlayCrash : public ::testing::Test {
 protected:
  void SetUp() override {
    umask(0);
    progress_ = static_cast<Progress*>(
        mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override { munmap(progress_, sizeof(Progress)); }

  static std::unique_ptr<OverlayTree> OpenTree(const UpperFolder& folder, const UpperOptions& options) {
    auto tree = folder.Open(options, {}, MakeSmallLower(nullptr));
    if (!tree) {
      ADD_FAILURE() << tree.error().what;
      return nullptr;
    }
    return std::move(*tree);
  }
  static TreeFacts FactsIn(const UpperFolder& folder, const UpperOptions& options) {
    std::string wrong;
    auto tree = OpenTree(folder, options);
    TreeFacts facts;
    if (tree != nullptr) facts = ReadTree(*tree, &wrong);
    EXPECT_EQ(wrong, "");
    return facts;
  }
  static void Prepare(const UpperFolder& folder, const UpperOptions& options, const Case& c) {
    auto tree = OpenTree(folder, options);
    if (tree == nullptr) return;
    EXPECT_EQ(RunLines(*tree, SplitLines(c.prepare)), "");
  }
  // The trees after none, one, two .. of the lines.
  static std::vector<TreeFacts> States(const UpperOptions& options, const Case& c) {
    UpperFolder folder;
    Prepare(folder, options, c);
    std::vector<TreeFacts> states{FactsIn(folder, options)};
    for (const std::string& line : SplitLines(c.interrupted)) {
      auto tree = OpenTree(folder, options);
      if (tree == nullptr) break;
      EXPECT_EQ(RunLines(*tree, {line}), "");
      tree.reset();
      states.push_back(FactsIn(folder, options));
    }
    return states;
  }

  // Every change on the first kind of host, every second one on the others; WOLFFIA_CRASH_ALL in the
  // environment: every one.
  static int Stride(const UpperOptions& options) {
    if (getenv("WOLFFIA_CRASH_ALL") != nullptr) return 1;
    bool first = options.allowed.user_xattrs && options.allowed.rename_whiteout;
#ifdef WOLFFIA_SANITIZED
    return first ? 5 : 11;  // a fork costs ten times as much
#else
    return first ? 1 : 2;
#endif
  }
  static int First(const Case& c, const UpperOptions& options) {
    return 1 + static_cast<int>(strlen(c.interrupted)) % Stride(options);
  }

  // A child does the lines, and is killed before its n-th change of the disk. False: it came to the end.
  bool Interrupt(const UpperFolder& folder, UpperOptions options, const std::vector<std::string>& lines,
                 int n, SyncedBytes* synced, bool from_opening = false) {
    progress_->lines = 0;
    progress_->changes = 0;
    pid_t pid = fork();
    if (pid == 0) {
      SyncedBytes::current = synced;
      bool armed = from_opening;
      options.step = [&] {
        if (armed && ++progress_->changes == n) raise(SIGKILL);
      };
      auto tree = folder.Open(options, {}, MakeSmallLower(nullptr));
      if (!tree) _exit(3);
      armed = true;
      for (const std::string& line : lines) {
        if (RunLine(**tree, line) != 0) _exit(4);
        ++progress_->lines;
      }
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) << "status " << status;
    return status != 0 && !HasFailure();
  }

  // Opening again may be killed, too, at each of its steps.
  void InterruptOpening(const UpperFolder& folder, const UpperOptions& options, SyncedBytes* synced) {
    for (int n = 1; Interrupt(folder, options, {}, n, synced, true); ++n)
      if (synced != nullptr) synced->DropUnsynced();
  }

  void KillEverywhere(const Case& c, const UpperOptions& options) {
    SCOPED_TRACE(std::string(c.prepare) + " | " + c.interrupted);
    const std::vector<TreeFacts> states = States(options, c);
    const std::vector<std::string> lines = SplitLines(c.interrupted);
    for (int n = First(c, options); !HasFailure(); n += Stride(options)) {
      SCOPED_TRACE("killed before change " + std::to_string(n));
      UpperFolder folder;
      Prepare(folder, options, c);
      bool killed = Interrupt(folder, options, lines, n, nullptr);
      auto done = static_cast<size_t>(progress_->lines);
      if (killed && n % 4 == 0) InterruptOpening(folder, options, nullptr);
      CheckAndRedo(folder, options, states, lines, done);
      if (n % 4 == 0 || !killed) {
        std::string unlike = Unlike(states.back(), FactsIn(folder, options));
        if (!unlike.empty()) ADD_FAILURE() << "done again, and opened again:\n" << unlike;
      }
      if (!killed) break;
      ++kills_;
    }
  }

  // A directory whose entry was copied up gets its time back in a step of its own, which nobody needs.
  static std::string Unlike(const TreeFacts& expected, const TreeFacts& found) {
    return Difference(expected, found, {.directory_times = false});
  }

  // It is as before or after the line that was interrupted; that one, unless it has been done, and the rest
  // can be done.
  static void CheckAndRedo(const UpperFolder& folder, const UpperOptions& options,
                           const std::vector<TreeFacts>& states, const std::vector<std::string>& lines,
                           size_t done) {
    auto tree = OpenTree(folder, options);
    if (tree == nullptr) return;
    EXPECT_EQ(folder.Leftovers(), "");
    std::string wrong;
    TreeFacts found = ReadTree(*tree, &wrong);
    EXPECT_EQ(wrong, "");
    if (std::string before = Unlike(states[done], found); !before.empty()) {
      std::string after = done < lines.size() ? Unlike(states[++done], found) : "it had come to the end";
      if (!after.empty()) ADD_FAILURE() << "not as before:\n" << before << "not as after:\n" << after;
    }
    EXPECT_EQ(RunLines(*tree, {lines.begin() + static_cast<long>(done), lines.end()}), "");
    std::string unlike = Unlike(states.back(), ReadTree(*tree, &wrong));
    if (!unlike.empty() || !wrong.empty()) ADD_FAILURE() << "done again:\n" << unlike << wrong;
  }

  Progress* progress_ = nullptr;
  int kills_ = 0;
};

TEST_F(OverlayCrash, KilledBeforeEveryChange) {
  for (const Variant& variant : kVariants)
    for (const Case& c : kCases) {
      bool swaps = std::string_view(c.interrupted).find("swap") != std::string_view::npos;
      if (swaps && !variant.allowed.rename_exchange) continue;  // refused there
      SCOPED_TRACE(variant.name);
      KillEverywhere(c, {.allowed = variant.allowed, .durable = false, .step = {}});
      if (HasFailure()) return;
    }
  RecordProperty("kills", kills_);
  printf("killed %d times\n", kills_);
}

// --- Power loss ---

// Of `path`, from the line that syncs it on, nothing may be lost. Nothing changes it after that line.
struct SyncedCase {
  Case lines;
  const char* path;
};
const SyncedCase kSyncedCases[] = {
    {{"", "create /new 644; write /new 0 500*n; sync /new; chmod /a/f 600"}, "/new"},
    {{"", "append /a/f more; sync /a/f; rm /etc/noted; mv /a/b /b"}, "/a/f"},
    {{"", "write /etc/one 100 300*x; chmod /etc/one 4711; sync /etc/one; rm /etc/two"}, "/etc/one"},
    {{"rm /a/f", "tmpfile /tmp /a/f 900*t; set /a/f user.x y; sync /a/f; swap /bin/tool /bin/ping"}, "/a/f"},
    {{"",
      "create /shared/new 4755; chown /shared/new 5 6; append /shared/new text; sync /shared/new; mv /etc "
      "/e"},
     "/shared/new"},
    {{"", "create /n 600; append /n 99*n; mv /n /a/f; chown /a/link 5 6; syncall; rm /etc/one"}, "/a/f"},
};

class OverlayPowerLoss : public OverlayCrash {
 protected:
  // Bytes that were written and not synced may be missing, zeros, or what was there earlier.
  static bool IsRemnant(const std::string& found, const std::vector<const std::string*>& versions) {
    for (size_t i = 0; i < found.size(); ++i) {
      bool known = std::ranges::any_of(versions, [&](const std::string* version) {
        return i < version->size() && (found[i] == 0 || found[i] == (*version)[i]);
      });
      if (!known) return false;
    }
    return true;
  }
  // The difference to states[which]. What the lower had, or was synced otherwise, has to be there to the last
  // byte, wherever it is.
  static std::string UnlikeWithoutUnsynced(const std::vector<TreeFacts>& states, size_t which,
                                           TreeFacts found, const std::string& synced_path) {
    std::set<std::string> old_bytes;
    for (auto& [path, facts] : states[0]) old_bytes.insert(facts.data);
    for (auto& [path, facts] : found) {
      auto wanted = states[which].find(path);
      if (wanted == states[which].end() || path == synced_path || old_bytes.contains(wanted->second.data))
        continue;
      std::vector<const std::string*> versions;
      for (size_t i = 0; i <= which; ++i)
        if (states[i].contains(path)) versions.push_back(&states[i].at(path).data);
      if (IsRemnant(facts.data, versions)) facts.data = wanted->second.data;
    }
    return Difference(states[which], found, {.directory_times = false, .link_counts = false});
  }

  // Attributes in the sidecar are bytes, too: those that were not synced are lost, but not what an object is.
  static void ForgiveAttributes(const TreeFacts& expected, TreeFacts* found, const std::string& synced_path) {
    for (auto& [path, facts] : *found) {
      auto wanted = expected.find(path);
      if (wanted == expected.end() || path == synced_path) continue;
      if ((wanted->second.mode & S_IFMT) != (facts.mode & S_IFMT)) continue;
      facts.mode = wanted->second.mode;
      facts.uid = wanted->second.uid;
      facts.gid = wanted->second.gid;
      facts.ino = wanted->second.ino;
      facts.xattrs = wanted->second.xattrs;
      facts.mtime_sec = kAnyTime;  // a file with several names may be the lower's again
    }
  }

  std::string UnlikeState(const UpperOptions& options, const std::vector<TreeFacts>& states, size_t which,
                          TreeFacts found, const std::string& synced_path) {
    if (!options.allowed.user_xattrs) ForgiveAttributes(states[which], &found, synced_path);
    return UnlikeWithoutUnsynced(states, which, std::move(found), synced_path);
  }

  void Check(const UpperFolder& folder, const UpperOptions& options, const std::vector<TreeFacts>& states,
             const std::string& synced_path) {
    auto done = static_cast<size_t>(progress_->lines);
    auto tree = OpenTree(folder, options);
    if (tree == nullptr) return;
    EXPECT_EQ(folder.Leftovers(), "");
    std::string wrong;  // link counts may be: a name that was counted and not made
    TreeFacts found = ReadTree(*tree, &wrong);
    std::string before = UnlikeState(options, states, done, found, synced_path);
    if (before.empty()) return;
    std::string after = done + 1 < states.size() ? UnlikeState(options, states, done + 1, found, synced_path)
                                                 : "it had come to the end";
    if (!after.empty()) ADD_FAILURE() << "not as before:\n" << before << "not as after:\n" << after;
  }

  // `synced_path` counts from the first line that syncs on.
  void CutEverywhere(const Case& c, const UpperOptions& options, const std::string& synced_path = "") {
    SCOPED_TRACE(std::string(c.prepare) + " | " + c.interrupted);
    const std::vector<TreeFacts> states = States(options, c);
    const std::vector<std::string> lines = SplitLines(c.interrupted);
    size_t synced_at = lines.size();
    while (synced_at > 0 && !lines[synced_at - 1].starts_with("sync")) --synced_at;
    for (int n = First(c, options); !HasFailure(); n += Stride(options)) {
      SCOPED_TRACE("the power went before change " + std::to_string(n));
      UpperFolder folder;
      Prepare(folder, options, c);
      SyncedBytes synced(folder);
      synced.KeepAll();
      bool killed = Interrupt(folder, options, lines, n, &synced);
      synced.DropUnsynced();
      bool is_synced = synced_at > 0 && progress_->lines >= static_cast<int>(synced_at);
      Check(folder, options, states, is_synced ? synced_path : "");
      if (!killed) break;
      ++kills_;
    }
  }
};

TEST_F(OverlayPowerLoss, LosesOnlyWhatWasNotSynced) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name);
    UpperOptions options{.allowed = variant.allowed, .step = {}};
    for (const SyncedCase& c : kSyncedCases) {
      bool swaps = std::string_view(c.lines.interrupted).find("swap") != std::string_view::npos;
      if (!swaps || variant.allowed.rename_exchange) CutEverywhere(c.lines, options, c.path);
      if (HasFailure()) return;
    }
    for (size_t i = 0; i < std::size(kCases); ++i) {
      bool swaps = std::string_view(kCases[i].interrupted).find("swap") != std::string_view::npos;
      if (!swaps || variant.allowed.rename_exchange) CutEverywhere(kCases[i], options);
      if (HasFailure()) return;
    }
  }
  printf("the power went %d times\n", kills_);
}

}  // namespace
}  // namespace wolffia
