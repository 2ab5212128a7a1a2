#include <nlohmann/json.hpp>

#include "cmd/inspect.h"
#include "engine/base/context.h"

namespace wolffia {
namespace {

// The "config" object of an image: only what it has, as podman shows it.
Value ConfigOf(const ImageConfig& config) {
  Value value = Value::object();
  auto set = [&value](const char* name, const auto& v) {
    if (!v.empty()) value[name] = v;
  };
  auto set_keys = [&value](const char* name, const std::set<std::string>& keys) {
    for (const std::string& key : keys) value[name][key] = Value::object();
  };
  set("User", config.user);
  set_keys("ExposedPorts", config.exposed_ports);
  set("Env", config.env);
  set("Entrypoint", config.entrypoint);
  set("Cmd", config.cmd);
  set_keys("Volumes", config.volumes);
  set("WorkingDir", config.working_dir);
  Value labels = Value::object();
  for (const auto& [key, v] : config.labels) labels[key] = v;
  value["Labels"] = labels;
  set("StopSignal", config.stop_signal);
  set("Shell", config.shell);
  if (config.healthcheck) {
    const HealthcheckConfig& check = *config.healthcheck;
    value["Healthcheck"] = {{"Test", check.test},
                            {"Interval", check.interval_ns},
                            {"Timeout", check.timeout_ns},
                            {"StartPeriod", check.start_period_ns},
                            {"Retries", check.retries}};
  }
  return value;
}

Value HistoryOf(const ImageConfig& config) {
  Value list = Value::array();
  for (const ImageHistory& h : config.history) {
    Value entry = {{"created", h.created}, {"created_by", h.created_by}};
    if (!h.author.empty()) entry["author"] = h.author;
    if (!h.comment.empty()) entry["comment"] = h.comment;
    if (h.empty_layer) entry["empty_layer"] = true;
    list.push_back(entry);
  }
  return list;
}

// What the signature policy said of each name; none of an image that was made on this host.
Value VerdictsOf(const ImageGroup& group) {
  Value list = Value::array();
  for (const ImageRecord& record : group.records) {
    const ImageVerdict& verdict = record.verdict;
    if (verdict.source.empty()) continue;
    list.push_back({{"Name", record.name},
                    {"Source", verdict.source},
                    {"Rules", verdict.rules},
                    {"Keys", verdict.keys},
                    {"Checked", verdict.checked_ns == 0 ? "" : FormatTime(verdict.checked_ns)}});
  }
  return list;
}

}  // namespace

Result<Value> DescribeImage(const Store& store, const ImageGroup& group) {
  const ImageRecord& record = group.first();
  ImageConfig config = TRY(ReadImageConfig(store, record.config));
  Value layers = Value::array();
  for (const Digest& diff_id : config.diff_ids) layers.push_back(diff_id.str());
  Value config_value = ConfigOf(config);
  Value labels = config_value["Labels"];
  Value value = {
      {"Id", record.config.hex()},
      {"Digest", record.manifest.empty() ? "" : record.manifest.str()},
      {"RepoTags", group.Names()},
      {"RepoDigests", group.RepoDigests()},
      {"Parent", ""},
      {"Comment", config.history.empty() ? "" : config.history.back().comment},
      {"Created", config.created},
      {"Config", std::move(config_value)},
      {"Author", config.author},
      {"Architecture", config.platform.architecture},
      {"Variant", config.platform.variant},
      {"Os", config.platform.os},
      {"Size", record.size},
      {"VirtualSize", record.size},
  };
  value["RootFS"] = {{"Type", "layers"}, {"Layers", layers}};
  value["Labels"] = std::move(labels);
  value["User"] = config.user;
  value["History"] = HistoryOf(config);
  value["NamesHistory"] = group.Names();
  value["Pulled"] = FormatTime(record.pulled_ns);
  value["SignaturePolicy"] = VerdictsOf(group);
  return value;
}

}  // namespace wolffia
