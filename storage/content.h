// Content: the immutable files that others name (blobs, indexes), and how one of them is taken away while
// pulls and runs go on beside it, without a lock:
//
//   collector                                     user of the content
//   ---------                                     -------------------
//   1. reads what is live; X is not               a. pins X (a pin file, or a staged or final record that
//   names it)
//   2. renames X to tmp/<name>.aside              b. asks for X: if it is not there, renames tmp/<name>.aside
//   back
//   3. reads what is live once more
//   4. live: renames it back; else unlinks it
//
// If a comes before 3, the collector sees the pin and X comes back; if it comes after 3, b finds X aside and
// saves it, or it is gone for good and b says so. After a kill -9 in the middle the file is still aside, and
// the next collection puts it back first.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace wolffia {

// `path`: of a blob or an index, relative to the root. True if it is there, or could be brought back.
bool ContentExists(const Store& store, const std::string& path);
// Opens it for reading, bringing it back if it was set aside.
Result<Fd> OpenContent(const Store& store, const std::string& path);

inline constexpr int kContentAttempts = 4;
// What `open` (-> Result<T>) returns. ENOENT: again, as long as the content can be brought back: another
// collection may set aside in the same moment what was there at the last look.
template <typename Open>
auto WithContent(const Store& store, const std::string& path, Open open) {
  auto opened = open();
  for (int attempt = 1; attempt < kContentAttempts && !opened && opened.error().os_errno == ENOENT;
       ++attempt) {
    if (!ContentExists(store, path)) break;
    opened = open();
  }
  return opened;
}

// Where a collection sets `path` aside; `collection`: 16 hexadecimal digits of its own.
std::string AsidePath(const std::string& path, const std::string& collection);
bool IsAside(std::string_view name);  // of an entry of tmp/
// Brings back all that collections have set aside, whether they were killed or not.
Result<> RestoreAside(const Store& store);

// Gives a finished file of ours its final name: file, rename, directory, as far as the store's durability
// asks for it.
Result<> PublishFile(const Store& store, int staging_dirfd, const std::string& name, const std::string& path);

}  // namespace wolffia
