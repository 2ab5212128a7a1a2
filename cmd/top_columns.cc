#include "cmd/top_columns.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "cmd/human.h"
#include "cmd/report.h"
#include "engine/runtime/capability.h"

namespace wolffia {
namespace {

using Process = ContainerProcess;
using Facts = TopFacts;

constexpr int64_t kSecond = 1'000'000'000;

int64_t TicksToNs(int64_t ticks, const Facts& facts) {
  return ticks * (kSecond / facts.ticks_per_second);
}

int64_t ElapsedNs(const Process& p, const Facts& facts) {
  return std::max<int64_t>(0, facts.uptime_ns - TicksToNs(p.start_ticks, facts));
}

std::string NameOf(uint32_t id, const std::map<uint32_t, std::string>& names) {
  auto name = names.find(id);
  return name == names.end() ? std::to_string(id) : name->second;
}

// A host id by its name inside.
std::string InsideName(uint32_t host, const std::vector<SpecIdMapping>& maps,
                       const std::map<uint32_t, std::string>& names) {
  for (const SpecIdMapping& map : maps)
    if (host >= map.host_id && host - map.host_id < map.size)
      return NameOf(map.container_id + (host - map.host_id), names);
  return "?";  // an id that the container does not have
}

std::string User(uint32_t host, const Facts& facts) {
  return InsideName(host, facts.uids, facts.users);
}
std::string Group(uint32_t host, const Facts& facts) {
  return InsideName(host, facts.gids, facts.groups);
}

std::string Joined(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : std::string(1, separator)) + part;
  return out;
}

std::string Arguments(const Process& p, const Facts&) {
  return p.arguments.empty() ? "[" + p.name + "]" : Joined(p.arguments, ' ');
}

std::string Capabilities(uint64_t set) {
  if (set == 0) return "none";
  std::vector<std::string> names;
  int known = 0;
  for (int number = 0; number < 64; number++) {
    std::string_view name = CapabilityName(number);
    if (name.empty()) continue;
    known++;
    if ((set >> number & 1) != 0) names.emplace_back(name.substr(4));
  }
  return static_cast<int>(names.size()) == known ? "full" : Joined(names, ',');
}

std::string Terminal(const Process& p, const Facts&) {
  if (p.terminal == 0) return "?";
  auto device = static_cast<dev_t>(p.terminal);
  unsigned high = major(device), low = minor(device);
  if (high >= 136 && high <= 143) return "pts/" + std::to_string((high - 136) * 256 + low);
  if (high == 4) return "tty" + std::to_string(low);
  if (high == 5 && low == 1) return "console";
  return std::to_string(high) + ":" + std::to_string(low);
}

std::string CpuShare(const Process& p, const Facts& facts) {
  int64_t used = TicksToNs(p.user_ticks + p.system_ticks, facts), elapsed = ElapsedNs(p, facts);
  char text[32];
  snprintf(text, sizeof text, "%.3f",
           elapsed == 0 ? 0 : 100 * static_cast<double>(used) / static_cast<double>(elapsed));
  return text;
}

std::string Seccomp(const Process& p, const Facts&) {
  static constexpr const char* kModes[] = {"disabled", "strict", "filter"};
  return p.seccomp >= 0 && p.seccomp < 3 ? kModes[p.seccomp] : "?";
}

std::string GroupList(const Process& p, const Facts& facts) {
  std::vector<std::string> names;
  for (uint32_t group : p.groups) names.push_back(Group(group, facts));
  return Joined(names, ',');
}

std::string HostGroupList(const Process& p, const Facts& facts) {
  std::vector<std::string> names;
  for (uint32_t group : p.groups) names.push_back(NameOf(group, facts.host_groups));
  return Joined(names, ',');
}

std::string HostPid(const Process& p, const Facts& facts) {
  auto pid = facts.host_pids.find(p.pid);
  return pid == facts.host_pids.end() ? "?" : std::to_string(pid->second);
}

// Ordered by descriptor.
constexpr TopColumn kColumns[] = {
    {"args", "COMMAND", Arguments},
    {"capamb", "AMBIENT CAPS", [](const Process& p, const Facts&) { return Capabilities(p.ambient); }},
    {"capbnd", "BOUNDING CAPS", [](const Process& p, const Facts&) { return Capabilities(p.bounding); }},
    {"capeff", "EFFECTIVE CAPS", [](const Process& p, const Facts&) { return Capabilities(p.effective); }},
    {"capinh", "INHERITED CAPS", [](const Process& p, const Facts&) { return Capabilities(p.inheritable); }},
    {"capprm", "PERMITTED CAPS", [](const Process& p, const Facts&) { return Capabilities(p.permitted); }},
    {"comm", "COMMAND", [](const Process& p, const Facts&) { return p.name; }},
    {"etime", "ELAPSED", [](const Process& p, const Facts& f) { return DurationText(ElapsedNs(p, f)); }},
    {"group", "GROUP", [](const Process& p, const Facts& f) { return Group(p.gid, f); }},
    {"groups", "GROUPS", GroupList},
    {"hgroup", "HGROUP", [](const Process& p, const Facts& f) { return NameOf(p.gid, f.host_groups); }},
    {"hgroups", "HGROUPS", HostGroupList},
    {"hpid", "HPID", HostPid},
    {"huser", "HUSER", [](const Process& p, const Facts& f) { return NameOf(p.uid, f.host_users); }},
    {"label", "LABEL",
     [](const Process& p, const Facts&) { return p.label.empty() ? std::string("?") : p.label; }},
    {"nice", "NI", [](const Process& p, const Facts&) { return std::to_string(p.nice); }},
    {"pcpu", "%CPU", CpuShare},
    {"pgid", "PGID", [](const Process& p, const Facts&) { return std::to_string(p.group); }},
    {"pid", "PID", [](const Process& p, const Facts&) { return std::to_string(p.pid); }},
    {"ppid", "PPID", [](const Process& p, const Facts&) { return std::to_string(p.parent); }},
    {"rgroup", "RGROUP", [](const Process& p, const Facts& f) { return Group(p.real_gid, f); }},
    {"rss", "RSS", [](const Process& p, const Facts&) { return std::to_string(p.resident_bytes / 1024); }},
    {"ruser", "RUSER", [](const Process& p, const Facts& f) { return User(p.real_uid, f); }},
    {"seccomp", "SECCOMP", Seccomp},
    {"state", "STATE", [](const Process& p, const Facts&) { return std::string(1, p.state); }},
    {"stime", "STIME", [](const Process& p, const Facts& f) { return LongTime(f.now_ns - ElapsedNs(p, f)); }},
    {"time", "TIME",
     [](const Process& p, const Facts& f) {
       return DurationText(TicksToNs(p.user_ticks + p.system_ticks, f));
     }},
    {"tty", "TTY", Terminal},
    {"user", "USER", [](const Process& p, const Facts& f) { return User(p.uid, f); }},
    {"vsz", "VSZ", [](const Process& p, const Facts&) { return std::to_string(p.virtual_bytes / 1024); }},
};

// The codes of ps(1) -o that POSIX names.
constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
    {"%C", "pcpu"},  {"%G", "group"},  {"%P", "ppid"}, {"%U", "user"}, {"%a", "args"},
    {"%c", "comm"},  {"%g", "rgroup"}, {"%n", "nice"}, {"%p", "pid"},  {"%r", "pgid"},
    {"%t", "etime"}, {"%u", "ruser"},  {"%x", "time"}, {"%y", "tty"},  {"%z", "vsz"}};

const TopColumn* FindColumn(std::string_view descriptor) {
  for (const auto& [code, meaning] : kCodes)
    if (code == descriptor) descriptor = meaning;
  auto column = std::ranges::find(kColumns, descriptor, &TopColumn::descriptor);
  return column == std::end(kColumns) ? nullptr : column;
}

// One cell of the table, whatever bytes the process gave itself as a name.
std::string Cell(const std::string& text) {
  std::string out;
  for (char c : TerminalText(text)) out += c == '\n' || c == '\t' ? '?' : c;
  return out;
}

}  // namespace

Result<std::vector<const TopColumn*>> ParseTopColumns(const std::vector<std::string>& typed) {
  std::vector<const TopColumn*> columns;
  for (std::string_view rest : typed) {
    while (true) {
      std::string_view one = rest.substr(0, rest.find(','));
      const TopColumn* column = FindColumn(one);
      if (column == nullptr)
        return Fail(Code::kInvalid,
                    "unknown descriptor: " + std::string(one) + ": there are " + TopDescriptors());
      columns.push_back(column);
      if (one.size() == rest.size()) break;
      rest.remove_prefix(one.size() + 1);
    }
  }
  return columns;
}

std::vector<const TopColumn*> DefaultTopColumns() {
  std::vector<const TopColumn*> columns;
  for (const char* name : {"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"})
    columns.push_back(FindColumn(name));
  return columns;
}

std::string TopDescriptors() {
  std::string all;
  for (const TopColumn& column : kColumns) all += (all.empty() ? "" : " ") + std::string(column.descriptor);
  return all;
}

std::string TopTable(const std::vector<ContainerProcess>& processes,
                     const std::vector<const TopColumn*>& columns, const TopFacts& facts) {
  std::string text;
  auto add_line = [&](auto cell) {
    for (size_t i = 0; i < columns.size(); i++) text += (i == 0 ? "" : "\t") + cell(*columns[i]);
    text += '\n';
  };
  add_line([](const TopColumn& column) { return std::string(column.heading); });
  for (const ContainerProcess& process : processes)
    add_line([&](const TopColumn& column) { return Cell(column.text(process, facts)); });
  return AlignColumns(text);
}

std::string DurationText(int64_t nanoseconds) {
  if (nanoseconds <= 0) return "0s";
  char text[64];
  auto decimal = [&](double value, const char* unit) {
    snprintf(text, sizeof text, "%.9f", value);
    std::string digits = text;
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
    return digits + unit;
  };
  if (nanoseconds < 1000) return std::to_string(nanoseconds) + "ns";
  if (nanoseconds < 1'000'000) return decimal(static_cast<double>(nanoseconds) / 1e3, "µs");
  if (nanoseconds < kSecond) return decimal(static_cast<double>(nanoseconds) / 1e6, "ms");
  int64_t minutes = nanoseconds / (60 * kSecond);
  std::string out;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes >= 1) out += std::to_string(minutes % 60) + "m";
  return out + decimal(static_cast<double>(nanoseconds % (60 * kSecond)) / 1e9, "s");
}

}  // namespace wolffia
