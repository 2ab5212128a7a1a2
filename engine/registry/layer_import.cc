#include "engine/registry/layer_import.h"

#include <system_error>
#include <thread>

#include "engine/oci/hasher.h"
#include "engine/registry/chunk_queue.h"

namespace wolffia {
namespace {

constexpr size_t kQueuedChunks = 4;

// The source: everything it gives, hashed, into `fetched`. The queue ends well only if digest and size are
// right.
void RunSource(const LayerImport& layer, ChunkQueue& fetched) {
  Sha256 hash;
  int64_t got = 0, reported = 0;
  const bool verify = !layer.descriptor.digest.empty();
  auto done = layer.fetch([&](std::string_view bytes) -> Result<> {
    if (layer.cancel.IsSet()) return Fail(Code::kBusy, "cancelled");
    got += static_cast<int64_t>(bytes.size());
    if (layer.descriptor.size >= 0 && got > layer.descriptor.size)
      return Fail(Code::kCorrupt, "it is longer than the " + std::to_string(layer.descriptor.size) +
                                      " bytes that the manifest promises");
    if (verify) hash.Update(bytes.data(), bytes.size());
    TRY(fetched.Write(bytes));
    if (got - reported >= static_cast<int64_t>(ChunkQueue::kChunkBytes)) {
      layer.on_progress(got);
      reported = got;
    }
    return {};
  });
  if (done && layer.descriptor.size >= 0 && got != layer.descriptor.size)
    done = Fail(Code::kCorrupt, "it has " + std::to_string(got) + " bytes instead of the " +
                                    std::to_string(layer.descriptor.size) + " that the manifest promises");
  if (Digest actual; done && verify && (actual = hash.Finish()) != layer.descriptor.digest)
    done = Fail(Code::kCorrupt, "its content has the digest " + actual.str() + ": it was changed or damaged");
  fetched.Close(std::move(done));
}

void RunDecoder(const LayerImport& layer, ChunkQueue& fetched, ChunkQueue& plain) {
  Decompressor decoder([&](std::string_view bytes) { return plain.Write(bytes); }, layer.windows,
                       layer.cancel);
  auto decode = [&]() -> Result<> {
    while (auto bytes = TRY(fetched.Read())) TRY(decoder.Push(*bytes));
    return decoder.Finish();
  };
  plain.Close(decode());
  fetched.Abandon();
}

Result<> RunWriter(LayerWriter& writer, ChunkQueue& plain) {
  while (auto bytes = TRY(plain.Read())) TRY(writer.Write(*bytes));
  return {};
}

}  // namespace

Result<> ImportLayer(const LayerImport& layer) {
  auto writer = TRY(LayerWriter::Begin(layer.store, layer.staging, layer.limits));
  ChunkQueue fetched(kQueuedChunks), plain(kQueuedChunks);
  std::thread source, decoder;
  Result<> written;
  try {
    decoder = std::thread([&] { RunDecoder(layer, fetched, plain); });
    source = std::thread([&] { RunSource(layer, fetched); });
    written = RunWriter(*writer, plain);
  } catch (const std::system_error&) {
    written = Fail(Code::kNoSpace, "cannot start a thread: the limit on processes (ulimit -u) is reached");
    fetched.Close(written);
  }
  if (!written) layer.cancel.Set();
  plain.Abandon();
  if (decoder.joinable()) decoder.join();
  if (source.joinable()) source.join();
  TRY(std::move(written));
  TRY(writer->Commit(layer.diff_id));
  return {};
}

}  // namespace wolffia
