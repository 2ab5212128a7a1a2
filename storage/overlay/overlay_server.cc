// The session of the writable file system: what the kernel is promised, and the requests that libfuse cannot
// read. The operations: overlay_server_names.cc, overlay_server_attributes.cc, overlay_server_data.cc.
#include "storage/overlay/overlay_server.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "storage/overlay/overlay_operations.h"

namespace wolffia {
namespace {

// ACLs are kept by the tree and judged by the kernel, which then leaves the umask to us: where a directory
// has a default ACL, that takes its place.
constexpr unsigned kAclCapabilities = FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK;
// Not taken, on purpose:
// ATOMIC_O_TRUNC: the truncation would come with OPEN, which is never sent. As it is, a SETATTR does it.
// AUTO_INVAL_DATA: pages would be dropped when the server shows another mtime; nobody else writes.
// HANDLE_KILLPRIV (the first version): it takes set-id bits from root's files, too.
// POSIX_LOCKS, FLOCK_LOCKS: one kernel holds all the locks there are, so it need not ask.
//
// Beyond libfuse: set-id bits and file capabilities fall with the write, truncate or chown that makes them
// fall, in one step here, instead of by a request of their own before each (VFS rules: the caller's
// CAP_FSETID comes with the request). SETXATTR's long form says when setting an ACL takes the setgid bit.
constexpr uint32_t kInitFlags = kSharedInitFlags | kFuseHandleKillprivV2 | kFuseSetxattrExt;

// WRITEBACK_CACHE, if the options ask for it: the kernel collects writes and keeps times and sizes itself.
// Measured, store in memory: 16 bytes appended in 1.2 instead of 13.8 us, 4 KiB rewritten in half the time,
// large writes the same; but a new small file costs a SETATTR for its times more and takes up to twice as
// long, ENOSPC and EDQUOT come when nobody listens any more, and what the kernel holds is lost with the
// server. Builds and installations make files, so it is not the default.

void Init(void* userdata, fuse_conn_info* conn) {
  auto& service = *static_cast<OverlayService*>(userdata);
  service.stateless_directories = (conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
  unsigned want = kSharedCapabilities;
  if (service.tree->options().acl) want |= kAclCapabilities;
  if (service.writeback) want |= FUSE_CAP_WRITEBACK_CACHE;
  conn->want = conn->capable & want;
  conn->max_readahead = std::min(conn->max_readahead, kMaxReadahead);
  conn->max_write = std::min(conn->max_write, kFuseMaxWrite);
}

void StatFs(fuse_req_t req, fuse_ino_t) {
  struct statvfs st = TreeOf(req).StatFs();
  fuse_reply_statfs(req, &st);
}

// File flags (FS_IOC_GETFLAGS) and the like; ENOSYS would be remembered for every ioctl.
void Ioctl(fuse_req_t req, fuse_ino_t, unsigned, void*, fuse_file_info*, unsigned, const void*, size_t,
           size_t) {
  fuse_reply_err(req, ENOTTY);
}

// Before libfuse: notes what it hides, answers what it does not know.
bool Intercept(void* userdata, const FuseRequest& request) {
  auto& service = *static_cast<OverlayService*>(userdata);
  switch (request.header->opcode) {
    case FUSE_WRITE:
      hidden_flags.kill_privileges = (request.As<fuse_write_in>().write_flags & kFuseWriteKillSuidgid) != 0;
      return false;
    case FUSE_SETATTR:
      hidden_flags.kill_privileges = (request.As<fuse_setattr_in>().valid & kFattrKillSuidgid) != 0;
      return false;
    case FUSE_SETXATTR:
      AnswerSetXattr(service, request);
      return true;
    case kFuseTmpfile:
      AnswerTemporary(service, request);
      return true;
    case FUSE_SYNCFS: {
      Sys<> synced = service.tree->SyncAll();
      Reply(request, synced ? 0 : synced.error());
      return true;
    }
    default:
      return false;
  }
}

class Server : public OverlayServer {
 public:
  explicit Server(std::unique_ptr<FuseSession> session) : session_(std::move(session)) {}
  void Stop() override { session_->Stop(); }
  void Wait() override { session_->Wait(); }
  void FollowClients(Fd proc) override { session_->FollowClients(std::move(proc)); }
  std::vector<FuseCounter> Counters() const override { return session_->Counters(); }

 private:
  std::unique_ptr<FuseSession> session_;
};

}  // namespace

Result<std::unique_ptr<OverlayServer>> OverlayServer::Start(std::unique_ptr<OverlayTree> tree,
                                                            OverlayServerOptions options, Fd fuse_fd) {
  auto service = std::make_shared<OverlayService>();
  service->tree = std::move(tree);
  service->timeout = options.timeout;
  service->writeback = options.writeback;
  // What is left out (CREATE, FLUSH, ACCESS, locks) libfuse answers with ENOSYS: the kernel asks once.
  // Instead of CREATE it then sends MKNOD, and nothing when the file is closed.
  fuse_lowlevel_ops ops{};
  ops.init = Init;
  ops.statfs = StatFs;
  ops.ioctl = Ioctl;
  AddNameOperations(&ops);
  AddAttributeOperations(&ops, *service->tree);
  AddDataOperations(&ops);
  FuseSessionOptions session;
  session.threads = options.threads;
  session.counts = options.counts;
  session.confine = std::move(options.confine);
  session.init_flags = kInitFlags;
  session.intercept = Intercept;
  return std::make_unique<Server>(TRY(FuseSession::Start(ops, service, std::move(fuse_fd), session)));
}

}  // namespace wolffia
