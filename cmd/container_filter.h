// ContainerFilter: --filter of the verbs that choose containers, with podman's keys and words. Several values
// of one key widen the choice, several keys narrow it; every label that is named must be there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/container_store.h"

namespace wolffia {

class ContainerFilter {
 public:
  // kInvalid for a key that is none, a value that does not parse, and a container (before=, since=) that is
  // not there.
  static Result<ContainerFilter> Parse(const std::vector<std::string>& typed, const Store& store,
                                       int64_t now_ns);

  bool Matches(const ContainerStatus& status) const;
  // True if a state is asked for: then containers that do not run are looked at without --all.
  bool names_state() const { return names_state_; }

 private:
  using Test = std::function<bool(const ContainerStatus&)>;
  struct Group {  // one of its tests must hold
    std::string key;
    std::vector<Test> tests;
  };
  void Add(const std::string& key, Test test);

  std::vector<Group> groups_;
  bool names_state_ = false;
};

}  // namespace wolffia
