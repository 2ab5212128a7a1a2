// Names in the upper that come, move and go.
//
//   Move              `to` absent, file, empty directory   `to` a whiteout, `from` a directory
//   no whiteout       rename                               exchange, then the whiteout at `from` goes (until
//                                                          then it hides nothing)
//   leaves whiteout   RENAME_WHITEOUT                      exchange
//
// Where RENAME_WHITEOUT or RENAME_EXCHANGE is missing an intent takes its place, or (native ids) a whiteout
// that can be there before the name is free.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "storage/overlay/host_upper.h"

namespace wolffia {

Sys<> HostUpper::Place(Staged staged, const UpperSpot& to) {
  TRY(CheckName(to));
  uint64_t ended = EndsWith(to);
  UpperSpot from = InWork(staged.name());
  Sys<> placed = Rename(from, to);
  if (!placed && placed.error() == ENOTDIR && IsWhiteoutAt(to)) {  // a directory onto a whiteout
    if (can_.rename_exchange) {
      TRY(Rename(from, to, RENAME_EXCHANGE));
      (void)!Remove(from).has_value();  // the whiteout; else the next Open removes it
      placed = {};
    } else {
      placed = MoveByIntent(from, to, false);
    }
  }
  TRY(std::move(placed));
  Placed(&staged);
  Ended(ended);
  return {};
}

Sys<> HostUpper::Link(const UpperSpot& from, const UpperSpot& to) {
  TRY(CheckName(to));
  struct stat st;
  if (overrides() && fstatat(from.dirfd, from.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
    // It could have no owner later without losing its other names.
    UpperObject now = TRY(Look(from.dirfd, from.name));
    TRY(ReplacePlainLink(from, now, {.ownership = {.mode = now.st.st_mode}}));
  }
  Step();
  if (linkat(from.dirfd, from.name, to.dirfd, to.name, 0) == 0) return {};
  if (errno != EEXIST || !IsWhiteoutAt(to)) return SysFail(errno);
  const std::string name = NewName("s.");
  Step();
  if (linkat(from.dirfd, from.name, work_.get(), name.c_str(), 0) < 0) return SysFail();
  Staged guard(work_.get(), name, Fd(), 0);
  uint64_t ended = EndsWith(to);
  TRY(Rename(InWork(name), to));
  Placed(&guard);
  Ended(ended);
  return {};
}

Sys<> HostUpper::Move(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) {
  TRY(CheckName(to));
  if (leave_whiteout && !can_.rename_whiteout) {
    if (!dot_whiteouts()) {
      if (can_.rename_exchange && IsWhiteoutAt(to)) return MoveOntoWhiteout(from, to, true);
      return MoveByIntent(from, to, true);
    }
    TRY(MakeDotFile(from));
    leave_whiteout = false;
  }
  uint64_t ended = EndsWith(to);
  Sys<> moved = Rename(from, to, leave_whiteout ? RENAME_WHITEOUT : 0);
  if (!moved && moved.error() == ENOTDIR && IsWhiteoutAt(to))
    return MoveOntoWhiteout(from, to, leave_whiteout);
  TRY(std::move(moved));
  Ended(ended);
  return {};
}

Sys<> HostUpper::MoveOntoWhiteout(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) {
  if (!can_.rename_exchange) return MoveByIntent(from, to, leave_whiteout);
  TRY(Rename(from, to, RENAME_EXCHANGE));
  if (leave_whiteout) return {};
  (void)!Unlink(from).has_value();  // nothing is below it that it could hide
  return {};
}

Sys<> HostUpper::MoveByIntent(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) {
  struct stat st;
  if (fstatat(from.dirfd, from.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  Intent intent{
      .ino = st.st_ino, .leave_whiteout = leave_whiteout, .covered = S_ISDIR(st.st_mode) && IsWhiteoutAt(to)};
  std::string from_directory = TRY(intent_.PlaceOf(from.dirfd));
  std::string to_directory = TRY(intent_.PlaceOf(to.dirfd));
  intent.from = {std::move(from_directory), from.name};
  intent.to = {std::move(to_directory), to.name};
  // Made before the first step: a full disk must not stop it halfway.
  std::string whiteout;
  if (leave_whiteout) {
    whiteout = NewName("s.");
    TRY(StageWhiteout(whiteout));
  }
  Staged guard(work_.get(), whiteout, Fd(), 0);
  uint64_t ended = EndsWith(to);
  TRY(intent_.Write(intent, options_.durable));
  Sys<> moved = MoveSteps(from, to, intent.covered != 0, whiteout);
  if (moved) {
    Placed(&guard);
    Ended(ended);
  }
  TRY(intent_.Clear());
  return moved;
}

Sys<> HostUpper::MoveSteps(const UpperSpot& from, const UpperSpot& to, bool covered,
                           const std::string& whiteout) {
  if (covered) TRY(Remove(to));
  Sys<> moved = Rename(from, to);
  if (moved && !whiteout.empty()) {
    moved = Rename(InWork(whiteout), from);
    if (!moved) (void)!Rename(to, from).has_value();
  }
  if (!moved && covered) (void)!PutWhiteoutNew(to).has_value();
  return moved;
}

Sys<> HostUpper::Exchange(const UpperSpot& a, const UpperSpot& b) {
  if (!can_.rename_exchange) return SysFail(EINVAL);
  TRY(CheckName(a));
  TRY(CheckName(b));
  return Rename(a, b, RENAME_EXCHANGE);
}

// An exchange with a whiteout that is made first: against RENAME_WHITEOUT it takes no inode, so that a full
// file system lets go of files, too.
Sys<std::string> HostUpper::MakeOrphan(const UpperSpot& at, bool leave_whiteout) {
  std::string name = NewName("o.");
  if (!leave_whiteout || dot_whiteouts()) {
    TRY(Move(at, InWork(name), leave_whiteout));
    return name;
  }
  Sys<> made = can_.rename_exchange ? SwapForWhiteout(at, name) : LinkThenHide(at, name);
  // A directory without RENAME_EXCHANGE.
  if (!made && made.error() == EPERM) made = Move(at, InWork(name), true);
  TRY(std::move(made));
  return name;
}

Sys<> HostUpper::SwapForWhiteout(const UpperSpot& at, const std::string& name) {
  TRY(StageWhiteout(name));
  Staged guard(work_.get(), name, Fd(), 0);
  TRY(Rename(at, InWork(name), RENAME_EXCHANGE));
  Placed(&guard);
  return {};
}

Sys<> HostUpper::LinkThenHide(const UpperSpot& at, const std::string& name) {
  Step();
  if (linkat(at.dirfd, at.name, work_.get(), name.c_str(), 0) < 0) return SysFail();
  Staged guard(work_.get(), name, Fd(), 0);
  TRY(PutWhiteout(at));
  Placed(&guard);
  return {};
}

Sys<> HostUpper::DropOrphan(const std::string& name) {
  uint64_t ended = EndsWith(InWork(name));
  Sys<> removed = Remove(InWork(name));
  if (!removed && (removed.error() == EISDIR || removed.error() == EPERM)) {
    Step();
    auto tree = RemoveTreeAt(work_.get(), name);
    if (!tree) return SysFail(tree.error().os_errno != 0 ? tree.error().os_errno : EIO);
  } else {
    TRY(std::move(removed));
  }
  Ended(ended);
  return {};
}

Sys<> HostUpper::Unlink(const UpperSpot& at) {
  uint64_t ended = EndsWith(at);
  Sys<> removed = Remove(at);
  if (!removed && removed.error() == ENOENT && !overrides()) {
    std::string dot = std::string(".wh.") + at.name;
    return Remove({at.dirfd, dot.c_str()});
  }
  TRY(std::move(removed));
  Ended(ended);
  return {};
}

}  // namespace wolffia
