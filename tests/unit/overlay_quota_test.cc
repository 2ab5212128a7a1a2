// Quota and what counts for it; and the cache of descriptors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "storage/overlay/descriptor_cache.h"
#include "storage/overlay/metered_change.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

constexpr uint64_t kBlock = 4096;

struct statvfs Shown(const Quota& quota) {
  struct statvfs st{};
  st.f_frsize = 512;
  st.f_blocks = st.f_bfree = st.f_bavail = 1 << 30;
  st.f_files = st.f_ffree = st.f_favail = 1 << 30;
  quota.Limit(&st);
  return st;
}
uint64_t Used(const Quota& quota, uint64_t limit) {
  return limit - Shown(quota).f_bavail * 512;
}

// A file, as the tree changes it: through the quota.
class MeteredFile {
 public:
  MeteredFile(Quota& quota, const TempDir& dir, const char* name) : quota_(quota) {
    AllocateExactly(dir.fd());
    fd_ = *OpenAt(dir.fd(), name, O_RDWR | O_CREAT, 0600);
    struct stat st;
    fstat(fd_.get(), &st);
    ino_ = st.st_ino;
  }
  Sys<uint64_t> Write(uint64_t offset, uint64_t size, char with = 'x') {
    std::string data(size, with);
    return ChangeMetered(quota_, fd_.get(), offset, size, [&](uint64_t at, uint64_t n) -> Sys<uint64_t> {
      ssize_t done = pwrite(fd_.get(), data.data(), n, static_cast<off_t>(at));
      if (done < 0) return SysFail();
      return static_cast<uint64_t>(done);
    });
  }
  Sys<uint64_t> Allocate(uint64_t offset, uint64_t size, int mode = 0) {
    return ChangeMetered(quota_, fd_.get(), offset, size, [&](uint64_t at, uint64_t n) -> Sys<uint64_t> {
      if (fallocate(fd_.get(), mode, static_cast<off_t>(at), static_cast<off_t>(n)) != 0) return SysFail();
      return n;
    });
  }
  Sys<> Truncate(off_t size) {
    return ShrinkMetered(quota_, fd_.get(),
                         [&] { return ftruncate(fd_.get(), size) == 0 ? Sys<>() : Sys<>(SysFail()); });
  }
  off_t size() const { return lseek(fd_.get(), 0, SEEK_END); }
  char At(off_t offset) const {
    char c = 0;
    EXPECT_EQ(pread(fd_.get(), &c, 1, offset), 1);
    return c;
  }
  uint64_t bytes() const { return *HostBytes(fd_.get()); }
  uint64_t ino() const { return ino_; }

 private:
  Quota& quota_;
  Fd fd_;
  uint64_t ino_ = 0;
};

TEST(Quota, WithoutLimitsCountsNothing) {
  Quota quota({});
  EXPECT_FALSE(quota.active());
  EXPECT_TRUE(quota.TakeBytes(~0ull));
  EXPECT_TRUE(quota.TakeInode());
  EXPECT_EQ(Shown(quota).f_blocks, 1u << 30);
}

TEST(Quota, CountsToTheLimit) {
  Quota quota({.bytes = 10000, .inodes = 2});
  EXPECT_TRUE(quota.TakeBytes(10000));
  EXPECT_EQ(quota.TakeBytes(1).error(), ENOSPC);
  quota.Settle(7, 9999, 10000);
  EXPECT_TRUE(quota.TakeBytes(1));
  quota.GiveBytes(1);
  EXPECT_TRUE(quota.Charge(7, 10000));
  EXPECT_EQ(quota.Charge(7, 10001).error(), ENOSPC);
  EXPECT_EQ(quota.Charge(8, 1).error(), ENOSPC);
  quota.Settle(8, 5000);  // has happened: above the limit
  EXPECT_EQ(Shown(quota).f_bavail, 0u);
  EXPECT_TRUE(quota.Charge(8, 4999)) << "less than before is always possible";
  quota.Release(7);
  quota.Release(8);
  quota.Release(8);
  EXPECT_TRUE(quota.TakeBytes(10000));
  EXPECT_TRUE(quota.TakeInode());
  EXPECT_TRUE(quota.TakeInode());
  EXPECT_EQ(quota.TakeInode().error(), ENOSPC);
  quota.GiveInode();
  EXPECT_EQ(Shown(quota).f_files, 2u);
  EXPECT_EQ(Shown(quota).f_ffree, 1u);
}

TEST(Quota, CountsATree) {
  TempDir dir;
  auto make = [&](const std::string& path, size_t size) {
    Fd fd = *OpenAt(dir.fd(), path, O_RDWR | O_CREAT, 0600);
    EXPECT_TRUE(WriteFull(fd.get(), std::string(size, 'x')));
    return *HostBytes(fd.get());
  };
  ASSERT_TRUE(MakeDirectories(dir / "upper"));
  ASSERT_TRUE(MakeDirectories(dir / "work/links"));
  uint64_t bytes = make("upper/a", 10000) + make("upper/b", 1) + make("work/links/5", 70000);
  make("work/whiteout", 0);
  ASSERT_EQ(linkat(dir.fd(), "work/whiteout", dir.fd(), "upper/w", 0), 0);
  ASSERT_EQ(linkat(dir.fd(), "work/whiteout", dir.fd(), "upper/w2", 0), 0);
  ASSERT_EQ(linkat(dir.fd(), "upper/a", dir.fd(), "upper/a2", 0), 0);
  ASSERT_EQ(linkat(dir.fd(), "work/links/5", dir.fd(), "upper/five", 0), 0);
  ASSERT_EQ(symlinkat("a", dir.fd(), "upper/s"), 0);
  uint64_t inodes = 4;
  // Deeper than PATH_MAX and than the limit of descriptors that some hosts have.
  Fd at = *OpenAt(dir.fd(), "upper", O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 1200; ++depth, ++inodes) {
    ASSERT_EQ(mkdirat(at.get(), "directory", 0700), 0);
    if (depth % 100 == 0) {
      ASSERT_EQ(mkdirat(at.get(), "other", 0700), 0);
      ++inodes;
    }
    at = *OpenAt(at.get(), "directory", O_RDONLY | O_DIRECTORY);
  }
  constexpr uint64_t kLimit = 1 << 20;
  Quota quota({.bytes = kLimit, .inodes = 5000});
  Fd upper = *OpenAt(dir.fd(), "upper", O_RDONLY | O_DIRECTORY);
  Fd work = *OpenAt(dir.fd(), "work", O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(quota.CountTree(upper.get(), work.get()));
  EXPECT_EQ(Used(quota, kLimit), bytes);
  EXPECT_EQ(5000 - Shown(quota).f_ffree, inodes);
  struct stat st;
  ASSERT_EQ(fstatat(upper.get(), "five", &st, 0), 0);
  quota.Release(st.st_ino);
  EXPECT_EQ(Used(quota, kLimit), bytes - static_cast<uint64_t>(st.st_blocks) * 512);
}

TEST(Quota, FillsToTheBlock) {
  TempDir dir;
  constexpr uint64_t kLimit = 64 * kBlock;
  Quota quota({.bytes = kLimit});
  MeteredFile file(quota, dir, "f");
  EXPECT_EQ(*file.Write(0, 40 * kBlock), 40 * kBlock);
  EXPECT_EQ(*file.Write(40 * kBlock, 40 * kBlock), 24 * kBlock) << "what fits";
  EXPECT_EQ(file.size(), static_cast<off_t>(64 * kBlock));
  EXPECT_EQ(file.Write(64 * kBlock, 1).error(), ENOSPC);
  EXPECT_EQ(file.size(), static_cast<off_t>(64 * kBlock)) << "nothing is left of what did not fit";
  EXPECT_EQ(Used(quota, kLimit), file.bytes());
  EXPECT_EQ(*file.Write(10, 50 * kBlock, 'y'), 50 * kBlock) << "an overwrite needs no room";
  EXPECT_EQ(file.At(50 * kBlock + 9), 'y');
  EXPECT_EQ(file.At(50 * kBlock + 10), 'x');
  ASSERT_TRUE(file.Truncate(0));
  EXPECT_EQ(Used(quota, kLimit), 0u);
  EXPECT_EQ(*file.Write(5, 70 * kBlock), 64 * kBlock - 5) << "and full again, to the byte";
  quota.Release(file.ino());
  EXPECT_EQ(Used(quota, kLimit), 0u);
}

TEST(Quota, KnowsHolesAndWhatWasSetAside) {
  TempDir dir;
  constexpr uint64_t kLimit = 32 * kBlock;
  Quota quota({.bytes = kLimit});
  MeteredFile file(quota, dir, "f");
  ASSERT_TRUE(file.Truncate(1 << 30));  // one big hole
  EXPECT_EQ(*file.Allocate(0, 16 * kBlock), 16 * kBlock);
  EXPECT_EQ(*file.Write(1000 * kBlock, 100 * kBlock), 16 * kBlock);
  EXPECT_EQ(file.Write(2000 * kBlock, 1).error(), ENOSPC) << "into a hole";
  EXPECT_EQ(file.Write((1 << 30) - 1, 1).error(), ENOSPC);
  EXPECT_EQ(file.At(2000 * kBlock), 0);
  EXPECT_EQ(file.Allocate(2000 * kBlock, 1).error(), ENOSPC);
  EXPECT_EQ(*file.Write(3, 16 * kBlock - 3, 'z'), 16 * kBlock - 3) << "into what fallocate set aside";
  EXPECT_EQ(*file.Allocate(0, 16 * kBlock), 16 * kBlock) << "which is there already";
  EXPECT_EQ(file.At(3), 'z');
  EXPECT_EQ(file.At(1015 * kBlock), 'x');
  EXPECT_EQ(Used(quota, kLimit), file.bytes());
  EXPECT_LE(file.bytes(), kLimit + kBlock);  // the host may add a block of its own to find the others
}

TEST(Quota, IsRightUnderThreads) {
  TempDir dir;
  constexpr uint64_t kLimit = 200 * kBlock;
  Quota quota({.bytes = kLimit});
  MeteredFile shared(quota, dir, "shared");
  std::vector<std::unique_ptr<MeteredFile>> own;
  for (const char* name : {"a", "b", "c", "d"})
    own.push_back(std::make_unique<MeteredFile>(quota, dir, name));
  {
    std::vector<std::jthread> threads;
    for (auto& file : own)
      threads.emplace_back([&] {
        for (uint64_t i = 0; i < 200; ++i) {
          (void)file->Write(i % 80 * kBlock, 3000);
          (void)shared.Write(i * 1000, 1000);
          if (i % 50 == 49) (void)file->Truncate(static_cast<off_t>(kBlock));
        }
      });
  }
  uint64_t bytes = shared.bytes();
  for (auto& file : own) bytes += file->bytes();
  EXPECT_EQ(Used(quota, kLimit), bytes);
  EXPECT_LE(bytes, kLimit + 5 * kBlock);
}

TEST(DescriptorCache, KeepsTheRecentOnes) {
  DescriptorCache cache(2);
  auto open = [] { return *Open("/dev/null", O_RDONLY); };
  SharedFd first = cache.Put(1, open());
  cache.Put(2, open());
  EXPECT_EQ(cache.Get(1), first);
  EXPECT_EQ(cache.Put(1, open()), first) << "what is there already wins";
  cache.Put(3, open());
  EXPECT_EQ(cache.Get(2), nullptr);
  EXPECT_EQ(cache.Get(1), first);
  cache.Drop(1);
  cache.Drop(1);
  EXPECT_EQ(cache.Get(1), nullptr);
  EXPECT_EQ(fcntl(first->get(), F_GETFD), FD_CLOEXEC) << "whoever holds it can go on";
  int number = first->get();
  first.reset();
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace wolffia
