// wolffia system prune.
#include <algorithm>

#include "cmd/confirmation.h"
#include "cmd/container_pruning.h"
#include "cmd/container_removal.h"
#include "cmd/container_size.h"
#include "cmd/dispatch.h"
#include "cmd/filter.h"
#include "cmd/image_view.h"
#include "cmd/network_removal.h"
#include "cmd/volume_removal.h"
#include "engine/runtime/tree_size.h"
#include "storage/gc.h"
#include "storage/network_store.h"
#include "storage/volume_store.h"

namespace wolffia {
namespace {

// The filters of a prune verb, for what is no container.
struct CommonFilter {
  std::vector<Filter> filters;
  int64_t now_ns;

  Result<bool> Matches(const std::map<std::string, std::string>& labels, int64_t created_ns) const {
    for (const Filter& filter : filters) {
      if (filter.key == "label" && !LabelMatches(labels, filter.value)) return false;
      if (filter.key == "label!" && LabelMatches(labels, filter.value)) return false;
      if (filter.key == "until" && created_ns >= TRY(filter.Time(now_ns))) return false;
    }
    return true;
  }
};

class Prune {
 public:
  Prune(const Command& command, const Session& session, CommonFilter filter)
      : command_(command), session_(session), filter_(std::move(filter)) {}

  Result<> Containers(const ContainerFilter& filter) {
    PruneReport report = TRY(PruneContainers(command_.context, session_.store, filter));
    Tell("Deleted Containers", report);
    return {};
  }

  Result<> Volumes() {
    VolumeStore volumes(session_.store);
    PruneReport report;
    for (const VolumeRecord& record : TRY(volumes.List())) {
      if (!TRY(filter_.Matches(record.labels, record.created_ns))) continue;
      if (!TRY(volumes.Users(record.name)).empty()) continue;
      int64_t bytes = MeasureTree(command_.context, volumes.DataPath(record.name)).value_or(0);
      auto removed = RemoveVolume(command_.context, session_.store, record.name);
      Note(removed, record.name, bytes, report);
    }
    Tell("Deleted Volumes", report);
    return {};
  }

  Result<> Networks() {
    NetworkStore networks(session_.store);
    PruneReport report;
    for (const NetworkRecord& record : TRY(networks.List())) {
      if (record.name == kDefaultNetwork || !TRY(filter_.Matches(record.labels, record.created_ns))) continue;
      Note(RemoveNetwork(command_.context, session_.store, record), record.name, 0, report);
    }
    Tell("Deleted Networks", report);
    return {};
  }

  // Those without a name, or with --all those without a container.
  Result<> Images() {
    ImageStore images(session_.store);
    PruneReport report;
    for (const ImageGroup& group : GroupImages(TRY(images.List()))) {
      if (!command_.options().Bool("all") && !group.Names().empty()) continue;
      if (!TRY(filter_.Matches(LabelsOf(group), group.first().created_ns))) continue;
      // Asked for each image anew: a container may have been made of it since the last one.
      if (!UsersOf(group.id(), TRY(ContainerStore(session_.store).List())).empty()) continue;
      Result<> removed;
      for (const ImageRecord& record : group.records)
        if (removed) removed = images.RemoveName(record, false);
      Note(removed, group.id().hex(), 0, report);
    }
    report.bytes += static_cast<int64_t>(TRY(CollectGarbage(session_.store)).bytes);
    Tell("Deleted Images", report);
    return {};
  }

  int Finish() const {
    PrintLine("Total reclaimed space: " + CompactSize(bytes_, 4));
    return failed_ ? kExitEngine : 0;
  }

 private:
  std::map<std::string, std::string> LabelsOf(const ImageGroup& group) const {
    if (filter_.filters.empty()) return {};
    auto config = ReadImageConfig(session_.store, group.id());
    return config ? config->labels : std::map<std::string, std::string>();
  }

  static void Note(const Result<>& removed, const std::string& name, int64_t bytes, PruneReport& report) {
    if (removed) {
      report.removed.push_back(name);
      report.bytes += bytes;
    } else if (removed.error().code != Code::kBusy && removed.error().code != Code::kNotFound) {
      report.errors.push_back(removed.error());
    }
  }

  void Tell(const char* heading, const PruneReport& report) {
    if (!report.removed.empty()) PrintLine(heading);
    for (const std::string& name : report.removed) PrintLine(name);
    for (const Error& error : report.errors) PrintError(error);
    failed_ = failed_ || !report.errors.empty();
    bytes_ += report.bytes;
  }

  const Command& command_;
  const Session& session_;
  const CommonFilter filter_;
  int64_t bytes_ = 0;
  bool failed_ = false;
};

std::string Warning(const OptionValues& options) {
  std::string text =
      "WARNING! This command removes:\n\t- all stopped containers\n\t- all networks not used by at least one "
      "container\n";
  if (options.Bool("volumes")) text += "\t- all volumes not used by at least one container\n";
  return text + (options.Bool("all") ? "\t- all images without at least one container associated with them\n"
                                     : "\t- all dangling images\n");
}

}  // namespace

Result<int> SystemPruneVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerFilter filter = TRY(PruneFilter(command, session.store));
  if (!options.Bool("force") && !TRY(Confirm(Warning(options)))) return 0;
  SweepContainers(command.context, session.store);
  std::vector<Filter> filters = TRY(ParseFilters(options.List("filter")));
  Prune prune(command, session, {std::move(filters), command.context.now()});
  TRY(prune.Containers(filter));
  if (options.Bool("volumes")) TRY(prune.Volumes());
  TRY(prune.Images());
  TRY(prune.Networks());
  return prune.Finish();
}

}  // namespace wolffia
