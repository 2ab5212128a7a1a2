// PaxHeader: the records of one pax extended header ("27 mtime=1700000000.123456\n"; POSIX.1-2017 pax, "pax
// Extended Header"), read into what the tar reader uses of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

// GNU tar's description of a sparse file in pax records (versions 0.0, 0.1, 1.0).
struct PaxSparse {
  std::string major, minor, name;
  std::optional<int64_t> size;  // GNU.sparse.size or .realsize: of the file with its holes
  std::vector<int64_t> map;     // offset, length, offset, length...
  bool in_data() const { return major == "1" && minor == "0"; }  // the map stands before the data
};

struct PaxHeader {
  std::optional<std::string> path, link_path;
  std::optional<int64_t> size, uid, gid, mtime_sec;
  uint32_t mtime_nsec = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  // of SCHILY.xattr.NAME
  std::optional<PaxSparse> sparse;

  // `max_map` bounds the numbers in the sparse map. An empty value takes a record back, as the standard says
  // (but an empty xattr is one). Keys that mean nothing here are ignored.
  static Result<PaxHeader> Parse(std::string_view records, size_t max_map);
};

}  // namespace wolffia
