// wolffia doctor.
#include "cmd/doctor.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/doctor_view.h"
#include "cmd/report.h"
#include "engine/guarantees/host_trial.h"
#include "engine/guarantees/ids.h"

namespace wolffia {
namespace {

DoctorStyle DetectStyle(const Context& context) {
  DoctorStyle style;
  if (isatty(STDOUT_FILENO) != 1) return style;
  style.colour = !context.Env("NO_COLOR") && context.Env("TERM").value_or("dumb") != "dumb";
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
  return style;
}

// Of those named; all if none is.
Result<std::vector<Diagnosis>> Examine(const Command& command, const std::vector<std::string>& ids) {
  TRY(CheckGuaranteeIds(ids));
  const Settings settings = TRY(LoadSettings(command, Registries::kSkip));
  HostTrial host(command.context, settings);
  if (ids.empty()) host.StartContentTrial();
  std::vector<Diagnosis> diagnoses;
  for (const GuaranteeGroup& group : GuaranteeGroups())
    for (const Guarantee& row : group.rows)
      if (ids.empty() || std::ranges::find(ids, row.id) != ids.end())
        diagnoses.push_back({group.title, &row, row.probe(host)});
  return diagnoses;
}

Value RowOf(const Diagnosis& diagnosis) {
  const Finding& finding = diagnosis.finding;
  return {{"ID", diagnosis.guarantee->id},
          {"Group", diagnosis.group},
          {"Title", diagnosis.guarantee->title},
          {"Verdict", VerdictName(finding.verdict)},
          {"Reason", finding.reason},
          {"Remedy", finding.remedy},
          {"Who", WhoName(finding.who)},
          {"Command", finding.command},
          {"Instead", diagnosis.guarantee->instead},
          {"Needed", finding.stops_run}};
}

// The same, with the names of the JSON form.
Value JsonOf(const Diagnosis& diagnosis) {
  const Value row = RowOf(diagnosis);
  Value object = Value::object();
  for (const auto& [name, value] : row.items()) {
    std::string key = name;
    for (char& c : key) c = static_cast<char>(tolower(c));
    object[key] = value;
  }
  return object;
}

Result<std::string> Formatted(const std::vector<Diagnosis>& diagnoses, const std::string& format) {
  Value list = Value::array();
  std::vector<Value> rows;
  for (const Diagnosis& diagnosis : diagnoses) {
    list.push_back(JsonOf(diagnosis));
    rows.push_back(RowOf(diagnosis));
  }
  if (format == "json") return ToJsonText(list);
  return RenderReport(rows, {format, rows[0], {}, true});
}

}  // namespace

Result<int> DoctorVerb(const Command& command) {
  const std::string format = command.options().String("format");
  if (command.options().Bool("fix") && !format.empty())
    return Fail(Code::kInvalid, "--fix and --format exclude each other");
  const std::vector<Diagnosis> diagnoses = TRY(Examine(command, command.line.arguments));
  if (command.options().Bool("fix"))
    Print(DescribeRemedies(diagnoses, "yourself"));
  else if (!format.empty())
    Print(TRY(Formatted(diagnoses, format)));
  else
    Print(DescribeHost(diagnoses, DetectStyle(command.context)));
  return std::ranges::any_of(diagnoses, [](const Diagnosis& d) { return d.finding.stops_run; }) ? 1 : 0;
}

Result<int> ProbeVerb(const Command& command) {
  for (const Diagnosis& diagnosis : TRY(Examine(command, command.line.arguments))) {
    const Finding& finding = diagnosis.finding;
    if (finding.verdict == Verdict::kHolds) continue;
    std::string sentence = "--require=" + std::string(diagnosis.guarantee->id) + ": " +
                           std::string(VerdictName(finding.verdict)) + ": " + finding.reason;
    if (!finding.remedy.empty())
      sentence += "; " + std::string(WhoName(finding.who)) + " can remedy that: " +
                  (finding.command.empty() ? finding.remedy : finding.remedy + ": " + finding.command);
    return Fail(Code::kUnsupported, sentence);
  }
  return 0;
}

Result<int> PageVerb(const Command&) {
  Print(GuaranteePage());
  return 0;
}

}  // namespace wolffia
