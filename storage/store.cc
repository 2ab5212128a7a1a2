#include "storage/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace wolffia {
namespace {

constexpr std::string_view kFormat = "wolffia store 1\n";
// Of older stores "secrets" is missing, until the first one is made.
constexpr std::array<const char*, 9> kDirectories = {
    "blobs", "blobs/sha256", "index", "images", "containers", "names", "volumes", "secrets", "tmp"};
constexpr std::string_view kElsewhere =
    "choose another directory with --root or storage.root in wolffia.toml";

Error NotUsable(const std::string& path, const Error& cause) {
  return Error{cause.code, cause.os_errno,
               "the store " + path + " cannot be used: " + cause.what + "; " + std::string(kElsewhere)};
}

Result<> CheckOwner(const std::string& path, const struct stat& st) {
  if (!S_ISDIR(st.st_mode)) return Fail(Code::kInvalid, path + " is not a directory", ENOTDIR);
  if (st.st_uid != geteuid())
    return Fail(Code::kDenied, path + " belongs to user " + std::to_string(st.st_uid) +
                                   ", and not to you (user " + std::to_string(geteuid()) + ")");
  if ((st.st_mode & 022) != 0)
    return Fail(Code::kDenied, "others may write to " + path + "; take that away with: chmod go-w " + path);
  return {};
}

// The runtime directory may lie below /tmp, where anyone can plant a link: it is never followed.
Result<> PrepareRunroot(const std::string& path) {
  if (path.empty()) return {};
  struct stat st;
  if (lstat(path.c_str(), &st) < 0) {
    if (errno != ENOENT) return FailErrno("the runtime directory " + path);
    TRY_WITH(MakeDirectories(path), "the runtime directory " + path + " cannot be made");
    if (lstat(path.c_str(), &st) < 0) return FailErrno("the runtime directory " + path);
  }
  return CheckOwner(path, st);
}

// A directory without `format` is ours to fill if all that it holds is what an interrupted first use leaves.
Result<> CheckFresh(int root, const std::string& path) {
  for (const std::string& name : TRY(ListDirectory(root, "."))) {
    bool ours = std::ranges::any_of(kDirectories, [&](const char* d) { return name == d; });
    if (!ours && !name.starts_with(".format."))
      return Fail(Code::kInvalid, path + " is not a store of wolffia, and it is not empty (it holds '" +
                                      name + "'); " + std::string(kElsewhere));
  }
  return {};
}

Result<> MakeLayout(int root, const std::string& path, Durability durability) {
  TRY(CheckFresh(root, path));
  for (const char* directory : kDirectories)
    if (mkdirat(root, directory, 0700) < 0 && errno != EEXIST) {
      auto failed = FailErrno(std::string("make directory ") + directory);
      return std::unexpected(NotUsable(path, failed.error()));
    }
  auto written = ReplaceFileAt(root, "format", kFormat, 0600, durability);
  if (!written) return std::unexpected(NotUsable(path, written.error()));
  return {};
}

Result<> CheckFormat(int root, const std::string& path, Durability durability) {
  auto format = ReadFileAt(root, "format", 256);
  if (!format && format.error().os_errno == ENOENT) return MakeLayout(root, path, durability);
  if (!format) return std::unexpected(NotUsable(path, format.error()));
  if (*format != kFormat)
    return Fail(Code::kUnsupported, "the store " + path +
                                        " has a format that this version of wolffia does not know; use " +
                                        "the version that made it, or " + std::string(kElsewhere));
  return {};
}

}  // namespace

Result<Store> Store::Open(const StoreOptions& options) {
  Store store;
  store.options_ = options;
  std::string& path = store.options_.root;
  if (path.empty())
    return Fail(Code::kInvalid, "there is no directory for the store: HOME and XDG_DATA_HOME are not set; " +
                                    std::string(kElsewhere));
  if (path[0] != '/') {
    char here[4096];
    if (getcwd(here, sizeof here) == nullptr) return FailErrno("the working directory");
    path = std::string(here) + "/" + path;
  }
  auto root = OpenDirectory(AT_FDCWD, path);
  if (!root && root.error().os_errno == ENOENT) {
    auto made = MakeDirectories(path);
    if (!made) return std::unexpected(NotUsable(path, made.error()));
    root = OpenDirectory(AT_FDCWD, path);
  }
  if (!root) return std::unexpected(NotUsable(path, root.error()));
  store.root_ = std::move(*root);
  struct stat st;
  if (fstat(store.root(), &st) < 0) return FailErrno(path);
  TRY(CheckOwner(path, st));
  TRY(CheckFormat(store.root(), path, options.durability));
  TRY(PrepareRunroot(options.runroot));
  return store;
}

}  // namespace wolffia
