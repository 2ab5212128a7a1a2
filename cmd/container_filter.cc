#include "cmd/container_filter.h"

#include <regex.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "cmd/container_view.h"
#include "cmd/filter.h"
#include "cmd/image_view.h"

namespace wolffia {
namespace {

using Test = std::function<bool(const ContainerStatus&)>;

struct FreeRegex {
  void operator()(regex_t* regex) const {
    regfree(regex);
    delete regex;
  }
};

// A POSIX extended regular expression, found anywhere in the text.
Result<std::function<bool(const std::string&)>> Pattern(const Filter& filter) {
  auto* raw = new regex_t{};
  if (int failed = regcomp(raw, filter.value.c_str(), REG_EXTENDED | REG_NOSUB); failed != 0) {
    char why[128];
    regerror(failed, raw, why, sizeof why);
    delete raw;
    return Fail(Code::kInvalid, "invalid filter " + filter.key + "=" + filter.value + ": " + why);
  }
  std::shared_ptr<regex_t> regex(raw, FreeRegex());
  return [regex](const std::string& text) { return regexec(regex.get(), text.c_str(), 0, nullptr, 0) == 0; };
}

Result<Test> IdTest(const Filter& filter) {
  if (filter.value.find_first_not_of("0123456789abcdef") == std::string::npos)
    return [id = filter.value](const ContainerStatus& s) { return s.record.id.starts_with(id); };
  auto pattern = TRY(Pattern(filter));
  return [pattern](const ContainerStatus& s) { return pattern(s.record.id); };
}

Result<Test> NameTest(const Filter& filter) {
  auto pattern = TRY(Pattern(filter));
  return [pattern](const ContainerStatus& s) { return pattern(s.record.name); };
}

Result<Test> StatusTest(const Filter& filter) {
  static constexpr std::string_view kStates[] = {
      "created", "initialized", "running",  "paused",  "stopping", "restarting", "exited",
      "stopped", "crashed",     "removing", "unknown", "dead",     "configured"};
  if (std::ranges::find(kStates, filter.value) == std::end(kStates))
    return Fail(Code::kInvalid, "unknown container state: " + filter.value + ": invalid argument");
  if (filter.value == "crashed")
    return [](const ContainerStatus& s) { return s.state == ContainerState::kCrashed; };
  std::string wanted = filter.value;
  if (wanted == "stopped") wanted = "exited";
  if (wanted == "configured") wanted = "created";
  return [wanted](const ContainerStatus& s) { return StateName(s) == wanted; };
}

Result<Test> ExitedTest(const Filter& filter) {
  int code = 0;
  const char* end = filter.value.data() + filter.value.size();
  auto [parsed, error] = std::from_chars(filter.value.data(), end, code);
  if (error != std::errc() || parsed != end)
    return Fail(Code::kInvalid, "invalid filter exited=" + filter.value + ": not an exit code");
  return [code](const ContainerStatus& s) { return HasEnded(s) && ExitCodeOf(s) == code; };
}

Result<Test> AncestorTest(const Filter& filter) {
  std::string wanted = filter.value;
  if (wanted.starts_with("sha256:")) wanted.erase(0, 7);
  return [wanted](const ContainerStatus& s) {
    if (s.record.image_id.empty()) return false;
    return NameMatches(s.record.image_name, wanted) || s.record.image_id.hex().starts_with(wanted);
  };
}

Result<int64_t> CreationOf(const Store& store, const Filter& filter) {
  ContainerStore containers(store);
  std::string id = TRY(containers.Lookup(filter.value));
  return TRY(containers.Get(id)).record.created_ns;
}

Result<Test> BeforeTest(const Filter& filter, const Store& store) {
  int64_t then = TRY(CreationOf(store, filter));
  return [then](const ContainerStatus& s) { return s.record.created_ns < then; };
}

Result<Test> SinceTest(const Filter& filter, const Store& store) {
  int64_t then = TRY(CreationOf(store, filter));
  return [then](const ContainerStatus& s) { return s.record.created_ns > then; };
}

Result<Test> UntilTest(const Filter& filter, int64_t now_ns) {
  int64_t then = TRY(filter.Time(now_ns));
  return [then](const ContainerStatus& s) { return s.record.created_ns < then; };
}

// NAME, SOURCE or one of them with ":DESTINATION".
Result<Test> VolumeTest(const Filter& filter, const Store& store) {
  size_t colon = filter.value.find(':');
  std::string source = filter.value.substr(0, colon);
  std::string destination = colon == std::string::npos ? "" : filter.value.substr(colon + 1);
  return [source, destination, &store](const ContainerStatus& s) {
    auto fits = [&](const std::string& from, const std::string& to) {
      return from == source && (destination.empty() || to == destination);
    };
    for (const VolumeUse& use : s.record.volumes)
      if (fits(use.name, use.destination)) return true;
    auto spec = ContainerStore(store).ReadSpec(s.record.id);
    if (!spec) return false;
    return std::ranges::any_of(UserMounts(*spec, ContainerStore(store).DirectoryOf(s.record.id)),
                               [&](const SpecMount& m) { return fits(m.source, m.destination); });
  };
}

Result<Test> HealthTest(const Filter& filter) {
  static constexpr std::string_view kStates[] = {"starting", "healthy", "unhealthy", "none"};
  if (std::ranges::find(kStates, filter.value) == std::end(kStates))
    return Fail(Code::kInvalid, "invalid filter health=" + filter.value +
                                    ": there are starting, healthy, unhealthy and none");
  std::string wanted = filter.value == "none" ? "" : filter.value;
  return [wanted](const ContainerStatus& s) { return HealthOf(s) == wanted; };
}

Result<Test> PolicyTest(const Filter& filter) {
  static constexpr std::string_view kPolicies[] = {"", "no", "always", "on-failure", "unless-stopped"};
  if (std::ranges::find(kPolicies, filter.value) == std::end(kPolicies))
    return Fail(Code::kInvalid, "invalid restart policy: " + filter.value);
  std::string wanted = filter.value == "no" ? "" : filter.value;
  return [wanted](const ContainerStatus& s) {
    return (s.record.restart_policy == "no" ? "" : s.record.restart_policy) == wanted;
  };
}

Result<Test> TestOf(const Filter& filter, const Store& store, int64_t now_ns) {
  const std::string& key = filter.key;
  const std::string& value = filter.value;
  if (key == "id") return IdTest(filter);
  if (key == "name") return NameTest(filter);
  if (key == "label")
    return [value](const ContainerStatus& s) { return LabelMatches(s.record.labels, value); };
  if (key == "label!")
    return [value](const ContainerStatus& s) { return !LabelMatches(s.record.labels, value); };
  if (key == "status") return StatusTest(filter);
  if (key == "exited") return ExitedTest(filter);
  if (key == "ancestor") return AncestorTest(filter);
  if (key == "before") return BeforeTest(filter, store);
  if (key == "since" || key == "after") return SinceTest(filter, store);
  if (key == "until") return UntilTest(filter, now_ns);
  if (key == "volume") return VolumeTest(filter, store);
  if (key == "network")
    return [value](const ContainerStatus& s) {
      return s.record.network == value ||
             std::ranges::find(s.record.network_config.networks, value, &NetworkUse::network) !=
                 s.record.network_config.networks.end();
    };
  if (key == "health") return HealthTest(filter);
  if (key == "restart-policy") return PolicyTest(filter);
  if (key == "pod") return Fail(Code::kUnsupported, "filter pod: wolffia has no pods");
  return Fail(Code::kInvalid,
              key +
                  " is an invalid filter: there are ancestor, before, exited, health, id, label, "
                  "label!, name, network, restart-policy, since, status, until and volume");
}

}  // namespace

Result<ContainerFilter> ContainerFilter::Parse(const std::vector<std::string>& typed, const Store& store,
                                               int64_t now_ns) {
  ContainerFilter filter;
  for (const Filter& one : TRY(ParseFilters(typed))) {
    filter.Add(one.key, TRY(TestOf(one, store, now_ns)));
    filter.names_state_ = filter.names_state_ || one.key == "status" || one.key == "exited";
  }
  return filter;
}

void ContainerFilter::Add(const std::string& key, Test test) {
  auto group = std::ranges::find(groups_, key, &Group::key);
  if (group == groups_.end() || key.starts_with("label"))
    group = groups_.insert(groups_.end(), Group{key, {}});
  group->tests.push_back(std::move(test));
}

bool ContainerFilter::Matches(const ContainerStatus& status) const {
  return std::ranges::all_of(groups_, [&](const Group& group) {
    return std::ranges::any_of(group.tests, [&](const Test& test) { return test(status); });
  });
}

}  // namespace wolffia
