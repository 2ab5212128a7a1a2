// Threads that do everything to one tree at the same time (run it under TSan). Afterwards the tree does not
// contradict itself, and it is the same when it is opened again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/fuzz/tree_facts.h"
#include "tests/fuzz/upper_folder.h"

namespace wolffia {
namespace {

constexpr int kThreads = 4;

// One thread's view: what it has looked up, and not forgotten. Directories are kept to the end, as the kernel
// keeps them while it knows something in them.
class Worker {
 public:
  Worker(OverlayTree& tree, unsigned seed) : tree_(tree), random_(seed) {}

  void Run(int operations) {
    for (int i = 0; i < operations; ++i) Step();
    for (auto* held : {&files_, &directories_})
      for (uint64_t nodeid : *held)
        if (nodeid != OverlayTree::kRoot) tree_.Forget(nodeid, 1);
  }
  int succeeded() const { return succeeded_; }

 private:
  uint64_t Directory() { return directories_[random_() % directories_.size()]; }
  uint64_t File() { return files_.empty() ? OverlayTree::kRoot : files_[random_() % files_.size()]; }
  std::string Name() {
    static const char* const kNames[] = {"a",   "b",   "c",    "f",     "etc", "one",
                                         "two", "bin", "tool", "tool2", "new", "x"};
    return kNames[random_() % std::size(kNames)];
  }
  void Keep(const Sys<Entry>& entry) {
    if (!entry) return;
    ++succeeded_;
    (S_ISDIR(entry->st.st_mode) ? directories_ : files_).push_back(entry->nodeid);
  }
  template <typename T>
  void Count(const Sys<T>& done) {
    if (done) ++succeeded_;
  }
  void Data(uint64_t file) {
    char buffer[5000] = "data";
    size_t size = random_() % sizeof buffer;
    switch (random_() % 5) {
      case 0:
        return Count(tree_.Write(file, buffer, size, random_() % 9000, true));
      case 1:
        return Count(tree_.Allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000));
      case 2:
        return Count(tree_.CopyRange(file, 0, File(), 10, 5000));
      case 3:
        return Count(tree_.Seek(file, 0, SEEK_HOLE));
      default:
        return Count(tree_.Read(file, buffer, size, 0));
    }
  }
  void Attributes(uint64_t node) {
    SetAttributesRequest request;
    switch (random_() % 6) {
      case 0:
        request.mode = random_() % 2 == 0 ? 0600 : 04755;
        break;
      case 1:
        request.uid = static_cast<uid_t>(random_() % 3);
        break;
      case 2:
        request.mtime = {5, 5};
        break;
      case 3:
        return Count(tree_.SetXattr(node, "user.a", Name(), 0, false));
      case 4:
        return Count(tree_.RemoveXattr(node, "user.a"));
      default:
        return Count(tree_.ListXattrs(node));
    }
    Count(tree_.SetAttributes(node, request));
  }
  void Size(uint64_t file) {
    SetAttributesRequest request;
    request.size = random_() % 3 * 500;
    Count(tree_.SetAttributes(file, request));
  }
  void List(uint64_t directory) {
    std::vector<uint64_t> taken;
    size_t room = 1 + random_() % 20;
    Count(tree_.ReadDirectory(directory, 0, true, [&](const char*, const Entry& entry, uint64_t) {
      if (taken.size() == room) return false;
      taken.push_back(entry.nodeid);
      return true;
    }));
    for (uint64_t nodeid : taken)
      if (nodeid != 0) tree_.Forget(nodeid, 1);
  }
  void ForgetFile() {
    if (files_.empty()) return;
    std::swap(files_[random_() % files_.size()], files_.back());
    tree_.Forget(files_.back(), 1);
    files_.pop_back();
  }
  void Step() {
    static constexpr unsigned kFlags[] = {0, 0, RENAME_EXCHANGE, RENAME_NOREPLACE};
    uint64_t at = Directory();
    std::string name = Name();
    switch (random_() % 20) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Keep(tree_.Lookup(at, name));
      case 4:
        return Keep(tree_.MakeNode(at, name, {.mode = S_IFREG | 0644}, {}));
      case 5:
        return Keep(tree_.MakeNode(at, name, {.mode = S_IFDIR | 0755}, {}));
      case 6:
        return Keep(tree_.MakeNode(at, name, {.mode = S_IFLNK | 0777, .target = "x"}, {}));
      case 7:
        return Keep(tree_.MakeTemporary(at, S_IFREG | 0600, {}));
      case 8:
        return Keep(tree_.Link(File(), at, name));
      case 9:
        return Count(tree_.Unlink(at, name));
      case 10:
        return Count(tree_.RemoveDirectory(at, name));
      case 11:
      case 12:
      case 13:
        return Count(tree_.Rename(at, name, Directory(), Name(), kFlags[random_() % 4]));
      case 14:
        return Attributes(random_() % 2 == 0 ? File() : at);
      case 15:
        return Size(File());
      case 16:
      case 17:
        return Data(File());
      case 18:
        return List(at);
      default:
        return random_() % 2 == 0 ? ForgetFile() : Count(tree_.GetAttributes(File()));
    }
  }

  OverlayTree& tree_;
  std::mt19937 random_;
  std::vector<uint64_t> directories_{OverlayTree::kRoot}, files_;
  int succeeded_ = 0;
};

void RunThreads(const UpperOptions& options, unsigned seed, int operations) {
  UpperFolder folder;
  auto tree = folder.Open(options, {.descriptors = 16}, MakeSmallLower(nullptr));
  ASSERT_TRUE(tree) << tree.error().what;
  std::atomic<int> succeeded = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      Worker worker(**tree, seed * kThreads + i);
      worker.Run(operations);
      succeeded += worker.succeeded();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(succeeded, kThreads * operations / 20);
  std::string wrong;
  TreeFacts before = ReadTree(**tree, &wrong);
  EXPECT_EQ(wrong, "");
  tree->reset();
  tree = folder.Open(options, {}, MakeSmallLower(nullptr));
  ASSERT_TRUE(tree) << tree.error().what;
  TreeFacts after = ReadTree(**tree, &wrong);
  EXPECT_EQ(wrong, "");
  std::string difference = Difference(before, after);
  EXPECT_TRUE(difference.empty()) << difference;
  EXPECT_EQ(folder.Leftovers(), "");
}

TEST(OverlayThreads, AllOperationsAtOnce) {
  umask(0);
  for (unsigned seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    RunThreads({.durable = false, .step = {}}, seed, 600);
    RunThreads({.allowed = {.rename_whiteout = false, .user_xattrs = false}, .durable = false, .step = {}},
               seed, 300);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace wolffia
