#include "engine/runtime/ulimit.h"

#include <sys/resource.h>

#include <algorithm>

#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

struct Kind {
  std::string_view flag;  // as --ulimit spells it
  const char* type;
  __rlimit_resource resource;
};
constexpr Kind kKinds[] = {
    {"as", "RLIMIT_AS", RLIMIT_AS},
    {"core", "RLIMIT_CORE", RLIMIT_CORE},
    {"cpu", "RLIMIT_CPU", RLIMIT_CPU},
    {"data", "RLIMIT_DATA", RLIMIT_DATA},
    {"fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"locks", "RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"nice", "RLIMIT_NICE", RLIMIT_NICE},
    {"nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"nproc", "RLIMIT_NPROC", RLIMIT_NPROC},
    {"rss", "RLIMIT_RSS", RLIMIT_RSS},
    {"rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"stack", "RLIMIT_STACK", RLIMIT_STACK},
};
constexpr uint64_t kUnlimited = RLIM_INFINITY;
constexpr uint64_t kDefaultMost = 1048576;

std::optional<uint64_t> ParseLimit(std::string_view text) {
  if (text == "-1" || text == "unlimited") return kUnlimited;
  return ParseDecimal<uint64_t>(text);
}

const SpecRlimit* Find(const std::vector<SpecRlimit>& limits, std::string_view type) {
  auto found =
      std::find_if(limits.begin(), limits.end(), [&](const SpecRlimit& l) { return l.type == type; });
  return found == limits.end() ? nullptr : &*found;
}

void Put(std::vector<SpecRlimit>& limits, SpecRlimit limit) {
  for (SpecRlimit& l : limits)
    if (l.type == limit.type) {
      l = std::move(limit);
      return;
    }
  limits.push_back(std::move(limit));
}

std::string Words(uint64_t value) {
  return value == kUnlimited ? "unlimited" : std::to_string(value);
}

Result<SpecRlimit> ParseOne(std::string_view text, std::string_view origin) {
  std::string where = std::string(origin) + " " + std::string(text);
  std::vector<std::string_view> parts = SplitFields(text, '=', 2);
  auto kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.flag == parts[0]; });
  if (kind == std::end(kKinds))
    return Fail(Code::kInvalid, where + ": invalid ulimit type: " + std::string(parts[0]));
  if (parts.size() != 2) return Fail(Code::kInvalid, where + ": expected NAME=SOFT or NAME=SOFT:HARD");
  std::vector<std::string_view> values = SplitFields(parts[1], ':');
  std::optional<uint64_t> soft = ParseLimit(values[0]),
                          hard = values.size() > 1 ? ParseLimit(values[1]) : soft;
  if (values.size() > 2 || !soft || !hard)
    return Fail(Code::kInvalid, where + ": limits are numbers, or -1 for unlimited, as in nofile=1024:2048");
  if (*soft > *hard)
    return Fail(Code::kInvalid, where + ": the soft limit must be less than or equal to the hard limit");
  return SpecRlimit{kind->type, *soft, *hard};
}

Result<> PutAll(const std::vector<std::string>& texts, std::string_view origin,
                const std::vector<SpecRlimit>& own, std::vector<SpecRlimit>& limits) {
  for (const std::string& text : texts) {
    if (text == "host") {
      for (const SpecRlimit& limit : own) Put(limits, limit);
      continue;
    }
    SpecRlimit limit = TRY(ParseOne(text, origin));
    const SpecRlimit* ours = Find(own, limit.type);
    if (ours != nullptr && limit.hard > ours->hard)
      return Fail(Code::kUnsupported,
                  std::string(origin) + " " + text + ": the hard limit of this user is " + Words(ours->hard) +
                      ", and only an administrator can raise it (limits.conf, or systemd's Limit"
                      "...= settings)");
    Put(limits, std::move(limit));
  }
  return {};
}

}  // namespace

std::vector<SpecRlimit> CurrentLimits() {
  std::vector<SpecRlimit> limits;
  for (const Kind& kind : kKinds) {
    rlimit limit;
    if (getrlimit(kind.resource, &limit) == 0) limits.push_back({kind.type, limit.rlim_cur, limit.rlim_max});
  }
  return limits;
}

Result<std::vector<SpecRlimit>> ContainerLimits(const std::vector<std::string>& flags,
                                                const std::vector<std::string>& defaults,
                                                const std::vector<SpecRlimit>& own) {
  std::vector<SpecRlimit> limits;
  for (const char* type : {"RLIMIT_NOFILE", "RLIMIT_NPROC"})
    if (const SpecRlimit* ours = Find(own, type); ours != nullptr) {
      uint64_t most = std::min(ours->hard, kDefaultMost);
      limits.push_back({type, most, most});
    }
  TRY(PutAll(defaults, "run.default_ulimits", own, limits));
  TRY(PutAll(flags, "--ulimit", own, limits));
  return limits;
}

}  // namespace wolffia
