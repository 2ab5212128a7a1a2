// A full disk in every phase: a tmpfs of fixed size, in a user namespace of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::IsEmpty;

// An ordinary user may mount a tmpfs in a user namespace. Both end with the child process of the test.
bool EnterSmallDisk(const std::string& directory, const std::string& options) {
  const std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
  for (const auto& [file, text] : Files{
           {"setgroups", "deny"}, {"uid_map", uid + " " + uid + " 1"}, {"gid_map", gid + " " + gid + " 1"}}) {
    auto fd = Open("/proc/self/" + file, O_WRONLY);
    if (!fd || !WriteFull(fd->get(), text)) return false;
  }
  return mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

uint64_t BytesFree(const std::string& path) {
  struct statvfs st = {};
  statvfs(path.c_str(), &st);
  return st.f_bavail * st.f_frsize;
}

class StoreSpaceTest : public ::testing::Test {
 protected:
  // Runs `body` in a child whose store lies on a disk of that size.
  void OnSmallDisk(const std::string& options, const std::function<void(const std::string& disk)>& body) {
    ASSERT_TRUE(MakeDirectories(dir_ / "disk"));
    pid_t pid = fork();
    if (pid == 0) {
      if (!EnterSmallDisk(dir_ / "disk", options)) _exit(77);
      body(dir_ / "disk");
      fflush(nullptr);
      _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespace with a tmpfs here";
    EXPECT_EQ(status, 0);
  }
  static Store OpenOn(const std::string& disk) {
    return Must(
        Store::Open({.root = disk + "/root", .runroot = disk + "/run", .durability = Durability::kSafe}));
  }
  // Takes all but `leave` bytes.
  static void Fill(const std::string& disk, uint64_t leave) {
    const uint64_t free = BytesFree(disk);
    Fd fd = Must(Open(disk + "/ballast", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (free > leave && posix_fallocate(fd.get(), 0, static_cast<off_t>(free - leave)) != 0) abort();
  }
  static void Empty(const std::string& disk) { unlink((disk + "/ballast").c_str()); }

  TempDir dir_;
};

TEST_F(StoreSpaceTest, EveryPhaseFailsCleanlyAndDeletingWorks) {
  OnSmallDisk("size=4m,mode=0700", [](const std::string& disk) {
    Store store = OpenOn(disk);
    ContainerStore containers(store);
    const std::vector<Files> layers = {{{"a", std::string(300'000, 'x')}},
                                       {{"b", std::string(300'000, 'y')}}};
    const ImageRecord image = Must(ImportImage(store, "h/a:1", {{{"f", "x"}}}));
    NewContainer made = Must(containers.Create(ContainerOf(image, "web"), RuntimeSpec()));
    made.lock.Release();
    auto nothing_left = [&] {
      EXPECT_THAT(Must(ListDirectory(store.root(), "tmp")), IsEmpty());
      EXPECT_EQ(Must(ListDirectory(store.root(), "names")).size(), 1u);
      EXPECT_EQ(Must(ListDirectory(store.root(), "containers")).size(), 1u);
      Must(CollectGarbage(store));
    };
    int pulls = 0, creations = 0;
    const uint64_t whole = 800'000;
    for (uint64_t leave = 0; leave < whole; leave += leave < 64'000 ? 4096 : 40'000) {
      SCOPED_TRACE(leave);
      Fill(disk, leave);
      auto pulled = ImportImage(store, "h/b:1", layers);
      if (!pulled) {
        EXPECT_EQ(pulled.error().code, Code::kNoSpace) << pulled.error().what;
        ++pulls;
        nothing_left();
        EXPECT_FALSE(ImageStore(store).ByName("h/b:1"));
      } else {
        Must(ImageStore(store).RemoveName(*pulled, false));
        nothing_left();
      }
      auto container = containers.Create(ContainerOf(image, "other", true), RuntimeSpec());
      if (!container) {
        EXPECT_EQ(container.error().code, Code::kNoSpace) << container.error().what;
        ++creations;
        nothing_left();
      } else {
        Must(containers.Remove(container->id, nullptr, true));
      }
      Empty(disk);
    }
    EXPECT_GT(pulls, 10);
    EXPECT_GE(creations, 2);

    Fill(disk, 0);
    EXPECT_EQ(BytesFree(disk), 0u);
    Must(Staging::Sweep(store));
    Must(containers.Remove(made.id));
    Must(ImageStore(store).RemoveName(image, false));
    EXPECT_EQ(Must(CollectGarbage(store)).blobs, 3u);
    EXPECT_GT(BytesFree(disk), 0u);
    for (const char* directory : {"tmp", "names", "containers", "images", "index", "blobs/sha256"})
      EXPECT_THAT(Must(ListDirectory(store.root(), directory)), IsEmpty()) << directory;
  });
}

TEST_F(StoreSpaceTest, NoInodeIsLeft) {
  OnSmallDisk("size=4m,nr_inodes=60,mode=0700", [](const std::string& disk) {
    Store store = OpenOn(disk);
    ContainerStore containers(store);
    const ImageRecord image = Must(ImportImage(store, "h/a:1", {{{"f", "x"}}}));
    std::vector<std::string> ids;
    for (;;) {
      auto made = containers.Create(ContainerOf(image), RuntimeSpec());
      if (!made) {
        EXPECT_EQ(made.error().code, Code::kNoSpace) << made.error().what;
        break;
      }
      ids.push_back(made->id);
    }
    EXPECT_GE(ids.size(), 2u);
    EXPECT_THAT(Must(ListDirectory(store.root(), "tmp")), IsEmpty());
    for (const std::string& id : ids) Must(containers.Remove(id));
    Must(ImageStore(store).RemoveName(image, false));
    EXPECT_EQ(Must(CollectGarbage(store)).blobs, 3u);
  });
}

TEST_F(StoreSpaceTest, AReadOnlyDisk) {
  OnSmallDisk("size=4m,mode=0700", [](const std::string& disk) {
    ImageRecord image;
    {
      Store store = OpenOn(disk);
      image = Must(ImportImage(store, "h/a:1", {{{"f", "x"}}}));
      Must(ContainerStore(store).Create(ContainerOf(image, "web", true), RuntimeSpec()));
    }
    ASSERT_EQ(mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    Store store = OpenOn(disk);
    EXPECT_TRUE(ImageStore(store).OpenLower(image.chain, image.diff_ids));
    EXPECT_EQ(Must(ContainerStore(store).List()).size(), 1u);
    Must(Staging::Sweep(store));
    Must(ContainerStore(store).Sweep());
    Must(CheckStore(store, nullptr, {}));
    auto made = ContainerStore(store).Create(ContainerOf(image), RuntimeSpec());
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().what, ::testing::HasSubstr("the store " + disk + "/root cannot be written"));
    auto other = Store::Open({.root = disk + "/new", .runroot = disk + "/run"});
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().what,
                ::testing::HasSubstr("make directory " + disk + "/new: Read-only file system"));
  });
}

}  // namespace
}  // namespace wolffia
