// TarWriter: entries in, a tar stream out: POSIX ustar, with a pax header before an entry that ustar cannot
// hold (long names, large numbers, nanoseconds, xattrs as SCHILY.xattr.*, and on request sparse files as GNU
// tar's pax version 1.0). The counterpart of TarReader: what it writes reads back as it was. Our own writer,
// because the reader's types and limits then hold on both sides and the program links nothing more for it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "storage/overlay/index_builder.h"

namespace wolffia {

class TarWriter {
 public:
  using Sink = std::function<Result<>(std::string_view)>;
  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  // Of a LayerEntry everything counts but data_offset and the tar_offset of its extents. A directory's path
  // gets its slash here. Then come the bytes of a regular file: `size` of them, or those of the extents.
  Result<> Begin(const LayerEntry& entry);
  Result<> Data(std::string_view bytes);
  uint64_t left() const { return left_; }  // bytes of data that the entry still wants
  // The end of the archive, and the last call of the sink, which gets large pieces only. A file that became
  // shorter while it was read is filled up with zeros, as GNU tar does: here, and before the next entry.
  Result<> Finish();

 private:
  Result<> Put(std::string_view bytes);
  Result<> EndEntry();
  Result<> Block(char type, const std::string& name, const LayerEntry& entry, uint64_t size);
  Result<> Zeros(uint64_t size);

  Sink sink_;
  std::string buffer_;
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
};

}  // namespace wolffia
