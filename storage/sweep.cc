// Staging::Sweep: what dead work left in tmp/, by the rules at the head of staging.h.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/container_record.h"
#include "storage/content.h"
#include "storage/gc.h"
#include "storage/name_claim.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr std::string_view kLock = ".lock";

bool IsStagingId(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A container that was never finished may have claimed its name already.
void ReleaseClaim(const Store& store, const std::string& staging) {
  auto record = ReadContainer(store, staging + "/container");
  if (record && !ExistsAt(store.root(), "containers/" + record->id))
    ReleaseName(store, record->name, record->id);
}

// The lock is removed last: a directory without a lock is dead.
Result<> SweepLocked(const Store& store, const std::string& id) {
  const std::string lock_path = "tmp/" + id + std::string(kLock);
  auto lock = TRY(FileLock::TryAcquire(store.root(), lock_path));
  if (!lock) return {};
  ReleaseClaim(store, "tmp/" + id);
  TRY(Staging::RemoveTree(store, "tmp/" + id));
  unlinkat(store.root(), lock_path.c_str(), 0);
  return {};
}

Result<> SweepEntry(const Store& store, const std::string& name) {
  if (name.ends_with(kLock) && IsStagingId(std::string_view(name).substr(0, name.size() - kLock.size())))
    return SweepLocked(store, name.substr(0, name.size() - kLock.size()));
  if (name.ends_with(".old") ||
      (IsStagingId(name) && !ExistsAt(store.root(), "tmp/" + name + std::string(kLock))))
    return Staging::RemoveTree(store, "tmp/" + name);
  return {};
}

}  // namespace

Result<> Staging::Sweep(const Store& store) {
  auto names = TRY(ListDirectory(store.root(), "tmp"));
  Result<> first;
  for (const std::string& name : names) {
    auto swept = SweepEntry(store, name);
    if (!swept && swept.error().os_errno == EROFS) return {};
    if (!swept && first) first = std::move(swept);
  }
  // A collection was killed, or runs now: in both cases doing it again is right.
  if (std::ranges::any_of(names, [](const std::string& name) { return IsAside(name); })) {
    auto collected = CollectGarbage(store);
    if (!collected && first) first = std::unexpected(collected.error());
  }
  return first;
}

}  // namespace wolffia
