// Volumes: directories of the host that outlive containers. volumes/<name>/ has data/, which is what
// containers see, meta.json and lock.
//
// A volume is made in staging and appears by one rename, filled already. The lock is held for a moment by
// whoever uses the volume for a container that has no record yet, fills it, or removes it; so a volume cannot
// vanish between being chosen and being named in a record, and two commands never fill one twice. Who uses a
// volume is not stored: it is what the records of containers say.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/lock.h"
#include "storage/container_store.h"
#include "storage/store.h"

namespace wolffia {

struct VolumeRecord {
  std::string name, driver = "local";
  int64_t created_ns = 0;
  std::map<std::string, std::string> labels, options;
  bool anonymous = false;
  bool filled = false;  // nothing is copied into it any more
  bool operator==(const VolumeRecord&) const = default;
};

// kInvalid (podman's words) unless it matches [a-zA-Z0-9][a-zA-Z0-9_.-]*.
Result<> CheckVolumeName(std::string_view name);

class VolumeStore {
 public:
  explicit VolumeStore(const Store& store) : store_(store) {}

  // Writes into an empty directory that nobody else knows yet.
  using Fill = std::function<Result<>(int data)>;

  // Makes it; an empty name becomes 64 random digits. With `fill` it is filled from the start. kExists:
  // podman's words. `lock`: receives the volume's lock, held. `left_over`: see Remove; of a fill that failed.
  Result<VolumeRecord> Create(VolumeRecord record, const Fill& fill = {}, FileLock* lock = nullptr,
                              std::string* left_over = nullptr) const;

  Result<VolumeRecord> Read(
      const std::string& name) const;  // by its whole name; os_errno ENOENT: there is none
  // By name, or by a unique prefix of one. kNotFound: `no volume with name "x" found: no such volume`.
  Result<VolumeRecord> Get(std::string_view typed) const;
  Result<std::vector<VolumeRecord>> List() const;  // by name; takes no lock

  // The volume's lock, waiting for it; kNotFound if there is none. Of several volumes in the order of their
  // names.
  Result<FileLock> Hold(const std::string& name) const;
  // The caller holds the lock, and no container uses it yet. An empty volume is filled, by one exchange of data/, and
  // counts as filled if `done`; one that somebody wrote into stays as it is, and counts as filled.
  Result<> FillOnce(VolumeRecord record, const Fill& fill, bool done, std::string* left_over = nullptr) const;

  // The ids of the containers whose records name it, those that are being made too.
  Result<std::vector<std::string>> Users(const std::string& name) const;

  // kBusy in podman's words if a container uses it. Files of other ids of the user's give kDenied: they are
  // in tmp/ then, `left_over` (relative to the root), for the caller to remove inside a user namespace; the
  // volume is gone.
  Result<> Remove(const std::string& name, std::string* left_over = nullptr) const;
  // Moves the anonymous volumes of a container whose directory lies at `gone` (in tmp/) already into that
  // directory, so that they go with it. What others use, and what is not there, stays.
  void MoveAnonymous(const ContainerRecord& record, const std::string& gone) const;

  static std::string PathOf(const std::string& name) { return "volumes/" + name; }  // relative to the root
  std::string DataPath(const std::string& name) const {
    return store_.root_path() + "/" + PathOf(name) + "/data";
  }

 private:
  Result<> WriteRecord(const VolumeRecord& record) const;
  const Store& store_;
};

}  // namespace wolffia
