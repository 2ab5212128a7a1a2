// Names of images and platforms: what is accepted prints as itself, and errors print as harmless text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/oci/manifest.h"
#include "engine/oci/quote.h"
#include "engine/oci/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto reference = Reference::Parse(text)) {
    auto again = Reference::Parse(reference->str());
    if (!again || *again != *reference) abort();
    if (reference->Name().size() > 255) abort();
    // Tags are stored as files named after references.
    if (reference->str().find("..") != std::string::npos && reference->path.find("..") != std::string::npos)
      abort();
  } else if (Printable(reference.error().what, SIZE_MAX) != reference.error().what) {
    abort();
  }
  if (auto platform = Platform::Parse(text)) {
    auto again = Platform::Parse(platform->str());
    if (!again || *again != *platform || !platform->Accepts(*platform)) abort();
  }
  return 0;
}
