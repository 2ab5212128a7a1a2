// An image's configuration as JSON, in the spelling of the OCI image spec (config.md) and, for what that does
// not have (Healthcheck, Shell, OnBuild), of Docker's image JSON.
#include "engine/oci/image_config.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

template <typename T>
void Put(Json& object, const char* key, const T& value) {
  if (!value.empty()) object[key] = value;
}

void PutSet(Json& object, const char* key, const std::set<std::string>& names) {
  for (const std::string& name : names) object[key][name] = Json::object();
}

Json RunConfig(const ImageConfig& config) {
  Json out = Json::object();
  Put(out, "User", config.user);
  PutSet(out, "ExposedPorts", config.exposed_ports);
  Put(out, "Env", config.env);
  Put(out, "Entrypoint", config.entrypoint);
  Put(out, "Cmd", config.cmd);
  PutSet(out, "Volumes", config.volumes);
  Put(out, "WorkingDir", config.working_dir);
  Put(out, "Labels", config.labels);
  Put(out, "StopSignal", config.stop_signal);
  Put(out, "Shell", config.shell);
  Put(out, "OnBuild", config.on_build);
  if (config.healthcheck) {
    const HealthcheckConfig& check = *config.healthcheck;
    Json json = {{"Test", check.test}};
    if (check.interval_ns != 0) json["Interval"] = check.interval_ns;
    if (check.timeout_ns != 0) json["Timeout"] = check.timeout_ns;
    if (check.start_period_ns != 0) json["StartPeriod"] = check.start_period_ns;
    if (check.retries != 0) json["Retries"] = check.retries;
    out["Healthcheck"] = std::move(json);
  }
  return out;
}

Json History(const ImageHistory& entry) {
  Json out = Json::object();
  Put(out, "created", entry.created);
  Put(out, "created_by", entry.created_by);
  Put(out, "author", entry.author);
  Put(out, "comment", entry.comment);
  if (entry.empty_layer) out["empty_layer"] = true;
  return out;
}

}  // namespace

std::string SerializeImageConfig(const ImageConfig& config) {
  Json out = Json::object();
  Put(out, "created", config.created);
  Put(out, "author", config.author);
  Put(out, "architecture", config.platform.architecture);
  Put(out, "os", config.platform.os);
  Put(out, "variant", config.platform.variant);
  out["config"] = RunConfig(config);
  Json diff_ids = Json::array();
  for (const Digest& diff_id : config.diff_ids) diff_ids.push_back(diff_id.str());
  out["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
  for (const ImageHistory& entry : config.history) out["history"].push_back(History(entry));
  return DumpJson(out);
}

}  // namespace wolffia
