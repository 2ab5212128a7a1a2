// Store: the durable directory tree of one user, and its short-lived twin in the runtime directory.
// Crash-only:
//
//   format, ids.lock            version of this layout; held by who chooses ids for a container (auto_ids.h)
//   blobs/sha256/<hex>          manifests, configs, and layers as uncompressed tars
//   index/<hex>.layer.idx       derived: a layer's index, by diff-id
//   index/<hex>.idx             derived: a chain's index, by chain-id (the diff-id of a chain of one layer)
//   images/<name>.json          tags: one small file each, replaced by rename
//   containers/<id>/            config.json spec.json upper/ work/ merged/ lower/ started.json exit.json
//                               lock secrets/ (its copies) overlay/ (volumes with changes of their own)
//   names/<name>/<id>           unique claim on a container name (name_claim.h)
//   volumes/<name>/             data/ meta.json lock (volume_store.h)
//   secrets/<name>/             data meta.json (secret_store.h)
//   tmp/                        everything unfinished (staging.h lists what may be there)
//
// 1. An object exists if and only if its final name exists. Unfinished work lives in tmp/ under a held lock;
// whoever
//    can take the lock may remove it.
// 2. Objects are immutable; the few mutable cells are one file, replaced by rename.
// 3. Liveness is a held lock, never a stored word.
// 4. What can be derived (index/) can be deleted at any time.
// 5. Data is on disk before its name is (Durability::kSafe).
// 6. Delete = rename into tmp/, then unlink; it works with zero bytes free.
#pragma once

#include <string>

#include "engine/base/file.h"
#include "engine/oci/digest.h"

namespace wolffia {

struct StoreOptions {
  std::string root;     // $XDG_DATA_HOME/wolffia
  std::string runroot;  // $XDG_RUNTIME_DIR/wolffia
  Durability durability = Durability::kSafe;
  bool verify_reads = false;  // storage.verify = "open": see Lower
};

class Store {
 public:
  // Makes the layout on first use; afterwards it reads one file, so a read-only root can be opened. Refuses a
  // root or runroot that belongs to somebody else or that others can write, a directory that holds something
  // else, and a `format` that it does not know.
  static Result<Store> Open(const StoreOptions& options);

  int root() const { return root_.get(); }  // directory descriptor; all paths below are relative to it
  const std::string& root_path() const { return options_.root; }
  const std::string& runroot_path() const { return options_.runroot; }
  Durability durability() const { return options_.durability; }
  bool verify_reads() const { return options_.verify_reads; }

  static std::string BlobPath(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }
  static std::string LayerIndexPath(const Digest& diff_id) { return "index/" + diff_id.hex() + ".layer.idx"; }
  static std::string ChainIndexPath(const Digest& chain_id) { return "index/" + chain_id.hex() + ".idx"; }

 private:
  StoreOptions options_;
  Fd root_;
};

}  // namespace wolffia
