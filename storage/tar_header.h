// The 512-byte header block of a tar: V7, POSIX ustar, star and GNU spellings (POSIX.1-2017 pax, "ustar
// Interchange Format"; GNU tar manual, "Basic Tar Format"). Pure; nothing here knows of streams.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

inline constexpr size_t kTarBlock = 512;

struct TarHeader {
  std::string name;
  std::string link_name;
  char type = '0';  // typeflag
  bool gnu = false;
  uint32_t mode = 0;  // permissions only
  int64_t uid = 0, gid = 0, size = 0, mtime = 0;
  int64_t device_major = 0, device_minor = 0;
};

// `block` has kTarBlock bytes. kCorrupt if its checksum or a number in it is wrong.
Result<TarHeader> ParseTarHeader(std::string_view block);

bool IsZeroBlock(std::string_view block);

// A number field: octal digits between spaces and NULs, or GNU's base-256 (first bit set). False if neither,
// or beyond 64 bits.
bool ParseTarNumber(std::string_view field, int64_t& value);

// Decimal digits only, at most INT64_MAX.
bool ParseDecimal(std::string_view text, int64_t& value);

}  // namespace wolffia
