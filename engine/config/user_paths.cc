#include "engine/config/user_paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "engine/oci/quote.h"

namespace wolffia {
namespace {

struct Account {
  std::string name, home;
};

// May ask a directory service, so only where the environment does not say.
Result<Account> AccountOfProcess() {
  std::vector<char> buffer(size_t{64} << 10);
  passwd entry;
  passwd* found = nullptr;
  const int error = getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  const std::string uid = std::to_string(getuid());
  if (found == nullptr && error != 0) return FailErrno("look up the account of uid " + uid, error);
  if (found == nullptr)
    return Fail(Code::kNotFound, "HOME is not set, and uid " + uid + " has no passwd entry");
  return Account{entry.pw_name, entry.pw_dir};
}

// An environment variable that has to be an absolute path where it is set.
Result<std::string> EnvPath(const Context& context, const char* name) {
  std::string path = context.Env(name).value_or("");
  if (!path.empty() && path[0] != '/')
    return Fail(Code::kInvalid, std::string(name) + ": " + Quote(path) + " is not an absolute path");
  return path;
}

Result<std::string> ValueOf(const Context& context, std::string_view variable) {
  if (variable == "HOME") return HomeOf(context);
  if (variable == "UID") return std::to_string(getuid());
  if (variable != "USER")
    return Fail(Code::kInvalid,
                Quote("$" + std::string(variable)) + ": only $HOME, $USER and $UID are replaced");
  if (auto user = context.Env("USER")) return *user;
  return TRY(AccountOfProcess()).name;
}

}  // namespace

Result<std::string> HomeOf(const Context& context) {
  const std::string home = TRY(EnvPath(context, "HOME"));
  return home.empty() ? TRY(AccountOfProcess()).home : home;
}

Result<std::string> UserConfigFile(const Context& context, std::string_view name) {
  std::string config = TRY(EnvPath(context, "XDG_CONFIG_HOME"));
  if (config.empty()) {
    auto home = HomeOf(context);
    if (!home && home.error().code == Code::kNotFound) return std::string();
    config = TRY(std::move(home)) + "/.config";
  }
  return config + "/" + std::string(name);
}

Result<std::string> DefaultStorageRoot(const Context& context) {
  const std::string data = TRY(EnvPath(context, "XDG_DATA_HOME"));
  return (data.empty() ? TRY(HomeOf(context)) + "/.local/share" : data) + "/wolffia";
}

Result<std::string> DefaultRunroot(const Context& context) {
  const std::string runtime = TRY(EnvPath(context, "XDG_RUNTIME_DIR"));
  struct stat st;
  if (!runtime.empty() && stat(runtime.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return runtime + "/wolffia";
  return "/tmp/wolffia-" + std::to_string(getuid());
}

Result<std::string> ExpandPath(const Context& context, std::string_view path) {
  std::string out;
  if (path == "~" || path.starts_with("~/")) {
    out = TRY(HomeOf(context));
    path.remove_prefix(1);
  }
  while (!path.empty()) {
    const size_t dollar = path.find('$');
    out += path.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    path.remove_prefix(dollar + 1);
    auto in_name = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    const auto length = static_cast<size_t>(std::ranges::find_if_not(path, in_name) - path.begin());
    out += TRY(ValueOf(context, path.substr(0, length)));
    path.remove_prefix(length);
  }
  if (!out.starts_with('/')) return Fail(Code::kInvalid, Quote(out) + " is not an absolute path");
  return out;
}

}  // namespace wolffia
