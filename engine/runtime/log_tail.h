// LogTail: where the last so many lines of a log begin. Reads files backwards in blocks of 64 KiB, and no
// further than it must.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/runtime/log_format.h"

namespace wolffia {

class LogTail {
 public:
  LogTail(LogFormat format, int64_t wanted) : format_(format), wanted_(wanted) {}

  // The offset in `fd` where the tail begins; 0 if it may begin in an older file, which is then to be asked
  // for next. A line of partial records counts once, also one that has no end yet. Lines that are no records
  // count nothing.
  Result<off_t> Search(int fd, off_t size);

 private:
  bool Begins(std::string_view line);

  LogFormat format_;
  int64_t wanted_;
  int64_t lines_ = 0;
  std::string scratch_;
};

}  // namespace wolffia
