// An image's passwd and group, apart at the first NUL, with the wanted user in the first line: a user that is
// found has ids in range.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/runtime/id_map.h"
#include "engine/runtime/passwd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view wanted = text.substr(0, text.find('\n'));
  std::string_view files = text.substr(std::min(wanted.size() + 1, text.size()));
  std::string_view passwd = files.substr(0, files.find('\0'));
  std::string_view group = files.substr(std::min(passwd.size() + 1, files.size()));
  auto user = wolffia::LookupUser(wanted, passwd, group);
  if (user && (user->uid > INT32_MAX || user->gid > INT32_MAX || user->additional_gids.size() > 65536))
    abort();
  for (const wolffia::SubordinateRange& range : wolffia::ParseSubordinate(passwd, wanted, 1000))
    if (range.count == 0 || uint64_t{range.first} + range.count > UINT32_MAX) abort();
  return 0;
}
