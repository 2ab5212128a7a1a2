#include "cmd/image_selection.h"

#include <algorithm>

#include "cmd/filter.h"
#include "cmd/image_view.h"

namespace wolffia {
namespace {

Result<bool> Matches(const Session& session, const Filter& filter, const ImageRecord& record) {
  if (filter.key == "reference") return !record.name.empty() && NameMatches(record.name, filter.value);
  if (filter.key == "dangling") {
    bool wanted = TRY(filter.Bool());
    return wanted == record.name.empty();
  }
  if (filter.key == "id") return record.config.hex().starts_with(filter.value);
  if (filter.key == "label") {
    auto config = ReadImageConfig(session.store, record.config);
    return config && LabelMatches(config->labels, filter.value);
  }
  if (filter.key == "before" || filter.key == "since" || filter.key == "after") {
    ImageRecord other = TRY(ResolveImage(session, filter.value));
    return filter.key == "before" ? record.created_ns < other.created_ns
                                  : record.created_ns > other.created_ns;
  }
  return Fail(Code::kInvalid, "invalid image filter \"" + filter.key +
                                  "\": there are reference, dangling, id, label, before and since");
}

Result<> Sort(std::vector<ImageRecord>& records, const std::string& key) {
  auto by = [&](auto less) {
    std::ranges::stable_sort(records, less);
    return Result<>();
  };
  using R = const ImageRecord&;
  if (key == "created") return by([](R a, R b) { return a.created_ns > b.created_ns; });
  if (key == "id") return by([](R a, R b) { return a.config < b.config; });
  if (key == "size") return by([](R a, R b) { return a.size < b.size; });
  if (key == "repository")
    return by([](R a, R b) { return SplitName(a.name).repository < SplitName(b.name).repository; });
  if (key == "tag") return by([](R a, R b) { return SplitName(a.name).tag < SplitName(b.name).tag; });
  return Fail(Code::kInvalid,
              "invalid sort key \"" + key + "\": there are created, id, repository, size and tag");
}

}  // namespace

Result<std::vector<ImageRecord>> SelectImages(const Command& command, const Session& session) {
  std::vector<Filter> filters = TRY(ParseFilters(command.options().List("filter")));
  if (!command.line.arguments.empty()) filters.push_back({"reference", command.line.arguments[0]});
  std::vector<ImageRecord> selected;
  for (ImageRecord& record : TRY(ImageStore(session.store).List())) {
    bool matches = true;
    for (const Filter& filter : filters) matches = matches && TRY(Matches(session, filter, record));
    if (matches) selected.push_back(std::move(record));
  }
  TRY(Sort(selected, command.options().String("sort")));
  return selected;
}

}  // namespace wolffia
