#include "engine/runtime/log_tail.h"

#include <algorithm>

#include "engine/base/fd.h"

namespace wolffia {
namespace {

constexpr off_t kBlock = 64 << 10;

}  // namespace

Result<off_t> LogTail::Search(int fd, off_t size) {
  if (wanted_ <= 0) return size;
  std::string text;    // from `begin` to the end of the line before the one that was looked at last
  off_t begin = size;  // offset of text
  bool complete =
      false;  // text ends in a line feed: what stands behind the last one in the file is not there yet
  while (begin > 0 || !text.empty()) {
    size_t end = text.size();
    size_t feed = complete && end > 1 ? text.rfind('\n', end - 2)
                  : complete          ? std::string::npos
                                      : text.rfind('\n');
    if (feed == std::string::npos && begin > 0) {
      off_t length = std::min(kBlock, begin);
      std::string block(static_cast<size_t>(length), 0);
      size_t n = TRY(PreadFull(fd, block.data(), block.size(), begin - length));
      if (n < block.size()) return 0;   // truncated meanwhile
      if (text.size() > kMaxLogLine) {  // no record: its end is not kept, its begin not asked about
        text.clear();
        complete = false;
      }
      text.insert(0, block);
      begin -= length;
      continue;
    }
    size_t start = feed == std::string::npos ? 0 : feed + 1;
    if (complete && Begins(std::string_view(text).substr(start, end - start - 1)))
      return begin + static_cast<off_t>(end);
    text.resize(start);
    complete = true;
  }
  return 0;
}

// True if the tail begins after this line, which is the one before those that were asked about.
bool LogTail::Begins(std::string_view line) {
  auto record = ParseLogRecord(format_, line, scratch_);
  if (!record || (record->partial && lines_ > 0)) return false;
  return lines_++ == wanted_;
}

}  // namespace wolffia
