#include "cmd/copy_resolve.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr int kMaxLinks = 40, kMaxDepth = PATH_MAX;

bool IsMissing(const Error& error) {
  return error.os_errno == ENOENT || error.os_errno == ENOTDIR;
}

}  // namespace

Result<ResolvedPath> ResolvePath(const PathOpener& open, std::string path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    auto [parent, name] = SplitPath(path);
    if (path == "/" || name == "." || name == "..") {
      auto directory = open(path, O_PATH | O_DIRECTORY);
      if (!directory && IsMissing(directory.error())) return ResolvedPath{};
      TRY(std::move(directory));
      return ResolvedPath{PathKind::kDirectory, path, ""};
    }
    auto directory = open(parent, O_PATH | O_DIRECTORY);
    if (!directory && IsMissing(directory.error())) return ResolvedPath{PathKind::kMissing, "", name};
    Fd fd = TRY(std::move(directory));
    struct stat st;
    if (fstatat(fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return ResolvedPath{PathKind::kMissing, parent, name};
      return FailErrno("stat " + path);
    }
    if (S_ISDIR(st.st_mode)) return ResolvedPath{PathKind::kDirectory, parent, name};
    if (!S_ISLNK(st.st_mode)) return ResolvedPath{PathKind::kFile, parent, name};
    char target[PATH_MAX];
    ssize_t size = readlinkat(fd.get(), name.c_str(), target, sizeof target);
    if (size < 0) return FailErrno("read the link " + path);
    std::string to(target, static_cast<size_t>(size));
    path = to.starts_with('/') ? to : parent + "/" + to;
  }
  return FailErrno("resolve " + path, ELOOP);
}

std::string PathOf(const ResolvedPath& resolved) {
  if (resolved.name.empty()) return resolved.parent;
  return resolved.parent + (resolved.parent.ends_with('/') ? "" : "/") + resolved.name;
}

Result<bool> IsBelow(const PathOpener& open, const std::string& directory, const std::string& top) {
  Fd wanted = TRY(open(top, O_PATH | O_DIRECTORY)), at = TRY(open(directory, O_PATH | O_DIRECTORY));
  struct stat goal, here, above;
  if (fstat(wanted.get(), &goal) != 0 || fstat(at.get(), &here) != 0) return FailErrno("stat " + top);
  for (int depth = 0; depth < kMaxDepth; ++depth, here = above) {
    if (here.st_dev == goal.st_dev && here.st_ino == goal.st_ino) return true;
    at = TRY(OpenAt(at.get(), "..", O_PATH | O_DIRECTORY));
    if (fstat(at.get(), &above) != 0) return FailErrno("stat " + directory);
    if (above.st_dev == here.st_dev && above.st_ino == here.st_ino) return false;  // the root
  }
  return false;
}

std::string EncodeResolved(const ResolvedPath& resolved) {
  return std::string(1, static_cast<char>('0' + static_cast<int>(resolved.kind))) + resolved.parent + '\0' +
         resolved.name;
}

Result<ResolvedPath> DecodeResolved(const std::string& text) {
  size_t end = text.find('\0');
  if (text.empty() || end == std::string::npos)
    return Fail(Code::kIo, "a path of the container did not arrive");
  return ResolvedPath{static_cast<PathKind>(text[0] - '0'), text.substr(1, end - 1), text.substr(end + 1)};
}

}  // namespace wolffia
