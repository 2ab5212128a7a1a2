#include "storage/gc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/random.h"
#include "storage/content.h"
#include "storage/deferred_release.h"
#include "storage/live_content.h"

namespace wolffia {
namespace {

struct Candidate {
  std::string path;
  std::string name;  // its last component
  bool is_index;
  std::string aside;  // where it is now, if it could be set aside
  bool IsLive(const LiveContent& live) const {
    return is_index ? live.NamesIndex(name) : live.NamesBlob(name);
  }
};

Result<> FindDead(const Store& store, const std::string& directory, const LiveContent& live,
                  std::vector<Candidate>* candidates) {
  for (const std::string& name : TRY(ListDirectory(store.root(), directory))) {
    Candidate candidate{directory + "/" + name, name, directory == "index", {}};
    if (!candidate.IsLive(live)) candidates->push_back(std::move(candidate));
  }
  return {};
}

// False if it is not there: somebody else is at it. A full disk may leave no room for a name in tmp/. Then
// the file stays where it is until Drop unlinks it there, which is right as long as nobody pins it between
// our second look and that: better than a disk that cannot be emptied.
Result<bool> SetAside(const Store& store, Candidate* candidate, const std::string& collection) {
  const std::string aside = AsidePath(candidate->path, collection);
  auto renamed = RenameAt(store.root(), candidate->path, store.root(), aside);
  if (renamed) candidate->aside = aside;
  if (renamed || renamed.error().code == Code::kNoSpace) return true;
  if (renamed.error().os_errno == ENOENT) return false;
  return std::unexpected(renamed.error());
}

void BringBack(const Store& store, const Candidate& candidate) {
  if (!candidate.aside.empty())
    renameat(store.root(), candidate.aside.c_str(), store.root(), candidate.path.c_str());
}

Result<> Drop(const Store& store, const Candidate& candidate, DeferredRelease* release, GcReport* report) {
  const std::string& path = candidate.aside.empty() ? candidate.path : candidate.aside;
  struct stat st;
  bool there = fstatat(store.root(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (there) {
    release->Hold(path, static_cast<uint64_t>(st.st_size));
    there = unlinkat(store.root(), path.c_str(), 0) == 0;
  }
  if (!there && errno == ENOENT) return {};  // somebody needed it and brought it back
  if (!there) return FailErrno("remove " + candidate.path);
  report->blobs += candidate.is_index ? 0 : 1;
  report->bytes += static_cast<uint64_t>(st.st_size);
  return {};
}

}  // namespace

Result<GcReport> CollectGarbage(const Store& store) {
  TRY(RestoreAside(store));
  LiveContent live = TRY(LiveContent::Read(store));
  std::vector<Candidate> candidates;
  TRY(FindDead(store, "blobs/sha256", live, &candidates));
  TRY(FindDead(store, "index", live, &candidates));
  GcReport report;
  if (candidates.empty()) return report;

  const std::string collection = RandomHex(8);
  Result<> first;
  std::vector<Candidate> ours;
  for (Candidate& candidate : candidates) {
    auto set_aside = SetAside(store, &candidate, collection);
    if (!set_aside) first = std::unexpected(set_aside.error());
    if (!first) break;
    if (*set_aside) ours.push_back(std::move(candidate));
  }
  auto again = LiveContent::Read(store);
  DeferredRelease release(store);
  if (first && !again) first = std::unexpected(again.error());
  for (const Candidate& candidate : ours) {
    if (first && !candidate.IsLive(*again))
      first = Drop(store, candidate, &release, &report);
    else
      BringBack(store, candidate);
  }
  if (!first) return std::unexpected(first.error());
  return report;
}

}  // namespace wolffia
