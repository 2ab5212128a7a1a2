// Blobs: immutable files named by the sha256 of their bytes. Verified before the name exists, so a reader
// need not.
#pragma once

#include "storage/staging.h"
#include "storage/store.h"

namespace wolffia {

class BlobStore {
 public:
  explicit BlobStore(const Store& store) : store_(store) {}
  bool Has(const Digest& digest) const;
  Result<Fd> Open(const Digest& digest) const;  // kNotFound names the digest
  Result<std::string> Read(const Digest& digest, size_t limit = 4 << 20) const;
  Result<int64_t> Size(const Digest& digest) const;
  // Gives the file `name` of the staging directory its final name. The caller has verified its digest.
  // Adopting what exists already is success.
  Result<> Adopt(const Staging& staging, const std::string& name, const Digest& digest) const;
  // Small bytes whose digest the caller has computed.
  Result<> Put(const Staging& staging, std::string_view bytes, const Digest& digest) const;

 private:
  const Store& store_;
};

}  // namespace wolffia
