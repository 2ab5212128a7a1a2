#include "cmd/container_pruning.h"

#include "cmd/container_removal.h"
#include "cmd/container_size.h"
#include "cmd/container_view.h"
#include "cmd/filter.h"

namespace wolffia {

Result<ContainerFilter> PruneFilter(const Command& command, const Store& store) {
  std::vector<std::string> typed = command.options().List("filter");
  for (const Filter& filter : TRY(ParseFilters(typed)))
    if (filter.key != "until" && filter.key != "label" && filter.key != "label!")
      return Fail(Code::kInvalid, filter.key + " is an invalid filter: there are label, label! and until");
  return ContainerFilter::Parse(typed, store, command.context.now());
}

Result<PruneReport> PruneContainers(const Context& context, const Store& store,
                                    const ContainerFilter& filter) {
  PruneReport report;
  const auto sharers = TRY(ContainerStore(store).Sharers());
  ContainerMeasure measure(context, store);
  for (const ContainerStatus& status : TRY(ContainerStore(store).List())) {
    if (status.state == ContainerState::kRunning || !filter.Matches(status)) continue;
    if (!CheckNotShared(store, status.record.id, sharers)) continue;
    int64_t bytes = measure.Of(status).value_or(ContainerSize()).changed;
    auto removed = RemoveContainer(context, store, status.record.id, false);
    if (!removed && (removed.error().code == Code::kBusy || removed.error().code == Code::kNotFound))
      continue;
    if (!removed) {
      report.errors.push_back(removed.error());
      continue;
    }
    report.removed.push_back(status.record.id);
    report.bytes += status.record.rootfs.empty() ? bytes : 0;
  }
  return report;
}

}  // namespace wolffia
