#include "cmd/doctor_view.h"

#include <algorithm>

namespace wolffia {
namespace {

constexpr size_t kVerdictColumn = 16, kIdColumn = 26, kLeastWidth = 30;

const char* ColourOf(const Finding& finding) {
  if (finding.stops_run) return "\x1b[1;31m";
  switch (finding.verdict) {
    case Verdict::kHolds:
      return "\x1b[32m";
    case Verdict::kHoldsIf:
      return "\x1b[33m";
    case Verdict::kLost:
      return "\x1b[31m";
    case Verdict::kNotApplicable:
      break;
  }
  return "\x1b[2m";
}

std::string Padded(std::string_view text, size_t columns) {
  std::string out(text);
  out.resize(std::max(columns, out.size() + 1), ' ');
  return out;
}

// `indent` before every line but the first; breaks at spaces.
std::string Wrapped(std::string_view text, size_t first, size_t indent, size_t width) {
  if (width < kLeastWidth + indent) return std::string(text) + "\n";
  std::string out;
  size_t column = first;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (column > indent && column + word.size() >= width) {
      while (out.ends_with(' ')) out.pop_back();
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    out += word;
    column += word.size();
    if (!text.empty()) out += ' ', column++;
  }
  return out + "\n";
}

std::string Row(const Diagnosis& diagnosis, const DoctorStyle& style) {
  const Finding& finding = diagnosis.finding;
  const std::string verdict = Padded(VerdictName(finding.verdict), kVerdictColumn);
  std::string out = "  ";
  out += style.colour ? ColourOf(finding) + verdict + "\x1b[0m" : verdict;
  out += Padded(diagnosis.guarantee->id, kIdColumn);
  const size_t indent = 2 + kVerdictColumn;
  out += Wrapped(diagnosis.guarantee->title, indent + kIdColumn, indent + kIdColumn, style.width);
  auto more = [&](const std::string& label, std::string_view words) {
    if (words.empty()) return;
    out += std::string(indent, ' ') + label + ": ";
    out += Wrapped(words, indent + label.size() + 2, indent + 2, style.width);
  };
  if (finding.verdict == Verdict::kHolds) return out;
  more("why", finding.reason);
  if (finding.verdict == Verdict::kNotApplicable) return out;
  if (!finding.remedy.empty()) more("remedy, by " + std::string(WhoName(finding.who)), finding.remedy);
  more("command", finding.command);
  more("instead", diagnosis.guarantee->instead);
  return out;
}

}  // namespace

std::string DescribeHost(const std::vector<Diagnosis>& diagnoses, const DoctorStyle& style) {
  std::string out;
  std::string_view group;
  size_t holds = 0, applicable = 0;
  std::string missing;
  for (const Diagnosis& diagnosis : diagnoses) {
    if (diagnosis.group != group) {
      group = diagnosis.group;
      out += (out.empty() ? "" : "\n") +
             (style.colour ? "\x1b[1m" + std::string(group) + "\x1b[0m" : std::string(group)) + "\n";
    }
    out += Row(diagnosis, style);
    holds += diagnosis.finding.verdict == Verdict::kHolds ? 1 : 0;
    applicable += diagnosis.finding.verdict != Verdict::kNotApplicable ? 1 : 0;
    if (diagnosis.finding.stops_run)
      missing += (missing.empty() ? "" : ", ") + std::string(diagnosis.guarantee->id);
  }
  out += "\n" + std::to_string(holds) + " of " + std::to_string(applicable) + " guarantees hold here.\n";
  if (missing.empty()) return out;
  return out +
         Wrapped("wolffia run does not work here until this is remedied: " + missing, 0, 0, style.width);
}

std::string DescribeRemedies(const std::vector<Diagnosis>& diagnoses, const std::string& user) {
  std::string out;
  for (Who who : {Who::kYou, Who::kAdministrator}) {
    std::vector<std::string> seen;
    std::string lines;
    for (const Diagnosis& diagnosis : diagnoses) {
      const Finding& finding = diagnosis.finding;
      const std::string& what = finding.command.empty() ? finding.remedy : finding.command;
      if (finding.who != who || what.empty()) continue;
      if (std::ranges::find(seen, what) != seen.end()) continue;
      seen.push_back(what);
      lines += "# " + std::string(diagnosis.guarantee->id) + ": " + finding.remedy + "\n";
      if (!finding.command.empty()) lines += finding.command + "\n";
    }
    if (lines.empty()) continue;
    out += (out.empty() ? "" : "\n") +
           ("# As " + (who == Who::kYou ? user : "root, the administrator") + ":\n") + lines;
  }
  return out.empty() ? "# Nothing can be done: what holds, holds already.\n" : out;
}

}  // namespace wolffia
