#include "storage/overlay/fuse_counters.h"

#include "storage/overlay/fuse_request.h"

namespace wolffia {
namespace {

// Younger than the oldest header that we build with.
constexpr uint32_t kFuseStatx = 52;            // Linux 6.6
constexpr uint32_t kFuseCopyFileRange64 = 53;  // Linux 6.18

struct OpcodeName {
  uint32_t opcode;
  const char* name;
};
constexpr OpcodeName kOpcodeNames[] = {
    {FUSE_LOOKUP, "lookup"},
    {FUSE_FORGET, "forget"},
    {FUSE_GETATTR, "getattr"},
    {FUSE_SETATTR, "setattr"},
    {FUSE_READLINK, "readlink"},
    {FUSE_SYMLINK, "symlink"},
    {FUSE_MKNOD, "mknod"},
    {FUSE_MKDIR, "mkdir"},
    {FUSE_UNLINK, "unlink"},
    {FUSE_RMDIR, "rmdir"},
    {FUSE_RENAME, "rename"},
    {FUSE_LINK, "link"},
    {FUSE_OPEN, "open"},
    {FUSE_READ, "read"},
    {FUSE_WRITE, "write"},
    {FUSE_STATFS, "statfs"},
    {FUSE_RELEASE, "release"},
    {FUSE_FSYNC, "fsync"},
    {FUSE_SETXATTR, "setxattr"},
    {FUSE_GETXATTR, "getxattr"},
    {FUSE_LISTXATTR, "listxattr"},
    {FUSE_REMOVEXATTR, "removexattr"},
    {FUSE_FLUSH, "flush"},
    {FUSE_INIT, "init"},
    {FUSE_OPENDIR, "opendir"},
    {FUSE_READDIR, "readdir"},
    {FUSE_RELEASEDIR, "releasedir"},
    {FUSE_FSYNCDIR, "fsyncdir"},
    {FUSE_ACCESS, "access"},
    {FUSE_CREATE, "create"},
    {FUSE_INTERRUPT, "interrupt"},
    {FUSE_BMAP, "bmap"},
    {FUSE_DESTROY, "destroy"},
    {FUSE_IOCTL, "ioctl"},
    {FUSE_POLL, "poll"},
    {FUSE_BATCH_FORGET, "batch_forget"},
    {FUSE_FALLOCATE, "fallocate"},
    {FUSE_READDIRPLUS, "readdirplus"},
    {FUSE_RENAME2, "rename2"},
    {FUSE_LSEEK, "lseek"},
    {FUSE_COPY_FILE_RANGE, "copy_file_range"},
    {FUSE_SYNCFS, "syncfs"},
    {kFuseTmpfile, "tmpfile"},
    {kFuseStatx, "statx"},
    {kFuseCopyFileRange64, "copy_file_range_64"},
};

std::string NameOfOpcode(uint32_t opcode) {
  for (const OpcodeName& n : kOpcodeNames)
    if (n.opcode == opcode) return n.name;
  return "opcode " + std::to_string(opcode);
}

}  // namespace

std::vector<FuseCounter> NamedCounters(const FuseCounts& counts) {
  std::vector<FuseCounter> counters;
  for (uint32_t i = 0; i < kFuseOpcodes; ++i)
    if (uint64_t count = counts.by_opcode[i].load(std::memory_order_relaxed); count != 0)
      counters.push_back({NameOfOpcode(i), count});
  return counters;
}

}  // namespace wolffia
