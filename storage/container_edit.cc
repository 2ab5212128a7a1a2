#include "storage/container_edit.h"

#include <cerrno>

#include "engine/base/file.h"
#include "engine/base/lock.h"
#include "storage/container_record.h"
#include "storage/container_store.h"
#include "storage/name_claim.h"
#include "storage/staging.h"

namespace wolffia {

namespace {

Result<> WriteRecord(const Store& store, const std::string& directory, const ContainerRecord& record) {
  TRY(ReplaceFileAt(store.root(), directory + "/config.json", SerializeContainer(record), 0600,
                    store.durability()));
  // One that is being removed may have been read before.
  return ExistsAt(store.root(), directory) ? Result<>() : FailErrno("open " + directory, ENOENT);
}

}  // namespace

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
  auto written = WriteRecord(store, directory, record);
  if (!written) {
    ReleaseName(store, new_name, id);  // of one that is being removed nobody else gives it back
    return or_gone(std::move(written.error()).With("rename container " + old_name));
  }
  ReleaseName(store, old_name, id);
  return {};
}

Result<> ChangeContainer(const Store& store, const std::string& id,
                         const std::function<Result<>(ContainerRecord&)>& change) {
  const std::string directory = "containers/" + id;
  auto or_gone = [&](Error error) {
    return std::unexpected(ContainerStore(store).OrGone(id, std::move(error)));
  };
  auto lock = FileLock::Acquire(store.root(), EditLockPath(id));
  if (!lock) return or_gone(std::move(lock.error()));
  auto record = ReadContainer(store, directory);
  if (!record) return or_gone(std::move(record.error()));
  TRY(change(*record));
  auto written = WriteRecord(store, directory, *record);
  return written ? written : Result<>(or_gone(std::move(written.error())));
}

Result<> ChangeContainerNetwork(const Store& store, const std::string& id,
                                const std::function<Result<>(NetworkConfig&)>& change) {
  return ChangeContainer(store, id,
                         [&](ContainerRecord& record) { return change(record.network_config); });
}

}  // namespace wolffia
