#include "engine/runtime/own_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "engine/runtime/fresh_overlays.h"
#include "engine/runtime/namespace_work.h"

namespace wolffia {
namespace {

struct Gift {
  std::string path;
  bool owner = false, group = false;  // which of them becomes the root's
  mode_t mode = 0;                    // 0: as it is
};

// The group of a file stays the user's, who writes it too (ChangeNetwork); the root's group is that of any
// user of the container who has no other, and is given nothing to write.
std::vector<Gift> Gifts(const RuntimeSpec& spec, const std::string& directory, bool fresh_upper) {
  std::vector<Gift> gifts;
  auto give = [&](const std::string& name, bool owner, bool group, mode_t mode = 0) {
    gifts.push_back({directory + "/" + name, owner, group, mode});
  };
  give(".", false, true, 0710);
  for (const char* name : {"hosts", "resolv.conf"}) give(name, true, false, 0664);
  for (const char* name : {"hostname", "passwd", "group"}) give(name, true, false);
  if (fresh_upper) {
    give("upper", true, true);
    give("work", true, true,
         0711);  // the user sees whether overlayfs has been there: RootSource::fresh_upper
  }
  const auto overlays =
      static_cast<size_t>(std::ranges::count(spec.mounts, std::string_view(kOverlayType), &SpecMount::type));
  if (overlays > 0) give("overlay", false, true, 0710);
  for (size_t n = 0; n < overlays; n++) {
    give("overlay/" + std::to_string(n), false, true, 0710);
    give(OverlayUpper(n), true, true);
    give(OverlayWork(n), true, true);
  }
  return gifts;
}

// Nothing in the way is anybody else's: a container cannot change names in its directory.
Result<> Give(const Gift& gift, uid_t uid, gid_t gid) {
  constexpr uid_t kAsItIs = static_cast<uid_t>(-1);
  const char* path = gift.path.c_str();
  if (fchownat(AT_FDCWD, path, gift.owner ? uid : kAsItIs, gift.group ? gid : kAsItIs, AT_SYMLINK_NOFOLLOW) <
      0)
    return errno == ENOENT ? Result<>() : FailErrno("give the container " + gift.path);
  if (gift.mode != 0 && chmod(path, gift.mode) < 0) return FailErrno("give the container " + gift.path);
  return {};
}

}  // namespace

Result<> GiveOwnFiles(const RuntimeSpec& spec, const HostFacts& host, const std::string& container_dir,
                      bool fresh_upper) {
  const IdMaps maps{spec.uid_mappings, spec.gid_mappings, false};
  if (maps.uids.empty() || maps.gids.empty() || HasUser(maps, host.uid, host.gid)) return {};
  const std::vector<Gift> gifts = Gifts(spec, container_dir, fresh_upper);
  const uint32_t uid = RootInside(maps.uids), gid = RootInside(maps.gids);
  return WorkAsRootBesideThreads(maps, host, "give the container its files", [&]() -> Result<> {
    for (const Gift& gift : gifts) TRY(Give(gift, uid, gid));
    return {};
  });
}

void OpenStdioToAll() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) (void)!fchmod(fd, 0666);
  }
}

}  // namespace wolffia
