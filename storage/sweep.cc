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

Result<> RemoveTree(const Store& store, const std::string& path, std::vector<std::string>* left_over) {
  auto removed = Staging::RemoveTree(store, path);
  if (!removed && removed.error().code == Code::kDenied && left_over != nullptr) left_over->push_back(path);
  return removed;
}

// The lock is removed last: a directory without a lock is dead.
Result<> SweepLocked(const Store& store, const std::string& id, std::vector<std::string>* left_over) {
  const std::string lock_path = "tmp/" + id + std::string(kLock);
  auto lock = TRY(FileLock::TryAcquire(store.root(), lock_path));
  if (!lock) return {};
  ReleaseClaim(store, "tmp/" + id);
  TRY(RemoveTree(store, "tmp/" + id, left_over));
  unlinkat(store.root(), lock_path.c_str(), 0);
  return {};
}

Result<> SweepEntry(const Store& store, const std::string& name, std::vector<std::string>* left_over) {
  if (name.ends_with(kLock) && IsStagingId(std::string_view(name).substr(0, name.size() - kLock.size())))
    return SweepLocked(store, name.substr(0, name.size() - kLock.size()), left_over);
  if (name.ends_with(".old") ||
      (IsStagingId(name) && !ExistsAt(store.root(), "tmp/" + name + std::string(kLock))))
    return RemoveTree(store, "tmp/" + name, left_over);
  return {};
}

}  // namespace

Result<> Staging::Sweep(const Store& store, std::vector<std::string>* left_over) {
  auto names = TRY(ListDirectory(store.root(), "tmp"));
  Result<> first;
  for (const std::string& name : names) {
    auto swept = SweepEntry(store, name, left_over);
    if (!swept && swept.error().os_errno == EROFS) return {};
    if (!swept && swept.error().code == Code::kDenied && left_over != nullptr) continue;
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
