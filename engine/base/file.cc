#include "engine/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "engine/base/random.h"

namespace wolffia {
namespace {

struct CloseDir {
  void operator()(DIR* d) const { closedir(d); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

Result<Dir> ReadableDir(int dirfd, const std::string& path) {
  Fd fd = TRY(OpenAt(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  DIR* d = fdopendir(fd.get());
  if (d == nullptr) return FailErrno("open directory " + path);
  (void)fd.Release();  // the DIR owns it
  return Dir(d);
}

bool IsDotOrDotDot(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

// One directory of a removal in progress. Only the innermost is open: a deep tree costs no descriptors, the
// parent is opened again by ".." and checked to be the directory that we came from.
struct Level {
  std::string name;
  dev_t dev;
  ino_t ino;
};

Result<> EmptyOf(int dirfd, dev_t device, std::string* subdirectory) {
  subdirectory->clear();
  Dir dir = TRY(ReadableDir(dirfd, "."));
  while (dirent* e = readdir(dir.get())) {
    if (IsDotOrDotDot(e->d_name)) continue;
    if (e->d_type != DT_DIR && unlinkat(dirfd, e->d_name, 0) == 0) continue;
    if (e->d_type != DT_DIR && errno == ENOENT) continue;
    struct stat st;
    if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      return FailErrno(std::string("remove ") + e->d_name);
    }
    if (!S_ISDIR(st.st_mode)) {
      if (unlinkat(dirfd, e->d_name, 0) < 0 && errno != ENOENT)
        return FailErrno(std::string("remove ") + e->d_name);
      continue;
    }
    if (st.st_dev != device) return Fail(Code::kBusy, std::string(e->d_name) + " is a mount point", EBUSY);
    if (unlinkat(dirfd, e->d_name, AT_REMOVEDIR) == 0) continue;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
      return FailErrno(std::string("remove ") + e->d_name);
    if ((st.st_mode & 0700) != 0700 && fchmodat(dirfd, e->d_name, 0700, 0) < 0)
      return FailErrno(std::string("make searchable ") + e->d_name);
    *subdirectory = e->d_name;
    return {};
  }
  return {};
}

}  // namespace

Result<std::string> ReadFd(int fd, size_t limit, std::string_view name) {
  struct stat st;
  size_t expected = 0;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) expected = std::min(limit, static_cast<size_t>(st.st_size));
  std::string data;
  if (expected > 0) {
    data.resize(expected + 1);
    ssize_t n;
    do n = read(fd, data.data(), data.size());
    while (n < 0 && errno == EINTR);
    if (n < 0) return FailErrno("read " + std::string(name));
    data.resize(static_cast<size_t>(n));
    if (data.size() == expected) return data;  // one byte more was asked for: this is the end
  }
  char buffer[16384];
  for (;;) {
    size_t n = TRY_WITH(ReadFull(fd, buffer, sizeof buffer), name);
    data.append(buffer, n);
    if (data.size() > limit)
      return Fail(Code::kInvalid, std::string(name) + " is longer than " + std::to_string(limit) + " bytes");
    if (n < sizeof buffer) return data;
  }
}

Result<std::string> ReadFileAt(int dirfd, const std::string& path, size_t limit) {
  Fd fd = TRY(OpenAt(dirfd, path, O_RDONLY));
  return ReadFd(fd.get(), limit, path);
}

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  return ReadFileAt(AT_FDCWD, path, limit);
}

Result<> ReplaceFileAt(int dirfd, const std::string& path, std::string_view data, mode_t mode,
                       Durability durability) {
  auto [directory, name] = SplitPath(path);
  Fd dir = TRY(OpenDirectory(dirfd, directory));
  std::string temporary = "." + name.substr(0, 200) + "." + RandomHex(8) + ".tmp";
  auto written = [&]() -> Result<> {
    Fd fd = TRY(OpenAt(dir.get(), temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    TRY_WITH(WriteFull(fd.get(), data), path);
    if (durability == Durability::kSafe) TRY(SyncFd(fd.get(), path));
    return RenameAt(dir.get(), temporary, dir.get(), name);
  }();
  if (!written) {
    unlinkat(dir.get(), temporary.c_str(), 0);
    return written;
  }
  if (durability == Durability::kSafe) TRY(SyncFd(dir.get(), directory));
  return {};
}

Result<> CreateFileAt(int dirfd, const std::string& path, std::string_view data, mode_t mode) {
  Fd fd = TRY(OpenAt(dirfd, path, O_WRONLY | O_CREAT | O_EXCL, mode));
  return WriteFull(fd.get(), data).With(path);
}

Result<> MakeDirectories(const std::string& path, mode_t mode) {
  // What exists may go before it is looked at, with somebody else's last use of it. Not for ever: a dangling
  // link stays.
  for (int attempt = 0;; attempt++) {
    if (mkdir(path.c_str(), mode) == 0) return {};
    if (errno != EEXIST) break;
    struct stat st;
    const bool there = stat(path.c_str(), &st) == 0;
    if (there && S_ISDIR(st.st_mode)) return {};
    if (there || errno != ENOENT || attempt == 100) return FailErrno("make directory " + path, ENOTDIR);
  }
  if (errno != ENOENT) return FailErrno("make directory " + path);
  auto [parent, name] = SplitPath(path);
  if (name.empty() || parent == path || parent == ".") return FailErrno("make directory " + path, ENOENT);
  TRY(MakeDirectories(parent, mode));
  if (mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return FailErrno("make directory " + path);
  return {};
}

Result<Fd> OpenDirectory(int dirfd, const std::string& path) {
  return OpenAt(dirfd, path, O_RDONLY | O_DIRECTORY);
}

Result<> SyncFd(int fd, std::string_view name) {
  if (fsync(fd) < 0) return FailErrno("sync " + std::string(name));
  return {};
}

Result<> RenameAt(int from_dir, const std::string& from, int to_dir, const std::string& to, unsigned flags) {
  if (renameat2(from_dir, from.c_str(), to_dir, to.c_str(), flags) < 0)
    return FailErrno("rename " + from + " to " + to);
  return {};
}

Result<std::vector<std::string>> ListDirectory(int dirfd, const std::string& path) {
  Dir dir = TRY(ReadableDir(dirfd, path));
  std::vector<std::string> names;
  while (dirent* e = readdir(dir.get()))
    if (!IsDotOrDotDot(e->d_name)) names.emplace_back(e->d_name);
  return names;
}

Result<> RemoveTreeAt(int dirfd, const std::string& path) {
  if (unlinkat(dirfd, path.c_str(), 0) == 0 || errno == ENOENT) return {};
  struct stat top;
  if (fstatat(dirfd, path.c_str(), &top, AT_SYMLINK_NOFOLLOW) < 0) return FailErrno("remove " + path);
  if (!S_ISDIR(top.st_mode)) return FailErrno("remove " + path);
  if ((top.st_mode & 0700) != 0700) (void)!fchmodat(dirfd, path.c_str(), 0700, 0);
  Fd here = TRY(OpenAt(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  std::vector<Level> above;  // directories between the top and `here`, the top not among them
  std::string subdirectory;
  for (;;) {
    TRY_WITH(EmptyOf(here.get(), top.st_dev, &subdirectory), "remove " + path);
    if (!subdirectory.empty()) {
      struct stat st;
      if (fstat(here.get(), &st) < 0) return FailErrno("remove " + path);
      above.push_back({subdirectory, st.st_dev, st.st_ino});
      here = TRY(OpenAt(here.get(), subdirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      continue;
    }
    if (above.empty()) break;
    Fd parent = TRY(OpenAt(here.get(), "..", O_RDONLY | O_DIRECTORY));
    struct stat st;
    if (fstat(parent.get(), &st) < 0) return FailErrno("remove " + path);
    if (st.st_dev != above.back().dev || st.st_ino != above.back().ino)
      return Fail(Code::kBusy, "remove " + path + ": a directory was moved away while it was removed");
    if (unlinkat(parent.get(), above.back().name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT &&
        errno != ENOTEMPTY)
      return FailErrno("remove " + path + ": " + above.back().name);
    above.pop_back();
    here = std::move(parent);
  }
  if (unlinkat(dirfd, path.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) return FailErrno("remove " + path);
  return {};
}

bool ExistsAt(int dirfd, const std::string& path) {
  struct stat st;
  return fstatat(dirfd, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

std::pair<std::string, std::string> SplitPath(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace wolffia
