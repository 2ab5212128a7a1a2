#include "engine/runtime/landlock_default.h"

#include <algorithm>

namespace wolffia {
namespace {

constexpr const char* kWritable[] = {"-/data", "-/dev", "-/home", "-/media", "-/mnt", "-/opt",
                                     "-/root", "-/run", "-/srv",  "-/tmp",   "-/var"};
constexpr std::string_view kKernels[] = {"/proc", "/sys"};
constexpr std::string_view kSystem[] = {"/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/sbin", "/usr"};
constexpr std::string_view kSources = "/usr/src";  // where many images have their application

bool IsBelow(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool IsTheKernels(std::string_view path) {
  return std::ranges::any_of(kKernels, [&](std::string_view tree) { return IsBelow(path, tree); });
}

bool IsTheSystems(std::string_view path) {
  return path == "/" ||
         (!path.starts_with(std::string(kSources) + '/') &&
          std::ranges::any_of(kSystem, [&](std::string_view tree) { return IsBelow(path, tree); }));
}

}  // namespace

LandlockPolicy DefaultLandlock(const RuntimeSpec& spec, SharedNamespaces shared) {
  LandlockPolicy policy{.name = "default", .best_effort = true};
  policy.write.emplace(std::begin(kWritable), std::end(kWritable));
  for (const SpecMount& mount : spec.mounts)
    if (!IsTheKernels(mount.destination)) policy.write->push_back("-" + mount.destination);
  const std::string& cwd = spec.process.cwd;  // the image's word
  if (!IsTheKernels(cwd) && !IsTheSystems(cwd)) policy.write->push_back("-" + cwd);
  // In namespaces of its own the container meets nobody else, and there the scopes would only come between
  // its processes and those of exec, whose domain is another one.
  policy.scope_abstract_sockets = shared.network;
  policy.scope_signals = shared.processes;
  return policy;
}

}  // namespace wolffia
