#include "engine/runtime/process_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr size_t kMaxFile = 1 << 20;  // arguments may be longer: they are cut

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

template <typename Number>
Number NumberOf(std::string_view text, int base = 10) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// At most the first kMaxFile bytes.
std::string ReadSome(int directory, const std::string& path) {
  std::string text;
  auto fd = OpenAt(directory, path, O_RDONLY);
  if (!fd) return text;
  std::array<char, 4096> buffer;
  while (text.size() < kMaxFile) {
    ssize_t n = read(fd->get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(n));
  }
  return text;
}

std::string LinkAt(int directory, const std::string& path) {
  std::array<char, 64> target;
  ssize_t n = readlinkat(directory, path.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<size_t>(n)) : "";
}

std::vector<std::string> SplitArguments(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    size_t end = std::min(text.find('\0'), text.size());
    arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return arguments;
}

Result<ContainerProcess> ReadProcess(int proc, const std::string& pid) {
  ContainerProcess process;
  TRY(ParseProcessStat(ReadSome(proc, pid + "/stat"), process));
  ParseProcessStatus(ReadSome(proc, pid + "/status"), process);
  process.arguments = SplitArguments(ReadSome(proc, pid + "/cmdline"));
  process.label = ReadSome(proc, pid + "/attr/current");
  process.label.erase(
      std::min(process.label.find_first_of(std::string_view("\n\0", 2)), process.label.size()));
  return process;
}

}  // namespace

Result<> ParseProcessStat(std::string_view text, ContainerProcess& process) {
  // The name is in parentheses and may itself hold any byte, ")" too.
  size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return Fail(Code::kCorrupt, "malformed /proc/PID/stat");
  std::vector<std::string_view> words = Words(text.substr(close + 1));
  if (words.size() < 22) return Fail(Code::kCorrupt, "malformed /proc/PID/stat");
  // words[0] is field 3 of proc(5).
  process.pid = NumberOf<int>(Words(text.substr(0, open)).empty() ? "" : Words(text.substr(0, open))[0]);
  process.name = text.substr(open + 1, close - open - 1);
  process.state = words[0][0];
  process.parent = NumberOf<int>(words[1]);
  process.group = NumberOf<int>(words[2]);
  process.terminal = static_cast<uint32_t>(NumberOf<int>(words[4]));
  process.user_ticks = NumberOf<int64_t>(words[11]);
  process.system_ticks = NumberOf<int64_t>(words[12]);
  process.children_ticks = NumberOf<int64_t>(words[13]) + NumberOf<int64_t>(words[14]);
  process.nice = NumberOf<int>(words[16]);
  process.start_ticks = NumberOf<int64_t>(words[19]);
  process.virtual_bytes = NumberOf<uint64_t>(words[20]);
  process.resident_bytes = NumberOf<uint64_t>(words[21]) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {};
}

void ParseProcessStatus(std::string_view text, ContainerProcess& process) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view key = line.substr(0, colon);
    std::vector<std::string_view> words = Words(line.substr(colon + 1));
    if (key == "Groups")
      for (std::string_view word : words) process.groups.push_back(NumberOf<uint32_t>(word));
    if (words.empty()) continue;
    if ((key == "Uid" || key == "Gid") && words.size() >= 2) {
      (key == "Uid" ? process.real_uid : process.real_gid) = NumberOf<uint32_t>(words[0]);
      (key == "Uid" ? process.uid : process.gid) = NumberOf<uint32_t>(words[1]);
    }
    if (key == "Seccomp") process.seccomp = NumberOf<int>(words[0]);
    const std::pair<std::string_view, uint64_t*> sets[] = {{"CapInh", &process.inheritable},
                                                           {"CapPrm", &process.permitted},
                                                           {"CapEff", &process.effective},
                                                           {"CapBnd", &process.bounding},
                                                           {"CapAmb", &process.ambient}};
    for (const auto& [name, set] : sets)
      if (key == name) *set = NumberOf<uint64_t>(words[0], 16);
  }
}

Result<std::vector<ContainerProcess>> ListProcesses(int proc, int init) {
  const std::string wanted = init != 0 ? LinkAt(proc, std::to_string(init) + "/ns/user") : "";
  if (init != 0 && wanted.empty())
    return Fail(Code::kNotFound, "the container's process " + std::to_string(init) + " has ended");
  std::vector<ContainerProcess> processes;
  for (const std::string& name : TRY(ListDirectory(proc, "."))) {
    if (!IsNumber(name) || (init != 0 && LinkAt(proc, name + "/ns/user") != wanted)) continue;
    auto process = ReadProcess(proc, name);
    if (process) processes.push_back(std::move(*process));
  }
  std::ranges::sort(processes, {}, &ContainerProcess::pid);
  return processes;
}

std::vector<std::pair<int, int>> HostPids(int init) {
  std::vector<std::pair<int, int>> pids;
  const std::string wanted = LinkAt(AT_FDCWD, "/proc/" + std::to_string(init) + "/ns/pid");
  auto names = ListDirectory(AT_FDCWD, "/proc");
  if (wanted.empty() || !names) return pids;
  for (const std::string& name : *names) {
    if (!IsNumber(name) || LinkAt(AT_FDCWD, "/proc/" + name + "/ns/pid") != wanted) continue;
    std::string status = ReadSome(AT_FDCWD, "/proc/" + name + "/status");
    size_t at = status.find("\nNSpid:");
    if (at == std::string::npos) continue;
    std::string_view line = std::string_view(status).substr(at + 7);
    auto words = Words(line.substr(0, line.find('\n')));
    if (!words.empty()) pids.emplace_back(NumberOf<int>(words.back()), NumberOf<int>(name));
  }
  return pids;
}

}  // namespace wolffia
