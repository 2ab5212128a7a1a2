#include "engine/guarantees/read_trial.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "storage/overlay/index_builder.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {
namespace {

constexpr std::string_view kBytes = "what was pulled";

Result<std::string> TryIt() {
  IndexBuilder builder;
  for (const char* path : {"sound", "changed"}) {
    const uint64_t offset = std::string_view(path) == "sound" ? 0 : kBytes.size();
    LayerEntry file{.path = path, .mode = S_IFREG | 0644, .size = kBytes.size(), .data_offset = offset};
    TRY(builder.Add(std::move(file)));
    builder.Data(offset, kBytes);
  }
  std::string tar = std::string(kBytes) + std::string(kBytes);
  tar.back() ^= 1;
  std::vector<Fd> tars;
  tars.emplace_back(memfd_create("trial", MFD_CLOEXEC));
  if (!tars[0]) return FailErrno("memfd_create");
  TRY(WriteFull(tars[0].get(), tar));
  Lower lower(TRY(LowerIndex::FromBytes(TRY(builder.Finish()))), std::move(tars));
  lower.VerifyReads();
  if (auto sound = lower.ReadFile("sound", kBytes.size()); !sound || *sound != kBytes)
    return std::string("a file that is sound could not be read");
  auto changed = lower.ReadFile("changed", kBytes.size());
  return changed ? "a byte that had changed was read" : "";
}

}  // namespace

std::string TryVerifiedRead() {
  auto tried = TryIt();
  return tried ? *tried : tried.error().what;
}

}  // namespace wolffia
