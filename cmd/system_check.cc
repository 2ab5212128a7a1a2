// wolffia system check (in wolffia-image).
#include <unistd.h>

#include <algorithm>

#include "cmd/progress.h"
#include "cmd/store_confinement.h"
#include "cmd/verbs.h"
#include "engine/registry/content_refetch.h"
#include "storage/container_store.h"
#include "storage/gc.h"

namespace wolffia {
namespace {

constexpr int kExitNotHealed = 1;

// The path that is being read, on a terminal.
class PathLine {
 public:
  PathLine(const ProgressStyle& style, bool quiet) : width_(style.width), shown_(style.terminal && !quiet) {}
  void Show(const std::string& path) const {
    if (shown_) Put("\r\x1b[2K" + path.substr(0, width_ - 1));
  }
  void Clear() const {
    if (shown_) Put("\r\x1b[2K");
  }

 private:
  static void Put(const std::string& line) { (void)!write(STDERR_FILENO, line.data(), line.size()); }
  size_t width_;
  bool shown_;
};

void PrintFinding(const Finding& finding) {
  const char* word = finding.damage ? (finding.repaired ? "repaired: " : "damaged: ")
                                    : (finding.repaired ? "removed: " : "harmless: ");
  PrintLine(word + finding.path + ": " + finding.problem);
}

// Who runs has the old file open, whatever its name leads to now.
Result<> NameRunning(const Session& session, const std::vector<Finding>& findings) {
  for (const ContainerStatus& container : TRY(ContainerStore(session.store).List({.held_only = true}))) {
    if (container.phase == Phase::kNone) continue;
    for (const Digest& layer : container.record.diff_ids)
      if (std::ranges::any_of(findings, [&](const Finding& f) {
            return f.damage && f.repaired && f.path == Store::BlobPath(layer);
          })) {
        PrintNotice("container " + container.record.name +
                    " runs on what was there before: wolffia restart " + container.record.name);
        break;
      }
  }
  return {};
}

Result<std::vector<Finding>> Check(const Command& command, const Session& session, const PathLine& line,
                                   std::vector<std::string>* failures) {
  auto progress = [&](const std::string& path) { line.Show(path); };
  if (!command.options().Bool("repair")) return CheckStore(session.store, nullptr, progress);
  ProgressView view(command.context, DetectProgressStyle(command.context, command.options().Bool("quiet")));
  PullOptions options;
  options.progress = [&](const ProgressEvent& event) { view.Show(event); };
  StoreRepair repair;
  repair.discard = command.options().Bool("force");
  repair.refetch = [&](const std::set<Digest>& broken) -> Result<> {
    line.Clear();
    *failures = TRY(RefetchContent(command.context, session.settings, session.store, broken, options));
    view.Finish();
    return {};
  };
  return CheckStore(session.store, &repair, progress);
}

}  // namespace

// 125 if there is damage and nothing was to be repaired; 1 if something could not be.
Result<int> SystemCheckVerb(const Command& command) {
  const bool quiet = command.options().Bool("quiet"), repair = command.options().Bool("repair");
  if (command.options().Bool("force") && !repair)
    return Fail(Code::kInvalid, "--force says how much --repair may do: give both");
  Session session = TRY(OpenSession(command, repair ? Registries::kLoad : Registries::kSkip));
  if (repair)
    ConfinePull(command, session, PullOptions{});
  else
    ConfineToStore(command, session, Network::kNone);
  PathLine line(DetectProgressStyle(command.context, quiet), quiet);
  std::vector<std::string> failures;
  auto checked = Check(command, session, line, &failures);
  line.Clear();
  const std::vector<Finding> findings = TRY(std::move(checked));
  bool damaged = false;
  for (const Finding& finding : findings) {
    damaged = damaged || (finding.damage && !finding.repaired);
    if (finding.damage || !quiet) PrintFinding(finding);
  }
  for (const std::string& failure : failures) PrintNotice("not fetched: " + failure);
  if (repair) TRY(NameRunning(session, findings));
  if (!quiet && findings.empty()) PrintLine("The store is sound.");
  if (!quiet && repair && !findings.empty())
    PrintLine(damaged ? "Not everything could be repaired." : "Repaired.");
  if (!quiet && !repair && !findings.empty())
    PrintNotice(
        "wolffia system check --repair fetches what is damaged again, makes indexes again and removes "
        "orphans.");
  return !damaged ? 0 : repair ? kExitNotHealed : kExitEngine;
}

}  // namespace wolffia
