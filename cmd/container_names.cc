#include "cmd/container_names.h"

#include "cmd/container_filter.h"

namespace wolffia {
namespace {

constexpr size_t kMaxIdFile = 4096;

bool Has(const Command& command, std::string_view option) {
  return FindOption(command.line.verb->options, option) != nullptr && command.options().Has(option);
}
bool Bool(const Command& command, std::string_view option) {
  return FindOption(command.line.verb->options, option) != nullptr && command.options().Bool(option);
}

// The first line of each --cidfile. A missing file is as a missing container.
Result<std::vector<std::string>> ReadIdFiles(const Command& command, bool ignore) {
  std::vector<std::string> ids;
  if (!Has(command, "cidfile")) return ids;
  for (const std::string& path : command.options().List("cidfile")) {
    auto text = ReadFile(path, kMaxIdFile);
    if (!text && ignore && text.error().code == Code::kNotFound) continue;
    std::string id = TRY_WITH(std::move(text), "--cidfile");
    ids.push_back(id.substr(0, id.find('\n')));
  }
  return ids;
}

}  // namespace

Result<std::vector<ChosenOne>> SelectContainers(const Command& command, const Store& store,
                                                const SelectOptions& options) {
  const bool all = Bool(command, "all"), latest = Bool(command, "latest"), filter = Has(command, "filter");
  std::vector<std::string> typed = command.line.arguments;
  for (std::string& id : TRY(ReadIdFiles(command, options.ignore))) typed.push_back(std::move(id));
  if (all && !typed.empty()) return Fail(Code::kInvalid, "no arguments are needed with --all");
  if (latest && (all || !typed.empty()))
    return Fail(Code::kInvalid, "--latest and containers, or --all, cannot be used together");
  if (!all && !latest && !filter && typed.empty() && !options.any && !Has(command, "cidfile"))
    return Fail(Code::kInvalid, "you must provide at least one name or id");
  ContainerStore containers(store);
  std::vector<ChosenOne> chosen;
  for (const std::string& name : typed) {
    auto id = containers.Lookup(name);
    auto status = id ? containers.Get(*id) : Result<ContainerStatus>(std::unexpected(id.error()));
    if (status)
      chosen.push_back({name, std::move(*status)});
    else if (!options.ignore || status.error().code != Code::kNotFound)
      return std::unexpected(std::move(status.error()));
  }
  if (!all && !latest && !filter) return chosen;
  if (!typed.empty()) return chosen;
  ContainerFilter wanted = TRY(ContainerFilter::Parse(
      filter ? command.options().List("filter") : std::vector<std::string>(), store, command.context.now()));
  for (ContainerStatus& status : TRY(containers.List())) {
    if (!wanted.Matches(status)) continue;
    chosen.push_back({status.record.id, std::move(status)});
    if (latest) break;  // the newest comes first
  }
  if (latest && chosen.empty() && !options.ignore) return Fail(Code::kNotFound, "no such container");
  return chosen;
}

int ForEachContainer(const std::vector<ChosenOne>& containers,
                     const std::function<Result<>(const ChosenOne&)>& act) {
  int code = 0;
  for (const ChosenOne& one : containers) {
    auto done = act(one);
    if (done) {
      PrintLine(one.typed);
      continue;
    }
    PrintError(done.error());
    code = kExitEngine;
  }
  return code;
}

}  // namespace wolffia
