// Every operation of UpperStore, ended by death before each change of the disk that it makes: when the upper
// is opened again the tree is as before the operation or as after it, and the work directory is clean.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <functional>

#include "tests/unit/overlay_upper_tree.h"

namespace wolffia {
namespace {

constexpr int kDied = 77;

struct Dirs {
  Fd d, e;
};

// One operation; false: it failed. `stray`: a whiteout that a crash may leave there because it hides nothing.
struct Operation {
  const char* name;
  std::function<bool(UpperStore&, const Dirs&)> run;
  const char* stray = nullptr;
};

NewObject Owned(mode_t mode) {
  return {.ownership = {.mode = mode, .uid = 1000, .gid = 100},
          .target = S_ISLNK(mode) ? "away" : "",
          .xattrs = {{"security.capability", "cap"}},
          .has_times = true,
          .atime = {5000, 0},
          .mtime = {6000, 0},
          .origin = 17};
}

bool PlaceNew(UpperStore& store, const NewObject& object, int dirfd, const char* name,
              std::string_view content = "") {
  auto staged = store.Stage(object);
  if (!staged) return false;
  if (!content.empty() && !WriteFull(staged->fd(), content)) return false;
  return store.Place(std::move(*staged), {dirfd, name}).has_value();
}

bool MakeDirectory(UpperStore& store, int dirfd, const char* name) {
  return store.CreatePlain({dirfd, name}, S_IFDIR | 0755).has_value();
}

bool MakeFile(UpperStore& store, int dirfd, const char* name, std::string_view content) {
  auto fd = store.CreatePlain({dirfd, name}, S_IFREG | 0644);
  return fd && WriteFull(fd->get(), content);
}

Dirs OpenDirs(UpperStore& store) {
  auto d = store.OpenDirectory(store.rootfd(), "d");
  auto e = store.OpenDirectory(store.rootfd(), "e");
  if (!d || !e) abort();
  return {std::move(*d), std::move(*e)};
}

bool MakeTree(UpperStore& store) {
  if (!MakeDirectory(store, store.rootfd(), "d") || !MakeDirectory(store, store.rootfd(), "e")) return false;
  Dirs dirs = OpenDirs(store);
  int d = dirs.d.get(), e = dirs.e.get();
  bool made = MakeFile(store, d, "plain", "hello") && MakeFile(store, e, "other", "there");
  made = made && PlaceNew(store, Owned(S_IFREG | 04755), d, "owned", "program");
  made = made && PlaceNew(store, Owned(S_IFIFO | 0640), d, "fifo");
  made = made && PlaceNew(store, {.ownership = {.mode = S_IFLNK | 0777}, .target = "to"}, d, "link");
  made = made && store.PutWhiteout({d, "gone"}) && store.PutWhiteout({e, "gone"});
  made = made && MakeDirectory(store, d, "full") && MakeDirectory(store, e, "empty");
  auto full = store.OpenDirectory(d, "full");
  made = made && full && MakeFile(store, full->get(), "inside", "x");
  made = made && PlaceNew(store, {.ownership = {.mode = S_IFDIR | 0755}, .opaque = true}, d, "cleared");
  auto cleared = store.OpenDirectory(d, "cleared");
  made =
      made && cleared && store.PutWhiteout({cleared->get(), "a"}) && store.PutWhiteout({cleared->get(), "b"});
  made = made && store.Link({d, "owned"}, {e, "second"});
  auto linked = store.Stage(Owned(S_IFREG | 0600));
  return made && linked && store.PlaceLinked(std::move(*linked), 4242, 2);
}

Operation Moves(const char* name, const char* from, const char* to, bool leave, const char* stray = nullptr) {
  auto run = [=](UpperStore& s, const Dirs& dirs) {
    return s.Move({dirs.d.get(), from}, {dirs.e.get(), to}, leave).has_value();
  };
  return {name, run, stray};
}

Operation Changes(const char* name, const char* target, AttributeChange change) {
  auto run = [=](UpperStore& s, const Dirs& dirs) {
    auto now = s.Look(dirs.d.get(), target);
    return now && s.SetAttributes({dirs.d.get(), target}, *now, change).has_value();
  };
  return {name, run};
}

Operation Orphans(const char* name, const char* target, bool leave) {
  auto run = [=](UpperStore& s, const Dirs& dirs) {
    auto orphan = s.MakeOrphan({dirs.d.get(), target}, leave);
    return orphan && s.DropOrphan(*orphan).has_value();
  };
  return {name, run};
}

Operation Xattr(const char* name, const char* target) {
  auto run = [=](UpperStore& s, const Dirs& dirs) {
    UpperSpot at{dirs.d.get(), target};
    auto now = s.Look(at.dirfd, at.name);
    return now && s.SetXattr(at, *now, "security.capability", "other", 0).has_value();
  };
  return {name, run};
}

Operation Places(const char* name, mode_t mode, const char* target) {
  auto run = [=](UpperStore& s, const Dirs& dirs) {
    return PlaceNew(s, Owned(mode), dirs.d.get(), target, S_ISREG(mode) ? "new" : "");
  };
  return {name, run};
}

std::vector<Operation> Operations() {
  return {
      {"create", [](auto& s, auto& dirs) { return MakeFile(s, dirs.d.get(), "new", ""); }},
      {"mkdir", [](auto& s, auto& dirs) { return MakeDirectory(s, dirs.d.get(), "new"); }},
      Places("place a file", S_IFREG | 02711, "new"),
      Places("place a file onto a whiteout", S_IFREG | 0644, "gone"),
      Places("place a file onto a file", S_IFREG | 0644, "plain"),
      Places("place a directory", S_IFDIR | 01777, "new"),
      Places("place a directory onto a whiteout", S_IFDIR | 0755, "gone"),
      Places("place a link", S_IFLNK | 0777, "new"),
      Places("place a socket", S_IFSOCK | 0755, "gone"),
      {"link", [](auto& s,
                  auto& dirs) { return s.Link({dirs.d.get(), "plain"}, {dirs.e.get(), "new"}).has_value(); }},
      {"link onto a whiteout",
       [](auto& s, auto& dirs) {
         return s.Link({dirs.d.get(), "owned"}, {dirs.e.get(), "gone"}).has_value();
       }},
      {"link a symlink",
       [](auto& s, auto& dirs) { return s.Link({dirs.d.get(), "link"}, {dirs.e.get(), "new"}).has_value(); }},
      {"whiteout", [](auto& s, auto& dirs) { return s.PutWhiteout({dirs.d.get(), "new"}).has_value(); }},
      {"whiteout of a file",
       [](auto& s, auto& dirs) { return s.PutWhiteout({dirs.d.get(), "plain"}).has_value(); }},
      {"whiteout of one name",
       [](auto& s, auto& dirs) { return s.PutWhiteout({dirs.d.get(), "owned"}).has_value(); }},
      Moves("move a file", "plain", "new", false),
      Moves("move a file, whiteout", "owned", "new", true),
      Moves("move a file onto a file", "owned", "other", false),
      Moves("move a file onto a file, whiteout", "fifo", "other", true),
      Moves("move a file onto a whiteout", "link", "gone", false),
      Moves("move a file onto a whiteout, whiteout", "plain", "gone", true),
      Moves("move a directory", "full", "new", false),
      Moves("move a directory, whiteout", "full", "new", true),
      Moves("move a directory onto a whiteout", "full", "gone", false, "d/full"),
      Moves("move a directory onto a whiteout, whiteout", "full", "gone", true),
      Moves("move a directory onto an empty one", "full", "empty", false),
      Moves("move a directory onto an empty one, whiteout", "full", "empty", true),
      {"exchange",
       [](auto& s, auto& dirs) {
         return s.Exchange({dirs.d.get(), "full"}, {dirs.e.get(), "other"}).has_value();
       }},
      Orphans("orphan of a file", "plain", false),
      Orphans("orphan of a file, whiteout", "plain", true),
      Orphans("orphan of one name, whiteout", "owned", true),
      Orphans("orphan of a directory", "full", false),
      Orphans("orphan of a directory, whiteout", "full", true),
      {"unlink", [](auto& s, auto& dirs) { return s.Unlink({dirs.d.get(), "owned"}).has_value(); }},
      {"unlink a whiteout", [](auto& s, auto& dirs) { return s.Unlink({dirs.d.get(), "gone"}).has_value(); }},
      Changes("chmod of a plain file", "plain", {.mode = 0755}),
      Changes("chmod to what is not plain", "plain", {.mode = 04111}),
      Changes("chown of a directory", "full", {.uid = 7, .gid = 8}),
      Changes("chown to root", "owned", {.mode = 0644, .uid = 0, .gid = 0}),
      Changes("chown of a link", "link", {.uid = 1, .gid = 2}),
      Changes("utimes of a link", "link", {.mtime = {4000, 0}}),
      Xattr("attribute of a file", "owned"),
      Xattr("attribute of a link", "link"),
      Xattr("attribute of a directory", "full"),
      {"no attribute",
       [](auto& s, auto& dirs) {
         auto now = s.Look(dirs.d.get(), "owned");
         return s.RemoveXattr({dirs.d.get(), "owned"}, *now, "security.capability").has_value();
       }},
      {"opaque", [](auto& s, auto& dirs) { return s.SetOpaque({dirs.d.get(), "full"}).has_value(); }},
      {"redirect",
       [](auto& s, auto& dirs) { return s.SetRedirect({dirs.d.get(), "full"}, "usr/share").has_value(); }},
      {"place a linked file",
       [](auto& s, auto&) {
         auto staged = s.Stage(Owned(S_IFREG | 0644));
         return staged && s.PlaceLinked(std::move(*staged), 77, 1).has_value();
       }},
      {"link a pending name",
       [](auto& s, auto& dirs) { return s.LinkPending(4242, {dirs.d.get(), "new"}).has_value(); }},
  };
}

class UpperCrash : public testing::TestWithParam<Variation> {
 protected:
  UpperOptions Options(StepHook step = nullptr) {
    return {.allowed = GetParam().allowed, .step = std::move(step)};
  }
  std::unique_ptr<UpperStore> OpenIn(const UpperPlace& place) {
    auto store = place.Open(Options());
    if (!store) ADD_FAILURE() << store.error().what;
    return store ? std::move(*store) : nullptr;
  }
  UpperTable TableOf(const UpperPlace& place, const char* stray) {
    auto store = OpenIn(place);
    if (!store) return {};
    UpperTable table = Tabulate(*store);
    if (stray != nullptr && table.contains(stray) && table[stray] == "whiteout") table.erase(stray);
    return table;
  }
  void ExpectCleanWork(const UpperPlace& place, const std::string& what) {
    for (const std::string& name : std::vector(*ListDirectory(AT_FDCWD, place.path() + "/work"))) {
      struct stat st;
      ASSERT_EQ(fstatat(AT_FDCWD, (place.path() + "/work/" + name).c_str(), &st, 0), 0);
      bool documented =
          name == "links" || name == "sidecar" || name == "whiteout" || (name == "intent" && st.st_size == 0);
      EXPECT_TRUE(documented) << what << ": " << name << " is left in work";
    }
  }
  // Runs `body` in a process that dies before the change number `n` (from 1) that it makes after `armed` is
  // set. True: it died.
  bool DiesAt(int n, const std::function<bool(const UpperPlace&, StepHook, bool*)>& body,
              const UpperPlace& place) {
    pid_t pid = fork();
    if (pid == 0) {
      bool armed = false;
      int steps = 0;
      StepHook hook = [&] {
        if (armed && ++steps == n) _exit(kDied);
      };
      _exit(body(place, hook, &armed) ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 1) << "the operation failed, status " << status;
    return WIFEXITED(status) && WEXITSTATUS(status) == kDied;
  }
};

TEST_P(UpperCrash, EachOperationIsOneStep) {
  for (const std::string& base : UpperBases()) {
    const bool in_memory = base == "/dev/shm";  // where there is time for all of it
    if (!in_memory && !GetParam().on_disk) continue;
    for (const Operation& operation : Operations()) {
      if (std::string_view(operation.name) == "exchange" && !GetParam().allowed.rename_exchange) continue;
      UpperTable before, after;
      {
        UpperPlace place(base);
        auto store = OpenIn(place);
        ASSERT_TRUE(store && MakeTree(*store));
        before = Tabulate(*store);
        EXPECT_TRUE(operation.run(*store, OpenDirs(*store))) << operation.name;
        UpperTable at_once = Tabulate(*store);
        store.reset();
        after = TableOf(place, operation.stray);
        EXPECT_EQ(at_once, after) << operation.name;
        EXPECT_NE(before, after) << operation.name;
        ExpectCleanWork(place, operation.name);
      }
      for (int n = 1; n < 100; n++) {
        const std::string what = base + ", " + operation.name + ", step " + std::to_string(n);
        UpperPlace place(base);
        {
          auto store = OpenIn(place);
          ASSERT_TRUE(store && MakeTree(*store));
        }
        bool died = DiesAt(
            n,
            [&](const UpperPlace& p, StepHook hook, bool* armed) {
              auto store = p.Open(Options(std::move(hook)));
              if (!store) return false;
              Dirs dirs = OpenDirs(**store);
              *armed = true;
              bool done = operation.run(**store, dirs);
              *armed = false;
              return done;
            },
            place);
        // Death while the upper is opened, too, where there is something to finish.
        if (died && in_memory && !GetParam().allowed.rename_exchange) {
          auto open_again = [&](const UpperPlace& p, StepHook hook, bool* armed) {
            *armed = true;
            return p.Open(Options(std::move(hook))).has_value();
          };
          for (int m = 1; m < 100 && DiesAt(m, open_again, place); m++) {
          }
        }
        UpperTable table = TableOf(place, operation.stray);
        EXPECT_TRUE(table == after || (died && table == before)) << what << "\n"
                                                                 << testing::PrintToString(table);
        ExpectCleanWork(place, what);
        if (!died) break;
        ASSERT_LT(n, 99);
      }
      if (HasFailure()) return;
    }
  }
}

// Whiteouts in an opaque directory hide nothing: they may go one by one.
TEST_P(UpperCrash, ClearingChangesNothingThatIsSeen) {
  UpperPlace place(UpperBases()[0]);
  auto store = OpenIn(place);
  ASSERT_TRUE(store && MakeTree(*store));
  Dirs dirs = OpenDirs(*store);
  auto cleared = store->OpenDirectory(dirs.d.get(), "cleared");
  ASSERT_TRUE(cleared);
  EXPECT_TRUE(store->ClearWhiteouts(cleared->get()));
  EXPECT_TRUE(store->List(cleared->get())->empty());
  EXPECT_EQ(unlinkat(dirs.d.get(), "cleared", AT_REMOVEDIR), 0);
  EXPECT_EQ(store->ClearWhiteouts(dirs.d.get()).error(), ENOTEMPTY);
  EXPECT_EQ(store->Look(dirs.d.get(), "gone")->kind, UpperObject::Kind::kWhiteout);
}

INSTANTIATE_TEST_SUITE_P(All, UpperCrash, testing::ValuesIn(kVariations), VariationName);

}  // namespace
}  // namespace wolffia
