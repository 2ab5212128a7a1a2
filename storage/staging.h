// Staging: one directory tmp/<id> for unfinished work, under the held lock tmp/<id>.lock; removed with the object. After
// a kill -9 the lock is free, and the next Sweep removes the directory.
#pragma once

#include "engine/base/lock.h"
#include "storage/store.h"

namespace wolffia {

class Staging {
 public:
  static Result<Staging> Begin(const Store& store);
  Staging(Staging&&) noexcept = default;
  ~Staging();
  int dirfd() const { return directory_.get(); }
  const std::string& path() const { return path_; }  // relative to the store's root

  // Marks content as in use by this work, before asking whether the store has it: gc keeps what a live staging
  // directory pins (tmp/<id>/pin.<hex>).
  Result<> Pin(const Digest& digest);

  // Removes what dead work left behind in tmp/. Cheap when there is nothing.
  static Result<> Sweep(const Store& store);
  // Renames `path` (relative to the root) into tmp/ and removes it from there: never half-removed under its name.
  static Result<> Discard(const Store& store, const std::string& path);

 private:
  Staging() = default;
  int root_ = -1;  // the store's; the Store outlives its stagings
  std::string path_;
  Fd directory_;
  FileLock lock_;
};

}  // namespace wolffia
