// Whole files and directory trees, by descriptor: read with a limit, replace atomically, remove a tree
// without following a link. Nothing here knows what the files mean.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

// How hard a write is pushed to the disk before its name is: see `storage.durability`.
enum class Durability {
  kSafe,      // fsync of the file before the rename, of the directory after it
  kVolatile,  // rename only: atomic against a killed process, not against a power cut
};

// The whole file; kInvalid if it is longer than `limit` bytes.
Result<std::string> ReadFd(int fd, size_t limit, std::string_view name);
Result<std::string> ReadFileAt(int dirfd, const std::string& path, size_t limit);
Result<std::string> ReadFile(const std::string& path, size_t limit);

// Makes `path` hold exactly `data`: temporary file beside it, rename. Never leaves a half-written `path`. A
// temporary file that a crash leaves is named ".<name>.<random>.tmp" and may be removed by anyone.
Result<> ReplaceFileAt(int dirfd, const std::string& path, std::string_view data, mode_t mode,
                       Durability durability);

// Creates `path` with `data`; kExists if it is there. Not atomic: only for files inside a staging directory.
Result<> CreateFileAt(int dirfd, const std::string& path, std::string_view data, mode_t mode);

// mkdir -p with mode 0700 for what is missing. `path` may be absolute or relative to the working directory.
Result<> MakeDirectories(const std::string& path, mode_t mode = 0700);
Result<Fd> OpenDirectory(int dirfd, const std::string& path);

Result<> SyncFd(int fd, std::string_view name);
Result<> RenameAt(int from_dir, const std::string& from, int to_dir, const std::string& to,
                  unsigned flags = 0);

// Names in a directory, without "." and "..", in no order.
Result<std::vector<std::string>> ListDirectory(int dirfd, const std::string& path);

// Removes a file or a whole tree, by descriptors, never following a link, never leaving the device of its
// top. Directories that the caller owns and may not search are made searchable first. Depth is bounded by
// memory, not by descriptors. kNotFound is not an error.
Result<> RemoveTreeAt(int dirfd, const std::string& path);

bool ExistsAt(int dirfd, const std::string& path);  // by lstat

// The directory and file name of a path; ("." , path) without a slash.
std::pair<std::string, std::string> SplitPath(const std::string& path);

}  // namespace wolffia
