// What a container takes on the disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/base/context.h"
#include "storage/container_store.h"

namespace wolffia {

struct ContainerSize {       // bytes
  int64_t changed = 0;       // files that it wrote
  int64_t root = 0;          // these and its image
  std::string Text() const;  // "12B (virtual 1.98MB)"
};

// Measures containers; remembers the sizes of images.
class ContainerMeasure {
 public:
  ContainerMeasure(const Context& context, const Store& store);
  Result<ContainerSize> Of(const ContainerStatus& status) const;

 private:
  const Context& context_;
  const Store& store_;
  std::map<std::string, int64_t> images_;  // id -> bytes
};

// Without a blank before the unit, with so many significant digits, as podman prints sizes of containers.
std::string CompactSize(int64_t bytes, int digits = 3);

}  // namespace wolffia
