// Name claims: names/<name>/<id> says that container <id> has that name.
//
// A claim is a directory with one entry because that makes every step conditional without a lock: it appears
// whole, by renaming a directory onto the name, which the kernel refuses unless there is nothing or an empty
// directory; and it is taken away by unlinking the entry of one certain container, which can never hit a
// newer claim.
#pragma once

#include <optional>
#include <string>

#include "storage/staging.h"
#include "storage/store.h"

namespace wolffia {

// kInvalid (podman's words) unless it matches [a-zA-Z0-9][a-zA-Z0-9_.-]*.
Result<> CheckContainerName(std::string_view name);

// Claims `name` for container `id` through a staging directory of the caller's. A claim whose container is
// neither there nor being made, or has another name, is stale, and taken over. kExists names the holder.
Result<> ClaimName(const Store& store, const Staging& staging, const std::string& name,
                   const std::string& id);
// No error if the claim is not there, or another container's.
void ReleaseName(const Store& store, const std::string& name, const std::string& id);
// Releases whatever container `id` has claimed: for records that cannot be read.
void ReleaseNamesOf(const Store& store, const std::string& id);
// Who has claimed it (the container may be gone); nullopt if nobody.
std::optional<std::string> NameHolder(const Store& store, const std::string& name);

// True if the name is this container's: it is being made, or renamed by a process that lives, or its record
// says so. A claim that fails this was left by a rename that was killed (container_edit.h).
bool HasName(const Store& store, const std::string& id, const std::string& name);
// Held while a container's record is changed; relative to the store's root.
std::string EditLockPath(const std::string& container_id);

// True if the container exists, or is being made by a process that lives.
bool ContainerLives(const Store& store, const std::string& id);
// The id of the staging directory in which container `id` is made.
std::string StagingIdOf(const std::string& container_id);

}  // namespace wolffia
