#include "storage/overlay/chunk_digest.h"

// In the header alone: nothing is linked, nothing is loaded.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstring>

#include "storage/overlay/index_format.h"

namespace wolffia {

struct ChunkHasher::State {
  XXH3_state_t xxh;
};

ChunkHasher::ChunkHasher() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(&state_->xxh);
}

ChunkHasher::~ChunkHasher() = default;

void ChunkHasher::Update(std::string_view bytes) {
  XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size());
}

uint64_t ChunkHasher::Finish() {
  const uint64_t digest = XXH3_64bits_digest(&state_->xxh);
  XXH3_64bits_reset(&state_->xxh);
  return digest;
}

uint64_t ChunkDigest(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t IndexChecksum(std::string_view index) {
  char header[sizeof(IndexHeader)];
  memcpy(header, index.data(), sizeof header);
  memset(header + offsetof(IndexHeader, checksum), 0, sizeof(IndexHeader::checksum));
  return XXH3_64bits_withSeed(index.data() + sizeof header, index.size() - sizeof header,
                              XXH3_64bits(header, sizeof header));
}

void SealIndex(char* index, size_t size) {
  const uint64_t checksum = IndexChecksum({index, size});
  memcpy(index + offsetof(IndexHeader, checksum), &checksum, sizeof checksum);
}

}  // namespace wolffia
