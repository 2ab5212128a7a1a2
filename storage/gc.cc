#include "storage/gc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "storage/content.h"
#include "storage/live_content.h"

namespace wolffia {
namespace {

struct Candidate {
  std::string path;
  std::string name;  // last component
  bool is_index;
  bool aside = false;
  bool IsLive(const LiveContent& live) const {
    return is_index ? live.NamesIndex(name) : live.NamesBlob(name);
  }
};

Result<> Collect(const Store& store, const std::string& directory, bool is_index, const LiveContent& live,
                 std::vector<Candidate>* candidates) {
  for (const std::string& name : TRY(ListDirectory(store.root(), directory))) {
    Candidate candidate{directory + "/" + name, name, is_index};
    if (!candidate.IsLive(live)) candidates->push_back(std::move(candidate));
  }
  return {};
}

// A full disk may leave no room for the name in tmp/. Then the file is unlinked where it is, which is right
// as long as nobody pins it between our second look and the call: better than a disk that cannot be emptied.
Result<> Drop(const Store& store, const Candidate& candidate) {
  if (candidate.aside) return DropAside(store, candidate.path);
  if (unlinkat(store.root(), candidate.path.c_str(), 0) < 0 && errno != ENOENT)
    return FailErrno("remove " + candidate.path);
  return {};
}

}  // namespace

Result<GcReport> CollectGarbage(const Store& store) {
  RestoreAllAside(store, TRY(ListDirectory(store.root(), "tmp")));
  std::vector<Candidate> candidates;
  LiveContent live = TRY(LiveContent::Read(store));
  TRY(Collect(store, "blobs/sha256", false, live, &candidates));
  TRY(Collect(store, "index", true, live, &candidates));
  GcReport report;
  if (candidates.empty()) return report;

  for (Candidate& candidate : candidates) {
    auto aside = SetAside(store, candidate.path);
    candidate.aside = aside.has_value();
    if (!aside && aside.error().code != Code::kNotFound && aside.error().code != Code::kNoSpace)
      return std::unexpected(aside.error());
  }
  auto again = LiveContent::Read(store);
  for (const Candidate& candidate : candidates) {
    if (!again || candidate.IsLive(*again)) {
      if (candidate.aside) RestoreAside(store, candidate.path);
      continue;
    }
    struct stat st;
    std::string where = candidate.aside ? "tmp/" + candidate.name + ".aside" : candidate.path;
    const bool there = fstatat(store.root(), where.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    TRY(Drop(store, candidate));
    if (!there) continue;
    report.blobs += candidate.is_index ? 0 : 1;
    report.bytes += static_cast<uint64_t>(st.st_size);
  }
  if (!again) return std::unexpected(again.error());
  return report;
}

}  // namespace wolffia
