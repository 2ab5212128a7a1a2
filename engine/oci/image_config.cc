#include "engine/oci/image_config.h"

#include "engine/oci/json.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

// {"80/tcp": {}, "443/tcp": {}}: sets, as Go writes them.
Result<std::set<std::string>> SetMember(const Json& object, const char* name, const char* where) {
  std::set<std::string> out;
  const Json* member = TRY(ObjectMember(object, name, where));
  if (member == nullptr) return out;
  for (const auto& [key, value] : member->get_ref<const Json::object_t&>()) out.insert(key);
  return out;
}

Result<std::optional<HealthcheckConfig>> ParseHealthcheck(const Json& config) {
  const Json* json = TRY(ObjectMember(config, "Healthcheck", "config"));
  if (json == nullptr) return std::optional<HealthcheckConfig>();
  const char* where = "config.Healthcheck";
  HealthcheckConfig out;
  out.test = TRY(StringsMember(*json, "Test", where));
  out.interval_ns = TRY(IntMember(*json, "Interval", where));
  out.timeout_ns = TRY(IntMember(*json, "Timeout", where));
  out.start_period_ns = TRY(IntMember(*json, "StartPeriod", where));
  const int64_t retries = TRY(IntMember(*json, "Retries", where));
  if (retries < 0 || retries > 1'000'000)
    return Fail(Code::kInvalid, "config.Healthcheck.Retries: out of range");
  out.retries = static_cast<int>(retries);
  return out;
}

Result<> ParseRunConfig(const Json& document, ImageConfig* out) {
  const Json* json = TRY(ObjectMember(document, "config", ""));
  if (json == nullptr) return {};
  out->user = TRY(StringMember(*json, "User", "config"));
  out->working_dir = TRY(StringMember(*json, "WorkingDir", "config"));
  out->stop_signal = TRY(StringMember(*json, "StopSignal", "config"));
  out->env = TRY(StringsMember(*json, "Env", "config"));
  out->entrypoint = TRY(StringsMember(*json, "Entrypoint", "config"));
  out->cmd = TRY(StringsMember(*json, "Cmd", "config"));
  out->shell = TRY(StringsMember(*json, "Shell", "config"));
  out->on_build = TRY(StringsMember(*json, "OnBuild", "config"));
  out->exposed_ports = TRY(SetMember(*json, "ExposedPorts", "config"));
  out->volumes = TRY(SetMember(*json, "Volumes", "config"));
  out->labels = TRY(StringMapMember(*json, "Labels", "config"));
  out->healthcheck = TRY(ParseHealthcheck(*json));
  return {};
}

Result<> ParseRootfs(const Json& document, ImageConfig* out) {
  const Json* rootfs = TRY(ObjectMember(document, "rootfs", ""));
  if (rootfs == nullptr) return Fail(Code::kInvalid, "rootfs: missing; this is not an image configuration");
  const std::string type = TRY(StringMember(*rootfs, "type", "rootfs"));
  if (type != "layers") return Fail(Code::kInvalid, "rootfs.type: " + Quote(type) + " is not 'layers'");
  for (const std::string& text : TRY(StringsMember(*rootfs, "diff_ids", "rootfs"))) {
    if (out->diff_ids.size() == kMaxLayers)
      return Fail(Code::kInvalid, "rootfs.diff_ids: more than " + std::to_string(kMaxLayers) + " entries");
    out->diff_ids.push_back(
        TRY_WITH(Digest::Parse(text), "rootfs.diff_ids[" + std::to_string(out->diff_ids.size()) + "]"));
  }
  return {};
}

Result<> ParseHistory(const Json& document, ImageConfig* out) {
  const Json* history = TRY(ArrayMember(document, "history", ""));
  if (history == nullptr) return {};
  for (const Json& item : *history) {
    const std::string where = "history[" + std::to_string(out->history.size()) + "]";
    ImageHistory entry;
    entry.created = TRY(StringMember(item, "created", where));
    entry.created_by = TRY(StringMember(item, "created_by", where));
    entry.author = TRY(StringMember(item, "author", where));
    entry.comment = TRY(StringMember(item, "comment", where));
    entry.empty_layer = TRY(BoolMember(item, "empty_layer", where));
    out->history.push_back(std::move(entry));
  }
  return {};
}

Result<ImageConfig> ParseConfig(std::string_view text) {
  const Json document = TRY(ParseJson(text, {.bytes = kMaxManifestBytes}));
  ImageConfig out;
  out.created = TRY(StringMember(document, "created", ""));
  out.author = TRY(StringMember(document, "author", ""));
  const std::string os = TRY(StringMember(document, "os", ""));
  if (!os.empty()) out.platform.os = os;
  out.platform.architecture = TRY(StringMember(document, "architecture", ""));
  out.platform.variant = TRY(StringMember(document, "variant", ""));
  TRY(ParseRunConfig(document, &out));
  TRY(ParseRootfs(document, &out));
  TRY(ParseHistory(document, &out));
  return out;
}

}  // namespace

Result<ImageConfig> ImageConfig::Parse(std::string_view json) {
  return ParseConfig(json).With("image configuration");
}

Result<> CheckLayersFit(const Manifest& manifest, const ImageConfig& config) {
  if (manifest.layers.size() == config.diff_ids.size()) return {};
  return Fail(Code::kInvalid, "the manifest lists " + std::to_string(manifest.layers.size()) +
                                  " layers, the image configuration " +
                                  std::to_string(config.diff_ids.size()));
}

}  // namespace wolffia
