#include "storage/layer_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "engine/oci/hasher.h"
#include "storage/content.h"
#include "storage/layer_index.h"

namespace wolffia {
namespace {

constexpr size_t kBufferSize = 256 << 10;
// So many bytes are handed to the disk at a time while more arrive, so that the sync at the end has little
// left to do.
constexpr uint64_t kWritebackStep = 16 << 20;

class StagedLayer final : public LayerWriter {
 public:
  StagedLayer(const Store& store, const Staging& staging, LayerLimits limits, std::string name, Fd file)
      : store_(store), staging_(staging), limits_(limits), name_(std::move(name)), file_(std::move(file)) {
    buffer_.reserve(kBufferSize);
  }
  StagedLayer(const StagedLayer&) = delete;
  StagedLayer& operator=(const StagedLayer&) = delete;
  // A failed layer gives its space back at once, not when the whole pull ends.
  ~StagedLayer() override { unlinkat(staging_.dirfd(), name_.c_str(), 0); }

  Result<> Write(std::string_view bytes) override {
    if (bytes.size() > limits_.bytes - written_)
      return Fail(Code::kNoSpace,
                  "the layer is larger than " + std::to_string(limits_.bytes) +
                      " bytes when uncompressed; the limit is pull.max_layer_size in wolffia.toml");
    written_ += bytes.size();
    // In pieces, so that the bytes are still in the processor's cache for the second and the third reader.
    while (!bytes.empty()) {
      std::string_view piece = bytes.substr(0, kBufferSize);
      bytes.remove_prefix(piece.size());
      hash_.Update(piece.data(), piece.size());
      TRY(indexer_.Push(piece));
      TRY(Buffer(piece));
    }
    return {};
  }

  Result<Digest> Commit(const std::optional<Digest>& expected) override {
    TRY(Flush());
    const Digest diff_id = hash_.Finish();
    if (expected && *expected != diff_id)
      return Fail(Code::kCorrupt, "the layer's uncompressed bytes are " + diff_id.str() + ", not " +
                                      expected->str() + " as expected");
    if (!expected) TRY(staging_.Pin(diff_id));  // nobody could before: its name must not come without
    const std::string index = TRY(indexer_.Finish());
    const std::string index_name = name_ + ".idx";
    auto published = [&]() -> Result<> {
      TRY_WITH(CreateFileAt(staging_.dirfd(), index_name, index, 0600), "the layer's index");
      TRY(BlobStore(store_).Adopt(staging_, name_, diff_id));
      return PublishFile(store_, staging_.dirfd(), index_name, Store::LayerIndexPath(diff_id));
    }();
    if (published) return diff_id;
    unlinkat(staging_.dirfd(), index_name.c_str(), 0);
    return std::unexpected(published.error());
  }

 private:
  Result<> Buffer(std::string_view piece) {
    if (buffer_.size() + piece.size() > kBufferSize) TRY(Flush());
    if (piece.size() == kBufferSize) return ToFile(piece);
    buffer_.append(piece);
    return {};
  }

  Result<> Flush() {
    if (buffer_.empty()) return {};
    TRY(ToFile(buffer_));
    buffer_.clear();
    return {};
  }

  Result<> ToFile(std::string_view bytes) {
    TRY_WITH(WriteFull(file_.get(), bytes), "write the layer");
    in_file_ += bytes.size();
    if (store_.durability() == Durability::kSafe && in_file_ - pushed_ >= kWritebackStep) {
      (void)sync_file_range(file_.get(), static_cast<off_t>(pushed_), static_cast<off_t>(in_file_ - pushed_),
                            SYNC_FILE_RANGE_WRITE);
      pushed_ = in_file_;
    }
    return {};
  }

  const Store& store_;
  const Staging& staging_;
  const LayerLimits limits_;
  const std::string name_;
  Fd file_;
  Sha256 hash_;
  LayerIndexer indexer_;
  std::string buffer_;
  uint64_t written_ = 0, in_file_ = 0, pushed_ = 0;
};

}  // namespace

Result<std::unique_ptr<LayerWriter>> LayerWriter::Begin(const Store& store, const Staging& staging,
                                                        LayerLimits limits) {
  std::string name = "layer." + RandomHex(8);
  Fd file = TRY(OpenAt(staging.dirfd(), name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return std::unique_ptr<LayerWriter>(
      std::make_unique<StagedLayer>(store, staging, limits, std::move(name), std::move(file)));
}

}  // namespace wolffia
