// The merged tree against a model, over a fixed set of random runs (tests/fuzz/overlay_driver.h). A run that
// fails prints its operations; WOLFFIA_MODEL_SEED=N repeats one, WOLFFIA_MODEL_SEEDS=N does N of them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>

#include "tests/fuzz/overlay_driver.h"

namespace wolffia {
namespace {

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

TEST(OverlayModel, DoesWhatALocalFileSystemDoes) {
  umask(0);
  uint64_t first = Number("WOLFFIA_MODEL_SEED", 0);
  uint64_t count = first != 0 ? 1 : Number("WOLFFIA_MODEL_SEEDS", 400);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  uint64_t done = 0;
  for (; done < count; ++done) {
    if (count <= 400 && std::chrono::steady_clock::now() > end) break;
    uint64_t seed = first + done;
    std::string wrong = RunOverlayModel(OverlayModelBytes(seed, 200 + seed % 7 * 500));
    ASSERT_TRUE(wrong.empty()) << "seed " << seed << ":\n" << wrong;
  }
  RecordProperty("runs", static_cast<int>(done));
}

}  // namespace
}  // namespace wolffia
