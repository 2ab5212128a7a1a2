#include "engine/signature/policy_paths.h"

#include <sys/stat.h>

#include <cerrno>

#include "engine/config/user_paths.h"

namespace wolffia {

Result<std::vector<std::string>> PolicyPaths(const Context& context, const std::string& flag,
                                             const std::string& site) {
  std::vector<std::string> paths = {site};
  const std::string second = flag.empty() ? TRY(UserConfigFile(context, "wolffia/policy.toml")) : flag;
  if (!second.empty()) paths.push_back(second);
  return paths;
}

bool PolicyChangedSince(const std::vector<std::string>& paths, int64_t since_ns) {
  for (const std::string& path : paths) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) return true;
    } else if (st.st_ctim.tv_sec * int64_t{1'000'000'000} + st.st_ctim.tv_nsec >= since_ns) {
      return true;
    }
  }
  return false;
}

}  // namespace wolffia
