// User-defined networks: networks/<name>.json, immutable, and the default one, which needs no file. Makers
// hold networks/lock, so that two never choose the same subnet. Who uses a network is not stored: it is what
// the records of containers say.
#pragma once

#include <functional>

#include "network/network_record.h"
#include "storage/store.h"

namespace wolffia {

class NetworkStore {
 public:
  explicit NetworkStore(const Store& store) : store_(store) {}

  // All but its id, from what others have.
  using Define = std::function<Result<NetworkRecord>(const std::vector<NetworkRecord>& others)>;
  Result<NetworkRecord> Create(const Define& define) const;

  // By name, or by a unique prefix of its id. kNotFound: podman's words.
  Result<NetworkRecord> Get(std::string_view typed) const;
  Result<std::vector<NetworkRecord>> List() const;  // by name; takes no lock

  // The ids of the containers whose records name it.
  Result<std::vector<std::string>> Users(const std::string& name) const;
  // kBusy in podman's words if a container uses it; kInvalid: the default one.
  Result<> Remove(const std::string& name) const;

 private:
  Result<NetworkRecord> Default() const;
  const Store& store_;
};

}  // namespace wolffia
