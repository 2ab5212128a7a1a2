// Health checks: the flags over the image's HEALTHCHECK, each by itself, as docker does it.
#include <algorithm>

#include "cmd/duration.h"
#include "cmd/run_flags.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

using Words = std::vector<std::string>;

constexpr int64_t kMaxRetries = 1'000'000;

// A command is written as an image has it (NONE, CMD, CMD-SHELL), as a JSON array of words, or as a line for
// the shell.
Result<Words> ReadTest(const std::string& text, const char* flag) {
  Words words;
  if (text.starts_with('[')) {
    Json array = TRY_WITH(ParseJson(text), flag);
    for (const Json& word : array) {
      if (!word.is_string())
        return Fail(Code::kInvalid, std::string(flag) + " " + text + ": not an array of strings");
      words.push_back(word.get<std::string>());
    }
    if (!words.empty() && words[0] != "CMD" && words[0] != "CMD-SHELL" && words[0] != "NONE")
      words.insert(words.begin(), words.size() > 1 ? "CMD" : "CMD-SHELL");
  } else if (text == "none" || text == "NONE") {
    words = {"NONE"};
  } else if (text.starts_with("CMD-SHELL ")) {
    words = {"CMD-SHELL", text.substr(sizeof "CMD-SHELL")};
  } else if (text.starts_with("CMD ")) {
    words.push_back("CMD");
    for (size_t at = 4; at < text.size();) {
      size_t space = std::min(text.find(' ', at), text.size());
      if (space > at) words.push_back(text.substr(at, space - at));
      at = space + 1;
    }
  } else if (!text.empty()) {
    words = {"CMD-SHELL", text};
  }
  if (words.empty() || (words.size() < 2 && words[0] != "NONE"))
    return Fail(Code::kInvalid,
                std::string(flag) + ": must define a healthcheck command for all healthchecks");
  return words;
}

Result<> ReadTime(const OptionValues& options, const std::string& flag, int64_t least,
                  std::optional<int64_t>& out) {
  if (!options.Has(flag)) return {};
  std::string text = options.String(flag);
  if (flag.ends_with("-interval") && text == "disable") text = "0";
  auto time = ParseDuration(text);
  if (!time) return Fail(Code::kInvalid, "invalid --" + flag + ": " + time.error().what);
  if (*time < least)
    return Fail(Code::kInvalid,
                "--" + flag + " " + text +
                    (least == 0 ? ": must be 0 seconds or greater" : ": must be greater than 0"));
  out = *time;
  return {};
}

Result<> ReadCount(const OptionValues& options, const std::string& flag, int64_t least,
                   std::optional<int>& out) {
  if (!options.Has(flag)) return {};
  int64_t count = options.Int(flag, 0);
  if (count < least || count > kMaxRetries)
    return Fail(Code::kInvalid, "--" + flag + " " + options.String(flag) + ": must be " +
                                    (least == 0 ? "0 or greater" : "greater than 0"));
  out = static_cast<int>(count);
  return {};
}

Result<> ReadTimes(const OptionValues& options, HealthFlags& flags) {
  TRY(ReadTime(options, "health-interval", 0, flags.interval_ns));
  TRY(ReadTime(options, "health-timeout", 1, flags.timeout_ns));
  TRY(ReadTime(options, "health-start-period", 0, flags.start_period_ns));
  TRY(ReadCount(options, "health-retries", 1, flags.retries));
  TRY(ReadTime(options, "health-startup-interval", 1, flags.startup_interval_ns));
  TRY(ReadTime(options, "health-startup-timeout", 1, flags.startup_timeout_ns));
  TRY(ReadCount(options, "health-startup-retries", 0, flags.startup_retries));
  return ReadCount(options, "health-startup-success", 0, flags.startup_success);
}

// The parts of a test that is not NONE.
void TakeTest(const Words& test, Words& command, bool& shell) {
  shell = test[0] == "CMD-SHELL";
  command.assign(test.begin() + 1, test.end());
}

// An image may say anything; what makes no sense is left at its default.
void TakeImage(const HealthcheckConfig& image, HealthConfig& config) {
  if (image.interval_ns > 0) config.interval_ns = image.interval_ns;
  if (image.timeout_ns > 0) config.timeout_ns = image.timeout_ns;
  if (image.start_period_ns > 0) config.start_period_ns = image.start_period_ns;
  if (image.retries > 0) config.retries = image.retries;
}

void TakeFlags(const HealthFlags& flags, HealthConfig& config) {
  config.interval_ns = flags.interval_ns.value_or(config.interval_ns);
  config.timeout_ns = flags.timeout_ns.value_or(config.timeout_ns);
  config.start_period_ns = flags.start_period_ns.value_or(config.start_period_ns);
  config.retries = flags.retries.value_or(config.retries);
  config.on_failure = flags.on_failure;
  if (flags.startup_test.empty()) return;
  TakeTest(flags.startup_test, config.startup_command, config.startup_shell);
  config.startup_interval_ns = flags.startup_interval_ns.value_or(config.startup_interval_ns);
  config.startup_timeout_ns = flags.startup_timeout_ns.value_or(config.startup_timeout_ns);
  config.startup_retries = flags.startup_retries.value_or(config.startup_retries);
  config.startup_success = flags.startup_success.value_or(config.startup_success);
}

// A flag that would do nothing is a mistake.
Result<> CheckNeeded(const HealthFlags& flags, bool any) {
  auto useless = [&](const char* flag) {
    return Fail(Code::kInvalid, std::string("cannot set ") + flag +
                                    " without a health check: the image has none, so "
                                    "give one with --health-cmd");
  };
  if (any) return {};
  if (flags.on_failure != "none")
    return Fail(Code::kInvalid,
                "cannot set on-failure action to " + flags.on_failure + " without a health check");
  if (flags.interval_ns) return useless("--health-interval");
  if (flags.timeout_ns) return useless("--health-timeout");
  if (flags.start_period_ns) return useless("--health-start-period");
  if (flags.retries) return useless("--health-retries");
  if (!flags.startup_test.empty()) return useless("--health-startup-cmd");
  return {};
}

}  // namespace

Result<> ReadHealthFlags(const OptionValues& options, RunRequest& request) {
  HealthFlags& flags = request.health;
  flags.disabled = options.Bool("no-healthcheck");
  if (options.Has("health-cmd")) {
    if (flags.disabled) return Fail(Code::kInvalid, "cannot specify both --no-healthcheck and --health-cmd");
    flags.test = TRY(ReadTest(options.String("health-cmd"), "--health-cmd"));
    flags.disabled = flags.test[0] == "NONE";
  }
  if (options.Has("health-startup-cmd")) {
    flags.startup_test = TRY(ReadTest(options.String("health-startup-cmd"), "--health-startup-cmd"));
    if (flags.startup_test[0] == "NONE") flags.startup_test.clear();
  }
  TRY(ReadTimes(options, flags));
  bool startup_more =
      flags.startup_interval_ns || flags.startup_timeout_ns || flags.startup_retries || flags.startup_success;
  if (startup_more && flags.startup_test.empty())
    return Fail(Code::kInvalid,
                "--health-startup-interval, -retries, -success and -timeout need --health-startup-cmd");
  flags.on_failure = options.String("health-on-failure");
  for (std::string_view known : {"none", "kill", "restart", "stop"})
    if (flags.on_failure == known) return {};
  return Fail(Code::kInvalid, "invalid on-failure action \"" + flags.on_failure +
                                  "\" for health check: supported actions are none,kill,restart,stop");
}

Result<> FillHealth(const RunRequest& request, const ImageConfig& image, ContainerRecord& record) {
  const HealthFlags& flags = request.health;
  Words test = flags.test;
  if (test.empty() && image.healthcheck) test = image.healthcheck->test;
  // An image may have a word and nothing behind it.
  bool any = !flags.disabled && test.size() > 1 && (test[0] == "CMD" || test[0] == "CMD-SHELL");
  TRY(CheckNeeded(flags, any));
  if (!any) return {};
  HealthConfig config;
  if (image.healthcheck) TakeImage(*image.healthcheck, config);
  TakeTest(test, config.command, config.shell);
  TakeFlags(flags, config);
  record.health = std::move(config);
  return {};
}

}  // namespace wolffia
