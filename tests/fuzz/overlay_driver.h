// RunOverlayModel: an OverlayTree and a PosixModel side by side. Bytes become operations; the driver behaves
// as the kernel does (it looks names up and forgets them, goes on using files whose last name is gone, reads
// directories in pieces), now and then less well, and stops and starts the tree in the middle. Each answer is
// compared at once, the whole trees now and then and at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wolffia {

// "" if all was right; else what was wrong, and the operations that led there. The same bytes do the same.
// With WOLFFIA_TRACE in the environment each operation is printed before it is done.
std::string RunOverlayModel(std::string_view bytes);

// The bytes of a run that a number stands for.
std::string OverlayModelBytes(uint64_t seed, size_t size);

}  // namespace wolffia
