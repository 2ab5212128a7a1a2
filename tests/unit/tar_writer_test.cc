// TarWriter, TarTree, TarExtract: a tree goes through a tar and is the same tree; GNU tar reads what we
// write; and no stream, whatever it says, changes anything outside of its destination.
#include "storage/tar_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "engine/base/process.h"
#include "storage/tar_extract.h"
#include "storage/tar_tree.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

std::string Shell(const std::string& directory, const std::string& script) {
  auto out = RunForOutput({.program = "bash", .argv = {"bash", "-ec", "cd " + directory + "\n" + script}}, "",
                          1 << 20);
  if (!out) return "failed: " + out.error().what;
  return out->status.code == 0 ? out->out : out->out + "failed: " + out->err;
}

// Everything that a tree has, as text.
std::string Listing(const std::string& directory) {
  return Shell(
      directory,
      "find . -printf '%P %y %m %n %s %T@ %l\\n' | sed 's/\\(.* d [0-7]* [0-9]*\\) [0-9]* /\\1 /' | sort; "
      "find . -type f -exec sha256sum {} + | sort -k2; "
      "find . -type f -exec getfattr -d -m 'user\\.' {} + 2>/dev/null | sort");
}

std::string TarOf(const std::string& directory, TreeOptions options = {}, const std::string& as = "") {
  std::string tar;
  TarWriter writer([&](std::string_view bytes) -> Result<> {
    tar += bytes;
    return {};
  });
  TarTree tree(writer, std::move(options));
  auto added = tree.AddContents(*OpenDirectory(AT_FDCWD, directory), as);
  EXPECT_TRUE(added) << added.error().what;
  EXPECT_TRUE(writer.Finish());
  EXPECT_EQ(tar.size() % 512, 0U);
  return tar;
}

Result<> Extract(std::string_view tar, ExtractOptions options, size_t chunk = 10'000) {
  TarExtract extract(std::move(options));
  for (; !tar.empty(); tar.remove_prefix(std::min(chunk, tar.size())))
    TRY(extract.Push(tar.substr(0, chunk)));
  return extract.Finish();
}

std::string Made(const std::vector<LayerEntry>& entries, const std::string& data = "") {
  std::string tar;
  TarWriter writer([&](std::string_view bytes) -> Result<> {
    tar += bytes;
    return {};
  });
  for (const LayerEntry& entry : entries) {
    EXPECT_TRUE(writer.Begin(entry));
    if (writer.left() == data.size()) {
      EXPECT_TRUE(writer.Data(data));
    }
  }
  EXPECT_TRUE(writer.Finish());
  return tar;
}

TEST(TarWriter, WhatItWritesReadsBack) {
  std::vector<LayerEntry> entries = {
      {.path = "d/",
       .mode = S_IFDIR | 01777,
       .uid = 5,
       .gid = 6,
       .mtime_sec = 1'700'000'000,
       .mtime_nsec = 1},
      {.path = "d/" + std::string(150, 'x'),
       .mode = S_IFREG | 04755,
       .uid = 3'000'000'000,
       .gid = 0xfffffffe,
       .size = 3,
       .mtime_sec = -2,
       .mtime_nsec = 750'000'000,
       .xattrs = {{"security.capability", std::string("\1\0\n=", 4)}, {"user.a", ""}}},
      {.path = "line\nbreak \xff", .mode = S_IFREG, .size = 3},
      {.path = "link", .mode = S_IFLNK | 0777, .mtime_sec = -7, .link_target = std::string(200, 't')},
      {.path = "hard", .mode = S_IFREG, .hard_link = true, .link_target = "line\nbreak \xff"},
      {.path = "null", .mode = S_IFCHR | 0666, .rdev = makedev(1, 3)},
      {.path = "fifo", .mode = S_IFIFO | 0600},
      {.path = "huge",
       .mode = S_IFREG,
       .size = uint64_t{1} << 40,
       .extents = {{3 << 20, 0, 3}},
       .sparse = true},
      {.path = "hole", .mode = S_IFREG, .size = 1 << 20, .extents = {{1 << 20, 0, 0}}, .sparse = true}};
  std::string tar = Made(entries, "abc");
  std::vector<LayerEntry> read;
  TarReader reader([&](LayerEntry entry) -> Result<> {
    read.push_back(std::move(entry));
    return {};
  });
  ASSERT_TRUE(reader.Push(tar));
  ASSERT_TRUE(reader.Finish());
  ASSERT_EQ(read.size(), entries.size());
  for (size_t i = 0; i < read.size(); ++i) {
    const LayerEntry &a = entries[i], &b = read[i];
    SCOPED_TRACE(a.path);
    EXPECT_EQ(a.path, b.path);
    EXPECT_EQ(
        std::tuple(a.mode, a.uid, a.gid, a.size, a.mtime_sec, a.mtime_nsec, a.rdev, a.sparse, a.hard_link),
        std::tuple(b.mode, b.uid, b.gid, b.size, b.mtime_sec, b.mtime_nsec, b.rdev, b.sparse, b.hard_link));
    EXPECT_EQ(a.link_target, b.link_target);
    EXPECT_EQ(a.xattrs, b.xattrs);
  }
  EXPECT_EQ(tar.substr(read[1].data_offset, 3), "abc");
  ASSERT_EQ(read[7].extents.size(), 1U);
  EXPECT_EQ(tar.substr(read[7].extents[0].tar_offset, 3), "abc");
  EXPECT_TRUE(read[8].extents.empty());
}

TEST(TarWriter, RefusesWhatDoesNotFit) {
  TarWriter writer([](std::string_view) { return Result<>(); });
  EXPECT_FALSE(writer.Begin({.path = "s", .mode = S_IFSOCK}));
  ASSERT_TRUE(writer.Begin({.path = "f", .mode = S_IFREG, .size = 2}));
  EXPECT_FALSE(writer.Data("abc"));
}

constexpr char kTree[] = R"(
mkdir -p deep/er/est empty
head -c 700000 /dev/urandom > deep/random
truncate -s 50M deep/er/sparse; printf x | dd of=deep/er/sparse bs=1 seek=30000000 conv=notrunc status=none
truncate -s 3M hole
printf 'a\n' > $'new\nline'; ln $'new\nline' hard; ln hard deep/hard2
ln -s ../nowhere deep/link; ln -s /etc/passwd absolute; mkfifo fifo
echo x > deep/er/est/$(printf 'n%.0s' $(seq 200)); setfattr -n user.test -v 'v alue' deep/random || true
touch -d '1960-01-02 03:04:05.25' deep/random; touch -d @1234567890.000000001 empty
chmod 0400 hole; chmod 01777 empty; chmod 0555 deep/er)";

TEST(TarTree, ATreeComesThroughAsItWas) {
  TempDir from, to;
  ASSERT_EQ(Shell(from.path(), kTree), "");
  const std::string expected = Listing(from.path());
  for (bool sparse : {false, true}) {
    std::string tar = TarOf(from.path(), {.sparse = sparse});
    EXPECT_EQ(tar.size() < 10'000'000, sparse);
    for (size_t chunk : {size_t{100'000}, size_t{511}}) {
      const std::string name = std::to_string(chunk) + (sparse ? "s" : "d");
      ASSERT_EQ(Shell(to.path(), "mkdir " + name), "");
      Fd root = *OpenDirectory(to.fd(), name);
      auto done = Extract(tar, {.root = root.get()}, sparse ? chunk : 100'000);
      ASSERT_TRUE(done) << done.error().what;
      // The times of the top are not the archive's business.
      ASSERT_EQ(Shell(to.path(), "touch -r " + from.path() + " " + name +
                                     "; chmod --reference=" + from.path() + " " + name),
                "");
      EXPECT_EQ(Listing(to / name), expected);
      if (sparse) {
        EXPECT_LT(std::stoi(Shell(to / name, "du -sk . | cut -f1")), 2000);
      }
    }
  }
  Shell(from.path(), "chmod 0755 deep/er");
  Shell(to.path(), "chmod 0755 */deep/er");
}

TEST(TarTree, GnuTarReadsIt) {
  TempDir from, to;
  ASSERT_EQ(Shell(from.path(), kTree), "");
  const std::string expected = Listing(from.path());
  for (bool sparse : {false, true}) {
    std::ofstream(to / "x.tar") << TarOf(from.path(), {.sparse = sparse}, "top");
    ASSERT_EQ(Shell(to.path(), "rm -rf t; mkdir t; tar --xattrs -xpf x.tar -C t; rm x.tar"), "");
    ASSERT_EQ(
        Shell(to.path(), "touch -r " + from.path() + " t/top; chmod --reference=" + from.path() + " t/top"),
        "");
    EXPECT_EQ(Listing(to / "t/top"), expected);
    Shell(to.path(), "chmod -R u+w t");
  }
  Shell(from.path(), "chmod 0755 deep/er");
}

TEST(TarTree, OneFileAndOwners) {
  TempDir from;
  ASSERT_EQ(Shell(from.path(), "printf abc > f; ln -s f l"), "");
  std::vector<std::string> seen;
  TarWriter writer([](std::string_view) { return Result<>(); });
  TarTree tree(writer,
               {.adjust = [&](LayerEntry& e) { seen.push_back(e.path + (S_ISLNK(e.mode) ? "@" : "")); }});
  EXPECT_TRUE(tree.Add(from.fd(), "f", "new"));
  EXPECT_TRUE(tree.Add(from.fd(), "l", "l"));
  EXPECT_TRUE(tree.Add(from.fd(), "gone", "gone"));
  EXPECT_THAT(seen, testing::ElementsAre("new", "l@"));
}

// Each line: what is there, the entries of the stream, what the error has (none: success), what is there
// then.
struct HostCase {
  const char* before;
  std::vector<LayerEntry> entries;
  const char* error;
  const char* after;
  bool overwrite = false;
};

TEST(TarExtract, NothingOutsideIsTouched) {
  auto file = [](std::string path) {
    return LayerEntry{.path = std::move(path), .mode = S_IFREG | 0644, .size = 3};
  };
  auto link = [](std::string path, std::string target) {
    return LayerEntry{.path = std::move(path), .mode = S_IFLNK | 0777, .link_target = std::move(target)};
  };
  auto hard = [](std::string path, std::string target) {
    return LayerEntry{
        .path = std::move(path), .mode = S_IFREG, .hard_link = true, .link_target = std::move(target)};
  };
  auto dir = [](std::string path) { return LayerEntry{.path = std::move(path), .mode = S_IFDIR | 0755}; };
  const HostCase cases[] = {
      {"", {file("a/b/c")}, "", "a/b/c=abc "},
      {"", {file("/abs")}, "", "abs=abc "},
      {"", {file("../x")}, "leads out", ""},
      {"", {file("a/../../x")}, "leads out", ""},
      {"ln -s ../out l", {file("l/x")}, "symbolic link", "l "},
      {"", {link("l", "../out"), file("l/x")}, "symbolic link", "l "},
      {"", {link("l", "../out/secret"), file("l")}, "", "l=abc "},
      {"", {link("l", "../out"), dir("l")}, "cannot overwrite the non-directory", "l "},
      {"", {link("l", "../out"), hard("h", "l/secret")}, "l", "l "},
      {"", {hard("h", "../out/secret")}, "leads out", ""},
      {"echo old > f; ln f g", {file("f")}, "", "f=abc g=old\n "},
      {"echo old > f", {hard("g", "f"), hard("g", "f")}, "", "f=old\n g=old\n "},
      {"mkdir d; echo x > d/x", {file("d")}, "cannot overwrite the directory", "d/x=x\n "},
      {"mkdir d; echo x > d/x", {file("d")}, "", "d=abc ", true},
      {"echo x > d", {dir("d"), file("d/y")}, "cannot overwrite the non-directory", "d=x\n "},
      {"echo x > d", {dir("d"), file("d/y")}, "", "d/y=abc ", true},
      {"mkdir d; echo x > d/x", {dir("d"), file("d/y")}, "", "d/x=x\n d/y=abc "},
      {"", {{.path = "null", .mode = S_IFCHR | 0666, .rdev = makedev(1, 3)}, file("f")}, "", "f=abc "},
      {"", {dir("."), dir("./"), file("./f")}, "", "f=abc "},
  };
  for (const HostCase& c : cases) {
    TempDir top;
    SCOPED_TRACE(std::string(c.before) + " / " + c.entries.back().path);
    ASSERT_EQ(Shell(top.path(), "mkdir out in; printf secret > out/secret; cd in; " + std::string(c.before)),
              "");
    Fd in = *OpenDirectory(top.fd(), "in");
    auto done = Extract(Made(c.entries, "abc"), {.root = in.get(), .overwrite = c.overwrite});
    EXPECT_EQ(done.has_value(), *c.error == 0) << (done ? "" : done.error().what);
    if (!done) {
      EXPECT_THAT(done.error().what, HasSubstr(c.error));
    }
    EXPECT_EQ(
        Shell(top / "in",
              "find . -mindepth 1 ! -type d -printf '%P\\n' | sort | while read n; do printf %s \"$n\"; "
              "if [ -f \"$n\" ] && [ ! -L \"$n\" ]; then printf =; cat \"$n\"; fi; printf ' '; done"),
        c.after);
    EXPECT_EQ(Shell(top / "out", "ls -A; cat secret"), "secret\nsecret");
  }
}

TEST(TarExtract, OnTheHostNoSetIdBits) {
  TempDir to;
  ASSERT_TRUE(Extract(
      Made({{.path = "f", .mode = S_IFREG | 06755, .size = 3}, {.path = "d", .mode = S_IFDIR | 03777}},
           "abc"),
      {.root = to.fd()}));
  EXPECT_EQ(Shell(to.path(), "stat -c '%n %a' *"), "d 1777\nf 755\n");
}

TEST(TarExtract, AContainersLinksLeadInsideItsRoot) {
  TempDir to;
  ASSERT_EQ(Shell(to.path(),
                  "mkdir -p root/real root/dst; ln -s /real root/dst/l; ln -s ../../../../real root/dst/up"),
            "");
  Fd root = *OpenDirectory(to.fd(), "root");
  auto file = [](std::string path) {
    return LayerEntry{.path = std::move(path), .mode = S_IFREG | 0644, .size = 3};
  };
  auto done = Extract(Made({file("l/a"), file("up/b"), file("c")}, "abc"),
                      {.root = root.get(), .directory = "/dst", .container = true});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(Shell(to.path(), "find . -type f | sort"), "./root/dst/c\n./root/real/a\n./root/real/b\n");
}

TEST(TarExtract, ATornStreamLeavesNoHalfFile) {
  TempDir to;
  std::string tar = Made(
      {{.path = "whole", .mode = S_IFREG | 0600, .size = 3}, {.path = "half", .mode = S_IFREG, .size = 9000}},
      "abc");
  auto done = Extract(std::string_view(tar).substr(0, 512 * 5), {.root = to.fd()});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("in the middle of an entry"));
  EXPECT_EQ(Shell(to.path(), "ls -A"), "whole\n");
  EXPECT_FALSE(Extract("no tar at all, but long enough" + std::string(600, 'x'), {.root = to.fd()}));
  EXPECT_EQ(Shell(to.path(), "ls -A"), "whole\n");
}

}  // namespace
}  // namespace wolffia
