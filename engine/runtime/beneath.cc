#include "engine/runtime/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace wolffia {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

int Openat2(int root, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  long fd;
  int tries = 0;  // EAGAIN: something was renamed meanwhile; the kernel asks to try again
  do fd = syscall(SYS_openat2, root, path, &how, sizeof how);
  while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 64)));
  return fd < 0 ? -errno : static_cast<int>(fd);
}

// A path that grows and shrinks by components: what has been resolved so far, free of links and of "..".
struct Resolved {
  char text[PATH_MAX] = "";
  size_t size = 0;

  bool Push(const char* name, size_t length) {
    if (size + length + 2 > sizeof text) return false;
    text[size++] = '/';
    memcpy(text + size, name, length);
    size += length;
    text[size] = 0;
    return true;
  }
  void Pop() {
    while (size > 0 && text[--size] != '/') {
    }
    text[size] = 0;
  }
  const char* OrRoot() const { return size == 0 ? "/" : text; }
};

// Makes the last component of `path`, which nobody has resolved through a link.
int MakeLast(int root, Resolved& path, bool file, uint32_t mode) {
  if (file) return Openat2(root, path.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, 0);
  const char* name = strrchr(path.text, '/') + 1;
  size_t parent_size = static_cast<size_t>(name - 1 - path.text);
  char saved = path.text[parent_size];
  path.text[parent_size] = 0;
  int parent =
      Openat2(root, parent_size == 0 ? "/" : path.text, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  path.text[parent_size] = saved;
  if (parent < 0) return parent;
  int made = mkdirat(parent, name, mode) < 0 && errno != EEXIST ? -errno : 0;
  close(parent);
  return made;
}

// Puts the target of the link `fd` before what is left of `rest`.
int FollowLink(int fd, char (&rest)[PATH_MAX], const char* left, Resolved& done) {
  char target[PATH_MAX];
  ssize_t n = readlinkat(fd, "", target, sizeof target);
  if (n < 0) return -errno;
  size_t left_size = strlen(left), target_size = static_cast<size_t>(n);
  if (target_size + left_size + 2 > sizeof rest) return -ENAMETOOLONG;
  if (target_size > 0 && target[0] == '/') {
    done.size = 0;
    done.text[0] = 0;
  }
  memmove(rest + target_size + 1, left, left_size + 1);
  memcpy(rest, target, target_size);
  rest[target_size] = '/';
  return 0;
}

}  // namespace

int OpenBeneath(int root, const char* path, bool no_symlinks) {
  return Openat2(root, path, O_PATH, 0, no_symlinks ? uint64_t{RESOLVE_NO_SYMLINKS} : 0);
}

int MakeBeneath(int root, const char* path, MountPoint kind, uint32_t directory_mode) {
  int found = OpenBeneath(root, path);
  if (found != -ENOENT) return found;
  char rest[PATH_MAX];
  if (strlen(path) >= sizeof rest) return -ENAMETOOLONG;
  strcpy(rest, path);
  Resolved done;
  int links = 0;
  const char* at = rest;
  for (;;) {
    while (*at == '/') at++;
    if (*at == 0) break;
    size_t length = strcspn(at, "/");
    const char* name = at;
    at += length;
    if (length == 1 && name[0] == '.') continue;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
      done.Pop();
      continue;
    }
    if (!done.Push(name, length)) return -ENAMETOOLONG;
    int fd = Openat2(root, done.text, O_PATH | O_NOFOLLOW, 0, 0);
    if (fd == -ENOENT) {
      bool last = at[strspn(at, "/")] == 0;
      fd = MakeLast(root, done, last && kind == MountPoint::kFile, directory_mode);
      if (fd < 0) return fd;
      if (fd > 0) close(fd);
      continue;
    }
    if (fd < 0) return fd;
    struct stat st;
    int failed = fstat(fd, &st) < 0 ? -errno : 0;
    if (failed == 0 && S_ISLNK(st.st_mode)) {
      done.Pop();
      failed = ++links > kMaxLinks ? -ELOOP : FollowLink(fd, rest, at, done);
      at = rest;
    }
    close(fd);
    if (failed != 0) return failed;
  }
  return Openat2(root, done.OrRoot(), O_PATH | O_NOFOLLOW, 0, 0);
}

}  // namespace wolffia
