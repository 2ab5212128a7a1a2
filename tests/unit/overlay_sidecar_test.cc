// The sidecar: attributes in a log, which is read again after any death.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <csignal>

#include "tests/unit/overlay_upper_tree.h"

namespace wolffia {
namespace {

using testing::UnorderedElementsAre;

UpperRef Object(uint64_t ino) {
  return {.host_ino = ino};
}

class SidecarTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen(StepHook step = nullptr) {
    store_.reset();
    auto store = OpenSidecar(work_.get(), std::move(step));
    ASSERT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
  }
  std::string Log() { return *ReadFileAt(work_.get(), "sidecar", 64 << 20); }
  void WriteLog(std::string_view bytes) {
    store_.reset();
    ASSERT_EQ(unlinkat(work_.get(), "sidecar", 0), 0);
    ASSERT_TRUE(CreateFileAt(work_.get(), "sidecar", bytes, 0600));
  }
  std::string Value(uint64_t ino, const std::string& name) {
    auto value = store_->Get(Object(ino), name);
    return value ? *value : "none";
  }

  UpperPlace place_{UpperBases()[0]};
  Fd work_ = std::move(*OpenDirectory(AT_FDCWD, place_.path() + "/work"));
  std::unique_ptr<XattrStore> store_;
};

TEST_F(SidecarTest, KeepsWhatItWasTold) {
  ASSERT_TRUE(store_->Set(Object(1), "user.a", "1"));
  ASSERT_TRUE(store_->Set(Object(1), "user.b", std::string_view("\0\n", 2)));
  ASSERT_TRUE(store_->Set(Object(2), "user.a", ""));
  ASSERT_TRUE(store_->Set(Object(1), "user.a", "2", XATTR_REPLACE));
  ASSERT_TRUE(store_->Set(Object(3), "user.gone", "x"));
  ASSERT_TRUE(store_->Remove(Object(3), "user.gone"));
  ASSERT_TRUE(store_->Set(Object(4), "user.gone", "x"));
  ASSERT_TRUE(store_->Forget(4));
  ASSERT_TRUE(store_->Forget(5));
  ASSERT_TRUE(store_->Sync());
  EXPECT_EQ(store_->Set(Object(1), "user.a", "", XATTR_CREATE).error(), EEXIST);
  EXPECT_EQ(store_->Set(Object(1), "user.c", "", XATTR_REPLACE).error(), ENODATA);
  EXPECT_EQ(store_->Remove(Object(9), "user.a").error(), ENODATA);
  for (int opened = 0; opened < 2; opened++) {
    EXPECT_EQ(Value(1, "user.a"), "2");
    EXPECT_EQ(Value(1, "user.b"), std::string("\0\n", 2));
    EXPECT_EQ(Value(2, "user.a"), "");
    EXPECT_EQ(Value(3, "user.gone") + Value(4, "user.gone"), "nonenone");
    EXPECT_THAT(*store_->List(Object(1)), UnorderedElementsAre("user.a", "user.b"));
    EXPECT_TRUE(store_->List(Object(4))->empty());
    Reopen();
  }
}

TEST_F(SidecarTest, LimitsAreThoseOfXattr7) {
  EXPECT_EQ(store_->Set(Object(1), std::string(256, 'n'), "").error(), ERANGE);
  EXPECT_EQ(store_->Set(Object(1), "", "").error(), ERANGE);
  EXPECT_EQ(store_->Set(Object(1), "user.a", std::string(65537, 'v')).error(), E2BIG);
  ASSERT_TRUE(store_->Set(Object(1), std::string(255, 'n'), std::string(65536, 'v')));
  int fit = 1;
  while (fit < 10 && store_->Set(Object(1), "user." + std::to_string(fit), std::string(65000, 'v'))) fit++;
  EXPECT_LT(fit, 10);
  EXPECT_EQ(store_->Set(Object(1), "user.more", std::string(65000, 'v')).error(), ENOSPC);
  Reopen();
  EXPECT_EQ(Value(1, std::string(255, 'n')).size(), 65536u);
}

TEST_F(SidecarTest, ATornTailIsCutOff) {
  std::vector<std::pair<size_t, std::string>> states = {{8, "none"}};
  for (const char* value : {"first", "second", "third"}) {
    ASSERT_TRUE(store_->Set(Object(1), "user.a", value));
    states.emplace_back(Log().size(), value);
  }
  const std::string whole = Log();
  for (size_t size = 0; size <= whole.size(); size++) {
    WriteLog(std::string_view(whole).substr(0, size));
    Reopen();
    std::string expected = "none";
    for (const auto& [end, value] : states)
      if (size >= end) expected = value;
    EXPECT_EQ(Value(1, "user.a"), expected) << size;
    ASSERT_TRUE(store_->Set(Object(2), "user.b", "after"));
    Reopen();
    EXPECT_EQ(Value(1, "user.a") + Value(2, "user.b"), expected + "after") << size;
  }
  // Bytes that were never written, or wrongly.
  WriteLog(whole + std::string(5000, '\0'));
  Reopen();
  EXPECT_EQ(Value(1, "user.a"), "third");
  EXPECT_EQ(Log().size(), whole.size());
  std::string wrong = whole;
  wrong[wrong.size() - 1] ^= 1;
  WriteLog(wrong);
  Reopen();
  EXPECT_EQ(Value(1, "user.a"), "second");
  WriteLog("something else altogether");
  EXPECT_EQ(OpenSidecar(work_.get(), nullptr).error().code, Code::kCorrupt);
}

TEST_F(SidecarTest, IsWrittenAnewWhenHalfOfItIsDead) {
  for (uint64_t i = 0; i < 200; i++) ASSERT_TRUE(store_->Set(Object(i), "user.a", std::to_string(i)));
  for (int i = 0; i < 20000; i++) ASSERT_TRUE(store_->Set(Object(7), "user.a", std::to_string(i)));
  EXPECT_LT(Log().size(), 200u << 10);
  EXPECT_FALSE(ExistsAt(work_.get(), "s.sidecar"));
  Reopen();
  EXPECT_EQ(Value(7, "user.a"), "19999");
  EXPECT_EQ(Value(199, "user.a"), "199");
}

TEST_F(SidecarTest, DeathInEachStepLosesNothing) {
  auto work = [&](XattrStore& store, int* done) {
    for (int i = 1; i <= 60; i++) {
      if (!store.Set(Object(1), "user.a", std::to_string(i) + std::string(3000, 'x'))) _exit(1);
      *done = i;
    }
  };
  for (int n = 1; n < 200; n++) {
    store_.reset();
    unlinkat(work_.get(), "sidecar", 0);
    int report[2];
    ASSERT_EQ(pipe(report), 0);
    pid_t pid = fork();
    if (pid == 0) {
      int steps = 0, done = 0;
      Reopen([&] {
        if (++steps == n) _exit(write(report[1], &done, sizeof done) == sizeof done ? 77 : 1);
      });
      work(*store_, &done);
      _exit(0);
    }
    int status = 0, done = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    bool died = WEXITSTATUS(status) == 77;
    if (died) {
      ASSERT_EQ(read(report[0], &done, sizeof done), static_cast<ssize_t>(sizeof done));
    }
    close(report[0]);
    close(report[1]);
    Reopen();
    auto value = store_->Get(Object(1), "user.a");
    int kept = value ? atoi(value->c_str()) : 0;
    if (!died) break;
    // The step that died may be the one after the record was written: rewriting.
    EXPECT_TRUE(kept == done || kept == done + 1) << n << ": " << kept << " of " << done;
  }
}

// A full disk: played by a limit on the size of files.
TEST_F(SidecarTest, WhatDoesNotFitHasNotHappened) {
  ASSERT_TRUE(store_->Set(Object(1), "user.a", "old"));
  ASSERT_TRUE(store_->Set(Object(2), "user.a", "dead"));
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  struct rlimit tight{Log().size() + 10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  bool set = store_->Set(Object(1), "user.a", "new").has_value();
  bool forgotten = store_->Forget(2).has_value();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(set);
  EXPECT_FALSE(forgotten);
  EXPECT_EQ(Value(1, "user.a"), "old");
  EXPECT_EQ(Value(2, "user.a"), "none") << "the object is gone, full disk or not";
  // The number comes again: now it is forgotten for good.
  ASSERT_TRUE(store_->Forget(2));
  Reopen();
  EXPECT_EQ(Value(1, "user.a") + Value(2, "user.a"), "oldnone");
}

// Inode numbers come again. A new object must not have what an old one had, not even for a moment.
TEST(SidecarUpper, ANewObjectHasNothingOfAnOldOne) {
  for (const std::string& base : UpperBases()) {
    UpperPlace place(base);
    int reused = 0;
    std::map<uint64_t, bool> seen;
    for (int round = 0; round < 20; round++) {
      auto store = place.Open({.allowed = {.user_xattrs = false}});
      ASSERT_TRUE(store) << store.error().what;
      int root = (*store)->rootfd();
      for (const char* name : {"a", "b"}) {
        auto fd = (*store)->CreatePlain({root, name}, S_IFREG | 0644);
        ASSERT_TRUE(fd);
        auto now = (*store)->Look(root, name);
        ASSERT_TRUE(now);
        EXPECT_FALSE(now->overridden);
        reused += seen[now->st.st_ino];
        seen[now->st.st_ino] = true;
        ASSERT_TRUE((*store)->SetAttributes({root, name}, *now, {.mode = 04755, .uid = 5}));
        EXPECT_EQ((*store)->Look(root, name)->st.st_uid, 5u);
      }
      // One is removed behind its back, as a crash before Forget would: the record stays.
      ASSERT_TRUE((*store)->Unlink({root, "a"}));
      ASSERT_EQ(unlinkat(root, "b", 0), 0);
    }
    printf("%s: %d inode numbers came again\n", base.c_str(), reused);
  }
}

}  // namespace
}  // namespace wolffia
