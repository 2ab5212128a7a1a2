// Secrets: bytes that containers are handed, and that nothing else shows. secrets/<name>/ has data (0600) and
// meta.json. One is made in staging and appears by one rename; a container gets a copy when it is made, so
// that a secret can be removed or replaced at any time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/store.h"

namespace wolffia {

struct SecretRecord {
  std::string name, id;  // id: 25 hexadecimal digits
  std::string driver = "file";
  int64_t created_ns = 0, updated_ns = 0;
  std::map<std::string, std::string> labels;
  bool operator==(const SecretRecord&) const = default;
};

inline constexpr size_t kMaxSecretBytes = 512000;  // as podman and docker

class SecretStore {
 public:
  explicit SecretStore(const Store& store) : store_(store) {}

  // kInvalid for a name or a size that is not allowed; kExists unless `replace`: then it keeps its creation
  // time.
  Result<SecretRecord> Create(SecretRecord record, std::string_view data, bool replace = false) const;
  Result<SecretRecord> Read(
      const std::string& name) const;  // by its whole name; os_errno ENOENT: there is none
  // By name, id, or a unique prefix of an id. kNotFound: `no secret with name or id "x": no such secret`.
  Result<SecretRecord> Get(std::string_view typed) const;
  Result<std::vector<SecretRecord>> List() const;  // oldest first
  Result<> Remove(const std::string& name) const;
  // Who reads it overwrites it when it is done (explicit_bzero).
  Result<std::string> ReadData(const std::string& name) const;

 private:
  const Store& store_;
};

}  // namespace wolffia
