#include "storage/container_edit.h"

#include <cerrno>

#include "engine/base/file.h"
#include "engine/base/lock.h"
#include "storage/container_record.h"
#include "storage/container_store.h"
#include "storage/name_claim.h"
#include "storage/staging.h"

namespace wolffia {

// The order makes every crash harmless: the new name is claimed, then the record says it, then the old claim
// goes. Until the record says a name, a claim to it counts for nothing once edit.lock is free (HasName).
Result<> RenameContainer(const Store& store, const std::string& id, const std::string& new_name) {
  TRY(CheckContainerName(new_name));
  const std::string directory = "containers/" + id;
  auto lock = FileLock::Acquire(store.root(), EditLockPath(id));
  // A removal heeds the container's own lock only: it takes the directory away at any moment.
  auto or_gone = [&](Error error) {
    return std::unexpected(ContainerStore(store).OrGone(id, std::move(error)));
  };
  if (!lock) return or_gone(std::move(lock.error()));
  const FileLock held = std::move(*lock);
  auto read = ReadContainer(store, directory);
  if (!read) return or_gone(std::move(read.error()));
  ContainerRecord& record = *read;
  if (record.name == new_name)
    return Fail(Code::kExists,
                "container " + id.substr(0, 12) + " has the name \"" + new_name + "\" already");
  ReleaseName(store, new_name, id);  // what a rename that was killed had claimed for it
  Staging staging = TRY(Staging::Begin(store));
  TRY(ClaimName(store, staging, new_name, id));
  const std::string old_name = std::exchange(record.name, new_name);
  auto written = ReplaceFileAt(store.root(), directory + "/config.json", SerializeContainer(record), 0600,
                               store.durability());
  // One that is being removed may have been read before: then nobody else gives the new claim back.
  if (written && !ExistsAt(store.root(), directory)) written = FailErrno("open " + directory, ENOENT);
  if (!written) {
    ReleaseName(store, new_name, id);
    return or_gone(std::move(written.error()).With("rename container " + old_name));
  }
  ReleaseName(store, old_name, id);
  return {};
}

}  // namespace wolffia
