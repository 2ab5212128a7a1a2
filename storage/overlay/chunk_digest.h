// The digests by which an index tells whether the bytes of a layer, and its own, are still those that were
// pulled: XXH3, 64 bits. They find what disks, network file systems and memory do to bytes; they are no
// protection against somebody who writes to the store, who could as well write another index: against him,
// `system check` compares the layers with their names (SHA-256).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace wolffia {

uint64_t ChunkDigest(std::string_view bytes);

// The checksum of an index, as its header has it. `index`: at least a header.
uint64_t IndexChecksum(std::string_view index);
void SealIndex(char* index, size_t size);  // puts it there

// The digest of bytes that come in pieces.
class ChunkHasher {
 public:
  ChunkHasher();
  ~ChunkHasher();
  void Update(std::string_view bytes);
  uint64_t Finish();  // and begins the next chunk

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wolffia
