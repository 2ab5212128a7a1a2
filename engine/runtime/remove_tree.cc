#include "engine/runtime/remove_tree.h"

#include <fcntl.h>

#include "engine/base/file.h"
#include "engine/runtime/namespace_work.h"

namespace wolffia {

Result<> RemoveTreeAsRoot(const HostFacts& host, const std::string& path) {
  MappedIds ids = TRY(BuildIdMaps({}, host.subordinate, host.uid, host.gid));
  return WorkAsRoot(ids.maps, host, "remove " + path, [&] { return RemoveTreeAt(AT_FDCWD, path); });
}

Result<> RemoveTreeAsRoot(const Context& context, const std::string& path) {
  HostFacts host = TRY(HostFacts::Gather(context));
  return RemoveTreeAsRoot(host, path);
}

Result<> RemoveTreeOfMaps(const IdMaps& maps, const HostFacts& host, const std::string& path) {
  return WorkAsRootBesideThreads(maps, host, "remove " + path, [&] { return RemoveTreeAt(AT_FDCWD, path); });
}

Result<> RemoveTreeInNamespace(int user_namespace, const std::string& path) {
  return WorkInNamespace(user_namespace, "remove " + path, [&] { return RemoveTreeAt(AT_FDCWD, path); });
}

}  // namespace wolffia
