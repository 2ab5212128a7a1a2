// wolffia pull, load, and what `run` needs of them (in wolffia-image).
#include "engine/registry/pull.h"

#include "cmd/image_view.h"
#include "cmd/progress.h"
#include "cmd/store_confinement.h"
#include "cmd/verbs.h"
#include "engine/runtime/events.h"
#include "storage/layer_writer.h"

namespace wolffia {
namespace {

Result<std::string> CheckPolicy(const std::string& policy) {
  for (std::string_view known : {"always", "missing", "never", "newer"})
    if (policy == known) return policy;
  return Fail(Code::kInvalid,
              "invalid pull policy \"" + policy + "\": there are always, missing, never and newer");
}

Result<PullOptions> OptionsOf(const OptionValues& options) {
  PullOptions pull;
  if (options.Has("platform")) pull.platform = TRY(Platform::Parse(options.String("platform")));
  return pull;
}

// The image in the store, if it is there and is for the platform that was asked for.
Result<std::optional<ImageRecord>> FindLocal(const Session& session, const std::string& typed,
                                             const Platform& platform, bool platform_asked) {
  auto record = ImageStore(session.store).Resolve(typed, session.settings.registries.search);
  if (!record) {
    // A transport (oci:DIR) is no image name: it is never in the store.
    bool absent = record.error().code == Code::kNotFound || typed.find(':') != std::string::npos;
    if (absent) return std::nullopt;
    return std::unexpected(record.error());
  }
  if (platform_asked && !platform.Accepts(record->platform)) return std::nullopt;
  return *record;
}

// What each policy means: nullopt says that the registry has to be asked.
Result<ImageRecord> PullByPolicy(const Command& command, const Session& session, const std::string& typed,
                                 const std::string& policy, const PullOptions& options) {
  auto local = TRY(FindLocal(session, typed, options.platform, command.options().Has("platform")));
  if (local && (policy == "missing" || policy == "never")) return *local;
  if (policy == "never") return std::unexpected(UnknownImage(typed));
  auto pulled = PullImage(command.context, session.settings, session.store, typed, options);
  if (!pulled && policy == "newer" && local && pulled.error().code == Code::kNetwork) return *local;
  return pulled;
}

}  // namespace

Result<int> PullVerb(const Command& command) {
  const OptionValues& given = command.options();
  PullOptions options = TRY(OptionsOf(given));
  std::string policy = TRY(CheckPolicy(given.String("policy")));
  options.tls_verify = given.MaybeBool("tls-verify");
  options.authfile = given.String("authfile");
  options.credentials = given.String("creds");
  options.cert_dir = given.String("cert-dir");
  options.policies = TRY(Policies::Load(command.context, given.String("signature-policy")));
  Session session = TRY(OpenSession(command));
  ConfinePull(command, session, options);
  ProgressView view(command.context, DetectProgressStyle(command.context, given.Bool("quiet")));
  options.progress = [&](const ProgressEvent& event) { view.Show(event); };
  int code = 0;
  for (const std::string& typed : command.line.arguments) {
    auto record = PullByPolicy(command, session, typed, policy, options);
    view.Finish();
    if (record) {
      PrintLine(record->config.hex());
      WriteImageEvent(command.context, session.store, "pull", *record);
    } else {
      PrintError(record.error());
      code = kExitEngine;
    }
  }
  return code;
}

Result<int> LoadVerb(const Command& command) {
  const OptionValues& given = command.options();
  Session session = TRY(OpenSession(command));
  ConfineToStore(command, session, Network::kNone);
  ProgressView view(command.context, DetectProgressStyle(command.context, given.Bool("quiet")));
  PullOptions options;
  options.policies = TRY(Policies::Load(command.context, given.String("signature-policy")));
  options.progress = [&](const ProgressEvent& event) { view.Show(event); };
  std::string input = given.Has("input") ? given.String("input") : "-";
  auto loaded = LoadArchive(command.context, session.settings, session.store, input, options);
  view.Finish();
  for (const ImageRecord& record : TRY(std::move(loaded))) {
    PrintLine("Loaded image: " + (record.name.empty() ? record.config.str() : record.name));
    WriteImageEvent(command.context, session.store, "loadfromarchive", record);
  }
  return 0;
}

Result<int> AcquireVerb(const Command& command) {
  const OptionValues& given = command.options();
  const std::string& typed = command.line.arguments[0];
  PullOptions options = TRY(OptionsOf(given));
  std::string policy = TRY(CheckPolicy(given.String("policy")));
  options.policies = TRY(Policies::Load(command.context, given.String("signature-policy")));
  Session session = TRY(OpenSession(command));
  ConfinePull(command, session, options);
  ProgressView view(command.context, DetectProgressStyle(command.context, given.Bool("quiet")));
  options.progress = [&](const ProgressEvent& event) { view.Show(event); };
  // It is for this host only, so no answer to a wish for another platform.
  bool built_in = BuiltInImageFile(typed).has_value() && options.platform.Accepts(Platform::Host());
  // Without a network the answer is at hand: do not wait for one through several attempts.
  if (built_in) session.settings.retries = 0;
  auto record = PullByPolicy(command, session, typed, policy, options);
  view.Finish();
  if (!record && built_in &&
      (record.error().code == Code::kNetwork || record.error().code == Code::kNotFound)) {
    std::string why = record.error().what;
    record = LoadBuiltIn(command.context, session.settings, session.store, typed, options);
    if (record && !given.Bool("quiet"))
      PrintNotice("Using the built-in image " + record->name + " (" + why + ")");
  }
  const ImageRecord image = TRY(std::move(record));
  WriteImageEvent(command.context, session.store, "pull", image);
  PrintLine(image.config.hex());
  return 0;
}

Result<int> IndexVerb(const Command& command) {
  Session session = TRY(OpenSession(command));
  ConfineToStore(command, session, Network::kNone);
  std::vector<Digest> diff_ids;
  for (const std::string& text : command.line.arguments) diff_ids.push_back(TRY(Digest::Parse(text)));
  PrintLine(TRY(EnsureChainIndex(session.store, diff_ids)).str());
  return 0;
}

}  // namespace wolffia
