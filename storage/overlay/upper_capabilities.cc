#include "storage/overlay/upper_capabilities.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>

namespace wolffia {
namespace {

constexpr const char* kOne = "s.probe-1";
constexpr const char* kTwo = "s.probe-2";
constexpr const char* kNode = "s.probe-3";

class Probe {
 public:
  Probe(int workfd, const StepHook& step) : workfd_(workfd), step_(step) {}
  ~Probe() {
    for (const char* name : {kOne, kTwo, kNode}) unlinkat(workfd_, name, 0);
  }
  Result<Fd> Make(const char* name) {
    Step();
    return OpenAt(workfd_, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  }
  bool KeepsXattrs(int fd) {
    Step();
    return fsetxattr(fd, kOriginXattr, "1", 1, 0) == 0;
  }
  bool Exchanges() {
    Step();
    return renameat2(workfd_, kOne, workfd_, kTwo, RENAME_EXCHANGE) == 0;
  }
  bool MakesWhiteoutNodes() {
    Step();
    return mknodat(workfd_, kNode, S_IFCHR, makedev(0, 0)) == 0;
  }
  bool LeavesWhiteouts() {
    Step();
    if (renameat2(workfd_, kOne, workfd_, kTwo, RENAME_WHITEOUT) < 0) return false;
    struct stat st;
    return fstatat(workfd_, kOne, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
  }

 private:
  void Step() {
    if (step_) step_();
  }
  const int workfd_;
  const StepHook& step_;
};

}  // namespace

Result<UpperCapabilities> ProbeUpper(int workfd, const UpperCapabilities& allowed, const StepHook& step) {
  Probe probe(workfd, step);
  Fd one = TRY(probe.Make(kOne));
  Fd two = TRY(probe.Make(kTwo));
  UpperCapabilities can;
  can.user_xattrs = allowed.user_xattrs && probe.KeepsXattrs(one.get());
  can.rename_exchange = allowed.rename_exchange && probe.Exchanges();
  can.whiteout_nodes = allowed.whiteout_nodes && probe.MakesWhiteoutNodes();
  can.rename_whiteout = allowed.rename_whiteout && probe.LeavesWhiteouts();
  return can;
}

}  // namespace wolffia
