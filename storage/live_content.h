// LiveContent: what the records, the containers and the pins of live staging directories name at one moment.
#pragma once

#include <set>
#include <string>

#include "storage/store.h"

namespace wolffia {

struct LiveContent {
  std::set<std::string> blobs;   // hexadecimal digests
  std::set<std::string> chains;  // chain-ids

  // Records that are malformed name nothing (they cannot be used either); what cannot be read for another
  // reason is an error, because what it names must not be taken for dead.
  static Result<LiveContent> Read(const Store& store);

  bool NamesBlob(const std::string& hex) const { return blobs.contains(hex); }
  // `file_name`: in index/.
  bool NamesIndex(std::string_view file_name) const;
};

}  // namespace wolffia
