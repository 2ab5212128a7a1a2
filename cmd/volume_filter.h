// Which volumes `volume ls` and `volume prune` mean: --filter. Several values of one key are alternatives,
// but all labels must be there; different keys must all match.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/volume_store.h"

namespace wolffia {

class VolumeFilter {
 public:
  // kInvalid for a key that the verb does not have (`allowed`, separated by spaces), or a malformed value.
  static Result<VolumeFilter> Parse(const std::vector<std::string>& typed, std::string_view allowed,
                                    const VolumeStore& volumes, int64_t now_ns);
  // `used`: some container names it; asked only where a filter needs it.
  bool Matches(const VolumeRecord& record, const std::function<bool()>& used) const;

 private:
  struct Rule {
    std::string key, value;
    int64_t time_ns = 0;
  };
  static bool Holds(const Rule& rule, const VolumeRecord& record, const std::function<bool()>& used);
  std::vector<Rule> rules_;
};

}  // namespace wolffia
