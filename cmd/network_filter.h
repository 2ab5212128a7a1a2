// Which networks `network ls` and `network prune` mean: --filter. Several values of one key are alternatives,
// but all labels must be there; different keys must all match.
#pragma once

#include <functional>

#include "cmd/filter.h"
#include "network/network_record.h"

namespace wolffia {

class NetworkFilter {
 public:
  // kInvalid for a key that the verb does not have (`allowed`), or a malformed value.
  static Result<NetworkFilter> Parse(const std::vector<std::string>& typed,
                                     const std::vector<std::string>& allowed, int64_t now_ns);
  // `used`: some container names it; asked only where a filter needs it.
  bool Matches(const NetworkRecord& record, const std::function<bool()>& used) const;

 private:
  struct Rule {
    std::string key, value;
    int64_t time_ns = 0;
  };
  static bool Holds(const Rule& rule, const NetworkRecord& record, const std::function<bool()>& used);
  std::vector<Rule> rules_;
};

}  // namespace wolffia
