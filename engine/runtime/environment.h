// Environment: the variables of a container's process, in the order in which they override each other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

// An ordered list of "NAME=value" with unique names: a later value replaces the earlier one in its place.
class Environment {
 public:
  void Set(std::string_view name, std::string_view value);
  void SetDefault(std::string_view name, std::string_view value);  // unless it is there
  bool Has(std::string_view name) const;
  std::optional<std::string> Get(std::string_view name) const;
  void Remove(std::string_view name);
  void Clear() { entries_.clear(); }
  const std::vector<std::string>& entries() const { return entries_; }

  // "A=b"; "A" is taken from our own environment if it is there; "A*" takes all that begin with A (podman).
  // kInvalid for an empty name.
  Result<> Apply(std::string_view entry, const Context& context);

  // A file of --env-file, in docker's syntax: one entry a line, value verbatim (no quotes); blanks before the
  // name are skipped, as are empty lines and comments (#). kInvalid with the line number for a name with
  // blanks or none.
  Result<> ApplyFile(std::string_view text, std::string_view name, const Context& context);

  // "A=word" of --env-merge: the word expanded with what is here already ("PATH=/opt/bin:${PATH}"). kInvalid
  // without a name or "=", and for a word that cannot be expanded.
  Result<> Merge(std::string_view entry);

 private:
  std::vector<std::string> entries_;
};

}  // namespace wolffia
