// Randomness from the kernel (getrandom(2)).
#pragma once

#include <cstddef>
#include <string>

namespace wolffia {

// 2 * `bytes` lower-case hexadecimal digits. Aborts if the kernel has no randomness (it does after boot).
std::string RandomHex(size_t bytes);

}  // namespace wolffia
