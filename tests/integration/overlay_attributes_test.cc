// Attributes on a mounted OverlayTree, through real system calls: owners, modes and what makes set-id bits
// fall, times, extended attributes, ACLs, the limits that statfs shows.
#include <linux/capability.h>
#include <linux/xattr.h>

#include <algorithm>

#include "tests/integration/overlay_write.h"

namespace wolffia {
namespace {

mode_t ModeOf(const std::string& path) {
  return StatOf(path).st_mode & 07777;
}

void KeepsOwnersAndModes() {
  CHECK(Put("mine", "x") && mkdir("dir", 0755) == 0 && symlink("x", "sym") == 0 && mkfifo("fifo", 0644) == 0);
  for (const char* name : {"mine", "dir", "fifo", "etc/passwd", "usr/share/doc"}) {
    CHECK(chown(name, 1000, 2000) == 0 && chmod(name, 0710) == 0);
    struct stat st = StatOf(name);
    CHECK_EQ(st.st_uid, 1000);
    CHECK_EQ(st.st_gid, 2000);
    CHECK_EQ(st.st_mode & 07777, 0710);
    CHECK(chown(name, static_cast<uid_t>(-1), 65533) == 0 && StatOf(name).st_uid == 1000);
    CHECK_EQ(StatOf(name).st_gid, 65533);
  }
  CHECK(lchown("sym", 5, 6) == 0 && StatOf("sym").st_uid == 5 && StatOf("sym").st_gid == 6);
  CHECK(lchown("link", 7, 8) == 0 && StatOf("link").st_uid == 7 && StatOf("etc/passwd").st_uid == 1000);
  for (mode_t mode : {mode_t{0}, mode_t{0111}, mode_t{07777}, mode_t{01777}, mode_t{0400}}) {
    CHECK(chmod("mine", mode) == 0 && chmod("dir", mode) == 0);
    CHECK_EQ(ModeOf("mine"), mode);
    CHECK_EQ(ModeOf("dir"), mode);
  }
  CHECK(Put("mine", "written without a right for anybody but root") && Put("dir/inside", "x"));
  CHECK(Content("usr/share/doc/a") == "a");
  umask(077);
  CHECK(Put("masked", "") && mkdir("maskeddir", 0777) == 0);
  CHECK_EQ(ModeOf("masked"), 0600);
  CHECK_EQ(ModeOf("maskeddir"), 0700);
}
TEST_F(WritableMount, KeepsOwnersAndModes) {
  EXPECT_ALL_WELL(Compare(KeepsOwnersAndModes));
}

// 1000 writes, truncates and so on what has both bits.
void DropsSetIds() {
  auto prepare = [](const char* name, mode_t mode) {
    CHECK(Put(name, "0123456789") && chown(name, 1000, 1000) == 0 && chmod(name, mode) == 0);
  };
  struct Case {
    const char* what;
    std::function<void(const char*)> act;
  };
  const Case cases[] = {
      {"write", [](const char* n) { CHECK(pwrite(open(n, O_WRONLY), "x", 1, 0) == 1); }},
      {"truncate", [](const char* n) { CHECK(truncate(n, 3) == 0); }},
      {"open O_TRUNC", [](const char* n) { CHECK(open(n, O_WRONLY | O_TRUNC) >= 0); }},
      {"ftruncate", [](const char* n) { CHECK(ftruncate(open(n, O_WRONLY), 3) == 0); }},
      {"fallocate", [](const char* n) { CHECK(fallocate(open(n, O_WRONLY), 0, 0, 100) == 0); }},
      {"chown", [](const char* n) { CHECK(chown(n, 1000, 1000) == 0); }},
      {"chown to nobody",
       [](const char* n) { CHECK(chown(n, static_cast<uid_t>(-1), static_cast<gid_t>(-1)) == 0); }},
  };
  for (const Case& c : cases) {
    auto wrong = [&](mode_t was, mode_t got) {
      NoteFailure(c.what, static_cast<int>(was), "mode " + std::to_string(got));
    };
    for (mode_t mode : {mode_t{06777}, mode_t{06767}, mode_t{04755}, mode_t{02755}}) {
      prepare("victim", mode);
      AsUser(1000, [&] { c.act("victim"); });
      // The setgid bit stays where the group may not execute.
      mode_t expected = mode & ~(S_ISUID | ((mode & S_IXGRP) != 0 ? S_ISGID : 0u));
      if (ModeOf("victim") != expected) wrong(mode, ModeOf("victim"));
      prepare("victim", mode);
      c.act("victim");  // root of a user namespace has no CAP_FSETID that counts
      if (ModeOf("victim") != expected) wrong(mode, ModeOf("victim"));
    }
  }
  CHECK(chown("usr/bin/su", 1000, 0) == 0);
  CHECK_EQ(ModeOf("usr/bin/su"), 0755);
  CHECK(mkdir("dir", 0755) == 0 && chmod("dir", 06755) == 0 && chown("dir", 1000, 1000) == 0);
  CHECK_EQ(ModeOf("dir"), 06755);
}
TEST_F(WritableMount, DropsSetIds) {
  EXPECT_ALL_WELL(Compare(DropsSetIds));
}

void ChecksPermissions() {
  CHECK(mkdir("shared", 0777) == 0 && chmod("shared", 02777) == 0 && chown("shared", 0, 500) == 0);
  CHECK(chmod("tmp", 01777) == 0 && Put("tmp/roots", "x") && Put("secret", "s", 0600));
  AsUser(1000, [] {
    CHECK(Put("shared/mine", "m") && StatOf("shared/mine").st_gid == 500 &&
          StatOf("shared/mine").st_uid == 1000);
    CHECK(mkdir("shared/dir", 0755) == 0);
    CHECK_EQ(StatOf("shared/dir").st_mode, S_IFDIR | 02755);
    CHECK(Put("tmp/mine", "m"));
    CHECK_ERRNO(unlink("tmp/roots"), EPERM);
    CHECK_ERRNO(rename("tmp/roots", "tmp/x"), EPERM);
    CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
    CHECK_ERRNO(open("etc/passwd", O_WRONLY), EACCES);
    CHECK_ERRNO(unlink("etc/passwd"), EACCES);
    CHECK_ERRNO(chmod("etc/passwd", 0777), EPERM);
    CHECK_ERRNO(chown("shared/mine", 1001, static_cast<gid_t>(-1)), EPERM);
    CHECK(Put("shared/sgid", "") && chmod("shared/sgid", 02755) == 0);
    CHECK_EQ(ModeOf("shared/sgid"), 0755);  // not a member of the group
    CHECK_ERRNO(utimensat(AT_FDCWD, "etc/passwd", nullptr, 0), EACCES);
  });
  AsUser(1001, [] {
    CHECK_ERRNO(unlink("tmp/mine"), EPERM);
    CHECK(unlink("shared/mine") == 0);
  });
  AsUser(1000, [] { CHECK(unlink("tmp/mine") == 0); });
}
TEST_F(WritableMount, ChecksPermissions) {
  EXPECT_ALL_WELL(Compare(ChecksPermissions));
}

void KeepsTimes() {
  struct timespec times[2] = {{1234567890, 123456789}, {-5, 987654321}};
  CHECK(Put("file", "x") && mkdir("dir", 0755) == 0 && symlink("x", "sym") == 0);
  for (const char* name : {"file", "dir", "sym", "etc/passwd", "usr/share", "link"}) {
    CHECK(utimensat(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW) == 0);
    struct stat st = StatOf(name);
    CHECK_EQ(st.st_atim.tv_sec, 1234567890);
    CHECK_EQ(st.st_atim.tv_nsec, 123456789);
    CHECK_EQ(st.st_mtim.tv_sec, -5);
    CHECK_EQ(st.st_mtim.tv_nsec, 987654321);
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct timespec some[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  CHECK(utimensat(AT_FDCWD, "file", some, 0) == 0);
  CHECK_EQ(StatOf("file").st_atim.tv_sec, 1234567890);
  CHECK(StatOf("file").st_mtim.tv_sec >= now.tv_sec - 1);
  CHECK(StatOf("file").st_ctim.tv_sec >= now.tv_sec - 1);
  CHECK(StatOf("etc/passwd").st_ctim.tv_sec >= now.tv_sec - 1);
  // A change of a directory moves its mtime; a write moves the file's; chmod moves the ctime alone.
  CHECK(utimensat(AT_FDCWD, "dir", times, 0) == 0 && Put("dir/new", "x"));
  CHECK(StatOf("dir").st_mtim.tv_sec >= now.tv_sec - 1);
  CHECK(utimensat(AT_FDCWD, "dir/new", times, 0) == 0 && chmod("dir/new", 0600) == 0);
  CHECK_EQ(StatOf("dir/new").st_mtim.tv_sec, -5);
  CHECK(utimensat(AT_FDCWD, "usr", times, 0) == 0 && rename("usr/bin/tool", "usr/tool") == 0);
  CHECK(StatOf("usr").st_mtim.tv_sec >= now.tv_sec - 1);
  int fd = open("dir/new", O_WRONLY | O_CLOEXEC);
  CHECK(write(fd, "y", 1) == 1 && StatOf(fd).st_mtim.tv_sec >= now.tv_sec - 1);
  close(fd);
}
TEST_F(WritableMount, KeepsTimes) {
  EXPECT_ALL_WELL(Compare(KeepsTimes));
}

std::string Xattr(const char* path, const char* name) {
  char value[70000];
  ssize_t n = lgetxattr(path, name, value, sizeof value);
  return n < 0 ? std::string("error ") + strerrorname_np(errno) : std::string(value, static_cast<size_t>(n));
}
std::set<std::string> XattrNames(const char* path) {
  char list[4096];
  ssize_t n = llistxattr(path, list, sizeof list);
  std::set<std::string> names;
  for (ssize_t at = 0; at < n; at += static_cast<ssize_t>(strlen(list + at)) + 1) names.insert(list + at);
  return names;
}

void KeepsXattrs() {
  for (const char* path : {"etc/passwd", "usr/share/doc", "file"}) {
    if (!Exists(path)) CHECK(Put(path, "x"));
    CHECK(Xattr(path, "user.none") == "error ENODATA" && XattrNames(path).empty());
    CHECK(setxattr(path, "user.one", "1", 1, 0) == 0 &&
          setxattr(path, "user.empty", "", 0, XATTR_CREATE) == 0);
    CHECK_ERRNO(setxattr(path, "user.one", "2", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr(path, "user.two", "2", 1, XATTR_REPLACE), ENODATA);
    CHECK(setxattr(path, "user.one", "three", 5, XATTR_REPLACE) == 0 && Xattr(path, "user.one") == "three");
    CHECK(Xattr(path, "user.empty").empty());
    CHECK(XattrNames(path) == std::set<std::string>({"user.one", "user.empty"}));
    char small[2];
    CHECK_ERRNO(getxattr(path, "user.one", small, 2), ERANGE);
    CHECK_EQ(getxattr(path, "user.one", nullptr, 0), 5);
    CHECK_ERRNO(listxattr(path, small, 2), ERANGE);
    CHECK(removexattr(path, "user.one") == 0);
    CHECK_ERRNO(removexattr(path, "user.one"), ENODATA);
    CHECK(XattrNames(path) == std::set<std::string>({"user.empty"}));
  }
  CHECK(Content("etc/passwd").starts_with("root:"));
  AsUser(1000, [] { CHECK_ERRNO(setxattr("file", "user.x", "", 0, 0), EACCES); });
}
TEST_F(WritableMount, KeepsXattrs) {
  EXPECT_ALL_WELL(Compare(KeepsXattrs));
}

// What is ours below is not shown, and what the container makes of the same name does not steer us.
TEST_F(WritableMount, KeepsItsOwnXattrsApart) {
  EXPECT_ALL_WELL(Serve([] {
    CHECK(mkdir("etc/dir", 0755) == 0 && chown("etc/dir", 3, 4) == 0 && chmod("etc/passwd", 04755) == 0);
    CHECK(XattrNames("etc/dir").empty() && XattrNames("etc/passwd").empty() && XattrNames("etc").empty());
    for (const char* name : {"user.containers.override_stat", "user.overlay.opaque", "user.overlay.redirect",
                             "user.wolffia.origin", "user.wolffia.x.user.a"}) {
      CHECK(Xattr("etc", name) == "error ENODATA" && Xattr("etc/passwd", name) == "error ENODATA");
      CHECK(setxattr("etc", name, "y", 1, 0) == 0 && Xattr("etc", name) == "y");
      CHECK(setxattr("etc/passwd", name, "0:0:0777:file", 13, 0) == 0);
      CHECK(XattrNames("etc") == std::set<std::string>({name}) && removexattr("etc", name) == 0);
    }
    CHECK(Names("etc").contains("group") && StatOf("etc/dir").st_uid == 3);
    CHECK_EQ(ModeOf("etc/passwd"), 04755);
  }));
}

std::string Capability() {
  vfs_cap_data data{};
  data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  data.data[0].permitted = 1u << CAP_NET_RAW;
  return {reinterpret_cast<const char*>(&data), sizeof data};
}

void KeepsFileCapabilities() {
  for (const char* path : {"ping", "usr/bin/tool"}) {
    if (!Exists(path)) CHECK(Put(path, "x", 0755));
    CHECK(setxattr(path, "security.capability", Capability().data(), Capability().size(), 0) == 0);
    CHECK(Xattr(path, "security.capability").size() >= Capability().size());
    CHECK(XattrNames(path) == std::set<std::string>({"security.capability"}));
    CHECK(rename(path, "renamed") == 0 && rename("renamed", path) == 0);
    CHECK(Xattr(path, "security.capability").size() >= Capability().size());
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(write(fd, "y", 1) == 1);
    CHECK(Xattr(path, "security.capability") == "error ENODATA");  // what was written is not what was trusted
    CHECK(setxattr(path, "security.capability", Capability().data(), Capability().size(), 0) == 0);
    CHECK(chown(path, 1000, 1000) == 0 && Xattr(path, "security.capability") == "error ENODATA");
    close(fd);
  }
}
TEST_F(WritableMount, KeepsFileCapabilities) {
  EXPECT_ALL_WELL(Compare(KeepsFileCapabilities));
}

// The kernel's form of an ACL: a version, then tag, permissions and id of each entry.
std::string Acl(std::vector<std::array<uint32_t, 3>> entries) {
  std::string bytes("\2\0\0\0", 4);
  for (auto [tag, permissions, id] : entries) {
    uint16_t halves[] = {static_cast<uint16_t>(tag), static_cast<uint16_t>(permissions)};
    bytes.append(reinterpret_cast<const char*>(halves), 4).append(reinterpret_cast<const char*>(&id), 4);
  }
  return bytes;
}
constexpr uint32_t kNobody = 0xffffffff;
// user::rw-, user:1000:rw-, group::r--, mask::rw-, other::---
std::string SharedWith1000() {
  return Acl({{1, 6, kNobody}, {2, 6, 1000}, {4, 4, kNobody}, {16, 6, kNobody}, {32, 0, kNobody}});
}

void KeepsAcls() {
  std::string acl = SharedWith1000();
  for (const char* path : {"etc/passwd", "file"}) {
    if (!Exists(path)) CHECK(Put(path, "x"));
    CHECK(setxattr(path, "system.posix_acl_access", acl.data(), acl.size(), 0) == 0);
    CHECK_EQ(ModeOf(path), 0660);  // the mask stands where the group stood
    CHECK(Xattr(path, "system.posix_acl_access") == acl);
    AsUser(1000, [&] { CHECK(open(path, O_RDWR) >= 0); });
    AsUser(1001, [&] { CHECK_ERRNO(open(path, O_RDONLY), EACCES); });
    CHECK(chmod(path, 0640) == 0);
    AsUser(1000, [&] {
      CHECK_ERRNO(open(path, O_RDWR), EACCES);
      CHECK(open(path, O_RDONLY) >= 0);
    });
    CHECK(removexattr(path, "system.posix_acl_access") == 0);
    AsUser(1000, [&] { CHECK_ERRNO(open(path, O_RDONLY), EACCES); });
  }
  // What is made in a directory takes after its default, and the umask does not count.
  CHECK(mkdir("dir", 0755) == 0);
  CHECK(setxattr("dir", "system.posix_acl_default", acl.data(), acl.size(), 0) == 0);
  umask(077);
  CHECK(Put("dir/file", "x", 0666) && mkdir("dir/sub", 0777) == 0);
  CHECK_EQ(ModeOf("dir/file"), 0660);
  CHECK(Xattr("dir/file", "system.posix_acl_access") == acl);
  CHECK(Xattr("dir/sub", "system.posix_acl_default") == acl);
  CHECK(Put("dir/tight", "x", 0600) && ModeOf("dir/tight") == 0600);
  AsUser(1000, [] { CHECK(access("dir/file", R_OK | W_OK) == 0 && access("dir/tight", R_OK) != 0); });
}
TEST_F(WritableMount, KeepsAcls) {
  EXPECT_ALL_WELL(Compare(KeepsAcls));
}

TEST_F(WritableMount, RefusesAclsWhereTheyAreOff) {
  options_.acl = false;
  EXPECT_ALL_WELL(Serve([] {
    std::string acl = SharedWith1000();
    CHECK_ERRNO(setxattr("etc/passwd", "system.posix_acl_access", acl.data(), acl.size(), 0), EOPNOTSUPP);
    umask(027);
    CHECK(Put("file", "x", 0666) && ModeOf("file") == 0640);
    CHECK(setxattr("file", "user.x", "1", 1, 0) == 0 && Xattr("file", "user.x") == "1");
  }));
}

TEST_F(WritableMount, ShowsItsLimits) {
  options_.limits = {.bytes = 8 << 20, .inodes = 100};
  EXPECT_ALL_WELL(Serve([] {
    struct statvfs fs;
    CHECK(statvfs(".", &fs) == 0 && fs.f_namemax == 255);
    CHECK(fs.f_blocks * fs.f_frsize <= 8 << 20 && fs.f_bavail * fs.f_frsize > 6 << 20 && fs.f_files <= 100);
    std::string block(1 << 20, 'b');
    int fd = open("big", O_CREAT | O_WRONLY | O_CLOEXEC, 0644), written = 0;
    while (written < 20 && write(fd, block.data(), block.size()) == 1 << 20) ++written;
    int error = errno;
    CHECK_EQ(error, ENOSPC);
    CHECK(written >= 7 && written <= 8);
    close(fd);
    CHECK(statvfs(".", &fs) == 0 && fs.f_bavail * fs.f_frsize < 1 << 20);
    CHECK(unlink("big") == 0 && Put("again", block));
    int made = 0;
    while (made < 200 && mkdir(("d" + std::to_string(made)).c_str(), 0755) == 0) ++made;
    error = errno;
    CHECK_EQ(error, ENOSPC);
    CHECK(made > 90 && made < 100);
    CHECK(rmdir("d0") == 0 && mkdir("d0", 0755) == 0);
  }));
}

}  // namespace
}  // namespace wolffia
