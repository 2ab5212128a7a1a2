#include "storage/name_claim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/lock.h"
#include "storage/container_record.h"

namespace wolffia {
namespace {

constexpr int kAttempts = 100;  // each lost race means that somebody else got the name and gave it back

bool IsNameByte(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '.' || c == '-');
}

}  // namespace

Result<> CheckContainerName(std::string_view name) {
  bool good = !name.empty() && name.size() <= 255;
  for (size_t i = 0; good && i < name.size(); ++i) good = IsNameByte(name[i], i == 0);
  if (!good)
    return Fail(Code::kInvalid,
                "the container name '" + std::string(name.substr(0, 300)) +
                    "' is not allowed: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]* and have at most "
                    "255 bytes");
  return {};
}

std::string StagingIdOf(const std::string& container_id) {
  return container_id.substr(0, 16);
}

bool ContainerLives(const Store& store, const std::string& id) {
  // In this order: a container that is not being made any more and is still not there will never be.
  return Staging::IsLive(store, StagingIdOf(id)) || ExistsAt(store.root(), "containers/" + id);
}

std::string EditLockPath(const std::string& container_id) {
  return "containers/" + container_id + "/edit.lock";
}

namespace {

bool RecordNames(const Store& store, const std::string& id, const std::string& name) {
  auto record = ReadContainer(store, "containers/" + id);
  // One that cannot be read keeps its claim, as long as it is there.
  return record ? record->name == name : record.error().os_errno != ENOENT;
}

// Takes a stale claim away, unless it has become a good one. The edit lock keeps out a rename to the very
// name, whose new claim would be hit.
Result<> DropStaleClaim(const Store& store, const std::string& name, const std::string& holder) {
  auto lock = FileLock::TryAcquire(store.root(), EditLockPath(holder));
  if (!lock && lock.error().os_errno != ENOENT) return std::unexpected(std::move(lock.error()));
  if (lock && !*lock) return {};
  if (lock && RecordNames(store, holder, name)) return {};
  if (unlinkat(store.root(), ("names/" + name + "/" + holder).c_str(), 0) < 0 && errno != ENOENT)
    return FailErrno("take over the container name " + name);
  return {};
}

}  // namespace

bool HasName(const Store& store, const std::string& id, const std::string& name) {
  if (Staging::IsLive(store, StagingIdOf(id)) || RecordNames(store, id, name)) return true;
  auto editing = FileLock::IsHeld(store.root(), EditLockPath(id));
  // Once more: a rename may have ended between the two looks.
  return (editing && *editing) || RecordNames(store, id, name);
}

Result<> ClaimName(const Store& store, const Staging& staging, const std::string& name,
                   const std::string& id) {
  TRY(CheckContainerName(name));
  const std::string path = "names/" + name;
  // Both are there already when another name was tried before.
  if (mkdirat(staging.dirfd(), "claim", 0700) < 0 && errno != EEXIST)
    return FailErrno("claim the container name " + name);
  if (mknodat(staging.dirfd(), ("claim/" + id).c_str(), S_IFREG | 0600, 0) < 0 && errno != EEXIST)
    return FailErrno("claim the container name " + name);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto claimed = RenameAt(staging.dirfd(), "claim", store.root(), path);
    if (claimed) return {};
    if (claimed.error().code != Code::kExists)
      return std::move(claimed).With("claim the container name " + name);
    auto holder = NameHolder(store, name);
    if (!holder) continue;
    if (HasName(store, *holder, name))
      return Fail(Code::kExists, "the container name \"" + name + "\" is already in use by " + *holder +
                                     ". You have to remove that container to be able to reuse that name: "
                                     "that name is already in use");
    TRY(DropStaleClaim(store, name, *holder));
  }
  return Fail(Code::kBusy, "the container name \"" + name + "\" is being claimed by others; try again");
}

void ReleaseName(const Store& store, const std::string& name, const std::string& id) {
  if (!CheckContainerName(name) || !IsContainerId(id)) return;
  const std::string path = "names/" + name;
  unlinkat(store.root(), (path + "/" + id).c_str(), 0);
  unlinkat(store.root(), path.c_str(), AT_REMOVEDIR);  // refused if it is claimed again
}

void ReleaseNamesOf(const Store& store, const std::string& id) {
  auto names = ListDirectory(store.root(), "names");
  if (!names) return;
  for (const std::string& name : *names) ReleaseName(store, name, id);
}

std::optional<std::string> NameHolder(const Store& store, const std::string& name) {
  auto holders = ListDirectory(store.root(), "names/" + name);
  if (!holders) return std::nullopt;
  for (const std::string& holder : *holders)
    if (IsContainerId(holder)) return holder;
  return std::nullopt;
}

}  // namespace wolffia
