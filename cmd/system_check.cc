// wolffia system check (in wolffia-image).
#include <unistd.h>

#include "cmd/progress.h"
#include "cmd/verbs.h"
#include "storage/gc.h"

namespace wolffia {

// 125 if there is damage and it was not repaired.
Result<int> SystemCheckVerb(const Command& command) {
  bool quiet = command.options().Bool("quiet"), repair = command.options().Bool("repair");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ProgressStyle style = DetectProgressStyle(command.context, quiet);
  auto progress = [&](const std::string& path) {
    if (style.terminal && !quiet) {
      std::string line = "\r\x1b[2K" + path.substr(0, style.width - 1);
      (void)!write(STDERR_FILENO, line.data(), line.size());
    }
  };
  auto checked = CheckStore(session.store, repair, progress);
  if (style.terminal && !quiet) (void)!write(STDERR_FILENO, "\r\x1b[2K", 5);
  std::vector<Finding> findings = TRY(std::move(checked));
  size_t damaged = 0;
  for (const Finding& finding : findings) {
    damaged += finding.damage ? 1 : 0;
    if (finding.damage || !quiet)
      PrintLine((finding.damage ? "damaged: " : "harmless: ") + finding.path + ": " + finding.problem);
  }
  if (findings.empty()) {
    if (!quiet) PrintLine("The store is sound.");
    return 0;
  }
  if (repair) {
    if (!quiet) PrintLine("Repaired. An image that has lost content must be pulled again.");
    return 0;
  }
  if (!quiet)
    PrintNotice("wolffia system check --repair makes indexes again and removes orphans and damaged blobs.");
  return damaged > 0 ? kExitEngine : 0;
}

}  // namespace wolffia
