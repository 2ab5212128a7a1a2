#include "engine/runtime/log_config.h"

#include <cstdlib>

#include "engine/config/settings.h"
#include "engine/runtime/log_writer.h"

namespace wolffia {
namespace {

Result<> ReadOption(LogConfig& config, const std::string& text) {
  size_t equals = text.find('=');
  std::string key = text.substr(0, equals),
              value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (equals == std::string::npos || value.empty())
    return Fail(Code::kInvalid, "invalid log option \"" + text + "\": it is KEY=VALUE");
  if (key == "path") {
    if (value[0] != '/') return Fail(Code::kInvalid, "the log path \"" + value + "\" is not absolute");
    config.path = value;
  } else if (key == "tag") {
    return Fail(Code::kUnsupported,
                "the log option tag is for the journald driver; k8s-file and json-file have no place for it");
  } else if (key == "max-size") {
    config.max_size = TRY_WITH(ParseSize(value), "log option max-size");
  } else if (key == "max-file") {
    char* end = nullptr;
    long count = strtol(value.c_str(), &end, 10);
    if (*end != 0 || count < 1 || count > kMaxLogFiles)
      return Fail(Code::kInvalid, "log option max-file: \"" + value + "\" is not a number from 1 to " +
                                      std::to_string(kMaxLogFiles));
    config.max_file = static_cast<int>(count);
  } else {
    return Fail(Code::kInvalid, "unknown log option \"" + key + "\": there are path, max-size and max-file");
  }
  return {};
}

}  // namespace

Result<LogConfig> ParseLogFlags(const std::string& driver, const std::vector<std::string>& options) {
  LogConfig config;
  if (!driver.empty()) config.driver = driver;
  if (driver == "journald" || driver == "passthrough")
    return Fail(Code::kUnsupported, "the log driver " + driver + " is not supported: use k8s-file");
  if (config.driver != "k8s-file" && config.driver != "json-file" && config.driver != "none")
    return Fail(Code::kInvalid, "invalid log driver \"" + driver + "\": use k8s-file, json-file or none");
  for (const std::string& option : options) TRY(ReadOption(config, option));
  if (config.driver == "none" && !config.path.empty())
    return Fail(Code::kInvalid, "the log driver none writes no file: leave out the log option path");
  if (config.max_file > 1 && config.max_size == 0)
    return Fail(Code::kInvalid,
                "the log option max-file needs max-size: a log without a limit is never rotated");
  return config;
}

}  // namespace wolffia
