// The checksum of the records that a crash may cut off in the middle (intent, sidecar): FNV-1a, 64 bits.
// Tells a torn record from a whole one; no protection against anybody.
#pragma once

#include <cstdint>
#include <string_view>

namespace wolffia {

inline uint64_t RecordChecksum(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace wolffia
