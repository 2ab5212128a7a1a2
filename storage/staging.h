// Staging: one directory tmp/<id> for unfinished work, under the held lock tmp/<id>.lock; removed with the
// object. After a kill -9 the lock is free, and the next Sweep removes the directory. What may be in tmp/:
//
//   <16 hex>.lock, <16 hex>/    a staging directory; live while the lock is held. The lock is made first,
//   removed last <16 hex>.old                discarded: anyone may remove it at any time <name>.aside a blob
//   or index that a collection has set aside (content.h) <64 hex>.rm                 mark of an auto-remove
//   container (container_store.h) <64 hex>.gone/              a container that is being removed
//   (container_store.h)
#pragma once

#include <string>
#include <vector>

#include "engine/base/lock.h"
#include "storage/store.h"

namespace wolffia {

class Staging {
 public:
  // `id`: 16 hexadecimal digits; empty for a random one. kBusy if it is taken.
  static Result<Staging> Begin(const Store& store, std::string id = {});
  Staging(Staging&&) noexcept = default;
  Staging& operator=(Staging&&) = delete;
  ~Staging();
  int dirfd() const { return directory_.get(); }
  const std::string& path() const { return path_; }  // relative to the store's root

  // Marks content as in use by this work, before asking whether the store has it: gc keeps what a live
  // staging directory pins (tmp/<id>/pin.<hex>). For several threads.
  Result<> Pin(const Digest& digest) const;

  // Removes what dead work left behind in tmp/, containers apart (ContainerStore::Sweep). Cheap when there is
  // nothing; does nothing in a store that cannot be written. What the user may not remove (files of other ids of
  // the user's, in a volume) is added to `left_over`, for the caller to remove inside a user namespace.
  static Result<> Sweep(const Store& store, std::vector<std::string>* left_over = nullptr);
  // Renames `path` (relative to the root) into tmp/ and removes it from there: never half-removed under its
  // name. What is missing is no error. Needs no space on the disk.
  static Result<> Discard(const Store& store, const std::string& path);

  // Removes a tree of tmp/ that others may be removing at the same time.
  static Result<> RemoveTree(const Store& store, const std::string& path);

  // True while the staging directory of that id is in use.
  static bool IsLive(const Store& store, std::string_view id);

 private:
  Staging() = default;
  int root_ = -1;  // the store's; the Store outlives its stagings
  std::string path_;
  Fd directory_;
  FileLock lock_;
};

}  // namespace wolffia
