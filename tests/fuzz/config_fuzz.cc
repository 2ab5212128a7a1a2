// Image configurations and runtime specifications: what is accepted survives a round trip.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/oci/image_config.h"
#include "engine/oci/runtime_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto config = ImageConfig::Parse(text)) (void)CheckLayersFit(Manifest{}, *config);
  if (auto spec = RuntimeSpec::Parse(text)) {
    auto again = RuntimeSpec::Parse(spec->Serialize());
    if (!again || *again != *spec) abort();
  }
  return 0;
}
