// wolffia images --verify, and what `run` needs of it (in wolffia-image).
#include <nlohmann/json.hpp>

#include "cmd/human.h"
#include "cmd/image_selection.h"
#include "cmd/image_view.h"
#include "cmd/report.h"
#include "cmd/store_confinement.h"
#include "cmd/verbs.h"
#include "engine/signature/kept_verdict.h"

namespace wolffia {
namespace {

constexpr int kExitRejected = 1;

Value RowOf(const ImageRecord& record, const Result<ImageVerdict>& verdict, bool no_trunc) {
  const RepositoryTag name = SplitName(record.name);
  const ImageVerdict shown = verdict ? *verdict : record.verdict;
  return {
      {"ID", no_trunc ? record.config.str() : record.config.hex().substr(0, 12)},
      {"Id", record.config.hex()},
      {"Repository", name.repository},
      {"Tag", name.tag},
      {"Digest", record.manifest.empty() ? "" : record.manifest.str()},
      {"Verdict", verdict ? VerdictWord(*verdict) : "rejected"},
      {"Source", shown.source},
      {"Rules", verdict ? shown.rules : std::vector<std::string>()},
      {"Keys", verdict ? shown.keys : std::vector<std::string>()},
      {"Reason", verdict ? "" : verdict.error().what},
      {"By", ""},
  };
}

// The table says why where there is a why: the key, or the reason.
std::string Explanation(const Value& row) {
  if (row["Verdict"] == "rejected") return row["Reason"];
  std::string text;
  for (const Value& key : row["Keys"]) text += (text.empty() ? "" : ", ") + key.get<std::string>();
  return text;
}

std::string FormatOf(const OptionValues& options) {
  const std::string& format = options.String("format");
  if (!format.empty() && format != "table") return format;
  if (options.Bool("quiet")) return "{{.ID}}";
  if (options.Bool("digests"))
    return "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.Verdict}}\t{{.By}}";
  return "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Verdict}}\t{{.By}}";
}

}  // namespace

Result<int> VerifyImagesVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command));
  const Policies policies = TRY(Policies::Load(command.context, options.String("signature-policy")));
  ConfineVerification(command, session, policies);
  int code = 0;
  std::vector<Value> rows;
  for (const ImageRecord& record : TRY(SelectImages(command, session))) {
    auto verdict = VerifyKept(session.store, policies, record);
    if (!verdict) code = kExitRejected;
    rows.push_back(RowOf(record, verdict, options.Bool("no-trunc")));
  }
  if (options.String("format") == "json") {
    Print(ToJsonText(Value(rows)));
    return code;
  }
  for (Value& row : rows) row["By"] = Explanation(row);
  Value sample = RowOf(ImageRecord{}, ImageVerdict{}, false);
  Print(TRY(RenderReport(
      rows,
      {FormatOf(options), sample, {{"ID", "IMAGE ID"}, {"By", "BY OR WHY"}}, !options.Bool("noheading")})));
  return code;
}

Result<int> VerifyImageVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const std::string flag = command.options().String("signature-policy");
  const Policies policies = TRY(Policies::Load(command.context, flag));
  ConfineVerification(command, session, policies);
  const std::string& name = command.line.arguments[0];
  ImageRecord record = TRY(ImageStore(session.store).Resolve(name, {}));
  record.verdict = TRY_WITH(VerifyKept(session.store, policies, record), "image " + name);
  // What another policy says is for this once; and a pull may have moved the name meanwhile.
  auto now = ImageStore(session.store).Resolve(name, {});
  const bool moved = !now || now->manifest != record.manifest || now->name != record.name;
  if (flag.empty() && !moved) TRY(ImageStore(session.store).Save(record));
  return 0;
}

}  // namespace wolffia
