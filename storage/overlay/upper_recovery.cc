// What a process that was killed has left in the work directory.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "storage/overlay/host_upper.h"

namespace wolffia {

Result<> HostUpper::Sweep(const char* prefix) {
  for (const std::string& name : TRY(ListDirectory(work_.get(), "."))) {
    if (!name.starts_with(prefix)) continue;
    Step();
    TRY_WITH(RemoveTreeAt(work_.get(), name), "clean the work directory");
  }
  return {};
}

Sys<> HostUpper::FinishIntent() {
  struct stat st;
  if (fstatat(work_.get(), "intent", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size == 0) return {};
  std::optional<Intent> intent = TRY(intent_.Read());
  if (!intent) return intent_.Clear();  // torn: nothing has been done
  // A directory that is missing was never reached: there is nothing to finish in it.
  auto from_directory = intent_.OpenPlace(intent->from.directory);
  auto to_directory = intent_.OpenPlace(intent->to.directory);
  if (to_directory) {
    UpperSpot to{to_directory->get(), intent->to.name.c_str()};
    UpperSpot from{from_directory ? from_directory->get() : -1, intent->from.name.c_str()};
    bool done = fstatat(to.dirfd, to.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == intent->ino;
    if (intent->kind == Intent::Kind::kMove) {
      TRY(FinishMove(*intent, from, to, done));
    } else if (done) {
      TRY(SetPending(std::strtoull(intent->from.name.c_str(), nullptr, 10), intent->leave_whiteout));
    }
  }
  return intent_.Clear();
}

Sys<> HostUpper::FinishMove(const Intent& intent, const UpperSpot& from, const UpperSpot& to, bool done) {
  bool missing_whiteout = done ? intent.leave_whiteout != 0 && from.dirfd >= 0 : intent.covered != 0;
  if (!missing_whiteout) return {};
  Sys<> put = PutWhiteoutNew(done ? from : to);
  if (!put && put.error() != EEXIST) return put;
  return {};
}

// A linked file that no lower name leads to any more needs its name in work/links no more.
Sys<> HostUpper::DropFinishedLinks() {
  for (uint64_t origin : TRY(ListLinked())) {
    std::string name;
    if (TRY(PendingLinks(origin)) == 0)
      TRY(Unlink(LinkedSpot(origin, &name)));
    else
      TRY(LearnLinked(origin));
  }
  for (const Name& entry : TRY(List(links_.get()))) {
    size_t suffix = entry.name.find(".pending");
    if (suffix == std::string::npos || ExistsAt(links_.get(), entry.name.substr(0, suffix))) continue;
    TRY(Unlink({links_.get(), entry.name.c_str()}));
  }
  return {};
}

}  // namespace wolffia
