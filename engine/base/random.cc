#include "engine/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace wolffia {

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, 0);
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = getrandom(raw.data() + done, bytes - done, 0);
    if (n < 0 && errno != EINTR) std::abort();
    if (n > 0) done += static_cast<size_t>(n);
  }
  std::string hex;
  hex.reserve(2 * bytes);
  for (char c : raw) {
    auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace wolffia
