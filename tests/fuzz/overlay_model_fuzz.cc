// The merged tree against a model: operations from bytes, each answer compared. See overlay_driver.h.
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/overlay_driver.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr size_t kEnough = 6000;
  umask(0);  // the tree computes modes itself
  std::string_view bytes(reinterpret_cast<const char*>(data), size < kEnough ? size : kEnough);
  std::string wrong = wolffia::RunOverlayModel(bytes);
  if (wrong.empty()) return 0;
  fprintf(stderr, "%s\n", wrong.c_str());
  abort();
}
