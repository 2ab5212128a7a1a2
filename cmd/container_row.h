// One line of `ps`: what its templates see, its JSON, its order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/container_size.h"
#include "cmd/template/template.h"
#include "storage/container_store.h"

namespace wolffia {

struct ContainerListing {
  ContainerStatus status;
  std::optional<ContainerSize> size;  // with --size
};

// Which fields a template asks for: the others are not made.
class RowFields {
 public:
  // Every field, where the template looks at a row as a whole.
  static RowFields Of(const std::string& format);
  static RowFields All();
  bool Has(size_t field) const { return wanted_[field]; }
  // One of those that ListScope::history is for.
  bool LooksBack() const;

 private:
  std::vector<bool> wanted_;
};

struct RowView {
  int64_t now_ns;
  bool no_trunc;
};

Value RowOf(const ContainerListing& listing, const RowView& view, const RowFields& fields);
// The object of `ps --format json`.
Value JsonRowOf(const ContainerListing& listing, const RowView& view);

// By "command", "created", "id", "image", "names", "runningfor", "size" or "status", each ascending.
Result<> SortListings(std::vector<ContainerListing>& listings, const std::string& key);

}  // namespace wolffia
