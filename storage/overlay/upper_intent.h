// Intent: what is about to be done to the upper in several steps, where the file system has no single one
// for it. One line in work/intent, written before the first step and cleared after the last; Open reads it
// and finishes or undoes. The deed counts as done if and only if the object bears its new name.
//
//   CHECKSUM move INO FROM NAME TO NAME LEAVE COVERED
//   CHECKSUM link INO FROM NAME TO NAME PENDING 0
//
// FROM and TO are directories: "u/a/b" below the upper, "w/links" below the work directory. Bytes of paths
// and names other than letters, digits and "/._-" are written %XX.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/fd.h"
#include "storage/overlay/errno_result.h"
#include "storage/overlay/xattr_store.h"

namespace wolffia {

struct Intent {
  enum class Kind { kMove, kLink };
  struct Place {
    std::string directory;
    std::string name;
    bool operator==(const Place&) const = default;
  };
  Kind kind = Kind::kMove;
  uint64_t ino = 0;  // of the object, on the host
  Place from, to;
  uint32_t leave_whiteout = 0;  // link: how many lower names are pending once it is done
  uint32_t covered = 0;         // `to` was a whiteout that has to make way first
  bool operator==(const Intent&) const = default;
};

std::string FormatIntent(const Intent& intent);
std::optional<Intent> ParseIntent(std::string_view line);  // nullopt: torn, or none

class IntentFile {
 public:
  IntentFile(int rootfd, int workfd, StepHook step)
      : rootfd_(rootfd), workfd_(workfd), step_(std::move(step)) {}
  // Where a directory of the upper is. ENAMETOOLONG below 4,096 bytes of path, ENOSYS without /proc.
  Sys<std::string> PlaceOf(int dirfd) const;
  Sys<Fd> OpenPlace(const std::string& directory) const;  // no links followed
  Sys<std::optional<Intent>> Read();
  Sys<> Write(const Intent& intent, bool sync);
  Sys<> Clear();

 private:
  Sys<> OpenFile();
  const int rootfd_, workfd_;
  const StepHook step_;
  Fd fd_;
};

}  // namespace wolffia
