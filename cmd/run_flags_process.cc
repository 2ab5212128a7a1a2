// The flags of `run` about the process itself and its surroundings.
#include <algorithm>

#include "cmd/run_flags.h"
#include "engine/base/file.h"
#include "engine/runtime/oom_score.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

constexpr size_t kMaxLabelFile = 4 << 20;

Result<uint32_t> ReadUmask(const std::string& text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos ||
      (text.size() == 4 && text[0] != '0'))
    return Fail(Code::kInvalid, "invalid umask string " + text + ": it must be octal, at most 0777");
  return static_cast<uint32_t>(std::stoul(text, nullptr, 8));
}

Result<> ReadGroups(const std::vector<std::string>& list, ProcessFlags& flags) {
  flags.groups = list;
  if (std::ranges::find(list, "keep-groups") == list.end()) return {};
  if (list.size() > 1)
    return Fail(Code::kInvalid,
                "the '--group-add keep-groups' option is not allowed with any other --group-add options");
  flags.groups.clear();
  flags.keep_groups = true;
  return {};
}

Result<> ReadSysctls(const std::vector<std::string>& list, ProcessFlags& flags) {
  for (const std::string& text : list) {
    size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Fail(Code::kInvalid, text + " is invalid, sysctl values must be in the form of KEY=VALUE");
    flags.sysctl[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return {};
}

// The kernel takes 64 bytes.
Result<std::string> ReadDomainName(const std::string& name) {
  if (name.size() > 64 || name.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
    return Fail(Code::kInvalid, "--domainname " + name + ": at most 64 characters, without line breaks");
  return name;
}

// "KEY=VALUE" or "KEY" a line; blank lines and comments (#) are skipped.
Result<> ReadLabelFile(const std::string& path, std::map<std::string, std::string>& labels) {
  const std::string text = TRY_WITH(ReadFile(path, kMaxLabelFile), "unable to process labels");
  std::string_view rest = text;
  for (std::string_view line; NextLine(rest, line);) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line.starts_with('#')) continue;
    size_t equals = line.find('=');
    if (equals == 0)
      return Fail(Code::kInvalid, "unable to process labels: " + path + ": the key of \"" +
                                      std::string(line) + "\" is empty");
    labels[std::string(line.substr(0, equals))] =
        equals == std::string_view::npos ? "" : std::string(line.substr(equals + 1));
  }
  return {};
}

}  // namespace

Result<> ReadProcessFlags(const OptionValues& options, RunRequest& request) {
  ProcessFlags& flags = request.process;
  flags.pid_file = options.String("pidfile");
  flags.monitor_pid_file = options.String("conmon-pidfile");
  flags.env_host = options.Bool("env-host");
  flags.env_merge = options.List("env-merge");
  flags.unset_env = options.List("unsetenv");
  flags.unset_all_env = options.Bool("unsetenv-all");
  flags.time_zone = options.String("tz");
  if (options.Has("umask")) flags.umask = TRY(ReadUmask(options.String("umask")));
  TRY(ReadGroups(options.List("group-add"), flags));
  for (const std::string& text : options.List("device")) flags.devices.push_back(TRY(ParseDeviceFlag(text)));
  TRY(ReadSysctls(options.List("sysctl"), flags));
  if (options.Has("domainname")) flags.domain_name = TRY(ReadDomainName(options.String("domainname")));
  if (options.Has("oom-score-adj")) {
    int64_t score = options.Int("oom-score-adj", 0);
    TRY(CheckOomScore(score));
    flags.oom_score_adj = static_cast<int>(score);
  }
  flags.passwd_entry = options.Bool("passwd");
  flags.hosts_file = !options.Bool("no-hosts");
  flags.scratch = options.Bool("read-only-tmpfs");
  // The files give way to the flags.
  std::map<std::string, std::string> labels;
  for (const std::string& path : options.List("label-file")) TRY(ReadLabelFile(path, labels));
  request.labels.merge(labels);
  request.lifecycle.replace = options.Bool("replace");
  if (request.lifecycle.replace && request.name.empty())
    return Fail(Code::kInvalid, "cannot replace container without --name being set");
  return {};
}

Result<> FillProcess(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.pid_file = request.process.pid_file;
  record.monitor_pid_file = request.process.monitor_pid_file;
  return {};
}

}  // namespace wolffia
