#include "engine/runtime/oom_score.h"

#include <fcntl.h>

#include "engine/base/file.h"

namespace wolffia {

Result<> CheckOomScore(int64_t wanted, const std::string& root) {
  std::string text = std::to_string(wanted);
  if (wanted < -1000 || wanted > 1000)
    return Fail(Code::kInvalid, "--oom-score-adj " + text + ": must be from -1000 to 1000");
  const std::string path = root + "/proc/self/oom_score_adj";
  std::string ours = TRY(ReadFile(path, 64));
  while (ours.ends_with('\n')) ours.pop_back();
  if (ours == text) return {};
  Fd file = TRY(Open(path, O_WRONLY));
  if (WriteFull(file.get(), text)) {
    // Back down again: the kernel remembers the lowest value that was ours by right, so this is no lowering.
    TRY_WITH(WriteFull(file.get(), ours), path);
    return {};
  }
  return Fail(Code::kDenied, "--oom-score-adj " + text + ": wolffia itself has " + ours +
                                 ", and an ordinary user cannot go lower: give " + ours + " or more");
}

}  // namespace wolffia
