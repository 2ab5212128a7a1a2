// Counters of FUSE requests by kind. They may lie in a file that is mapped (shared), so that another process
// can read them while the server works: `wolffia inspect` shows them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace wolffia {

inline constexpr size_t kFuseOpcodes = 64;

// By opcode (linux/fuse.h). In a file: native byte order; all zeros is a valid start.
struct FuseCounts {
  std::array<std::atomic<uint64_t>, kFuseOpcodes> by_opcode{};
};
static_assert(sizeof(FuseCounts) == kFuseOpcodes * sizeof(uint64_t));

struct FuseCounter {
  std::string operation;  // "lookup", "readdirplus"
  uint64_t count;
};

std::vector<FuseCounter> NamedCounters(const FuseCounts& counts);  // those that are not zero

}  // namespace wolffia
