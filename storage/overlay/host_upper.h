// HostUpper: UpperStore on two directories of the host. Private to upper_*.cc, which own one noun each:
//
//   upper_store.cc       Open and its checks, sweeping, syncing        upper_whiteouts.cc  whiteouts
//   upper_recovery.cc    what an intent or a crash left                upper_moves.cc      names that move
//   upper_look.cc        what is there                                 upper_links.cc      work/links
//   upper_staging.cc     objects before they have a name               upper_attributes.cc owner, mode, times
//   upper_xattrs.cc      the container's attributes
#pragma once

#include <atomic>
#include <string>
#include <unordered_map>

#include "storage/overlay/upper_intent.h"
#include "storage/overlay/upper_store.h"

namespace wolffia {

class HostUpper final : public UpperStore {
 public:
  HostUpper(Fd upper, Fd work, UpperOptions options);

  // --- upper_store.cc, upper_recovery.cc ---
  Result<> Check();    // that the two directories can serve
  Result<> Prepare();  // probes, sweeps, finishes what was interrupted

  int rootfd() const override { return upper_.get(); }
  int workfd() const override { return work_.get(); }
  const UpperCapabilities& capabilities() const override { return can_; }
  UpperIds ids() const override { return options_.ids; }
  uint64_t device() const override { return device_; }

  // --- upper_look.cc ---
  Sys<UpperObject> Look(int dirfd, const char* name, const Seen* seen = nullptr) override;
  Sys<UpperObject> LookAt(int fd) override;
  Sys<Fd> OpenDirectory(int dirfd, const char* name) override;
  Sys<Fd> OpenFile(int dirfd, const char* name) override;
  Sys<std::string> ReadLink(int dirfd, const char* name, const UpperObject& object) override;
  Sys<std::vector<Name>> List(int directory_fd) override;

  // --- upper_staging.cc ---
  Sys<Staged> Stage(const NewObject& object) override;
  Sys<Fd> CreatePlain(const UpperSpot& to, mode_t mode) override;

  // --- upper_moves.cc ---
  Sys<> Place(Staged staged, const UpperSpot& to) override;
  Sys<> Link(const UpperSpot& from, const UpperSpot& to) override;
  Sys<> Move(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) override;
  Sys<> Exchange(const UpperSpot& a, const UpperSpot& b) override;
  Sys<std::string> MakeOrphan(const UpperSpot& at, bool leave_whiteout) override;
  Sys<> DropOrphan(const std::string& name) override;
  Sys<> Unlink(const UpperSpot& at) override;

  // --- upper_whiteouts.cc ---
  Sys<> PutWhiteout(const UpperSpot& at) override;
  Sys<> ClearWhiteouts(int directory_fd) override;

  // --- upper_attributes.cc ---
  Sys<> SetAttributes(const UpperSpot& at, const UpperObject& now, const AttributeChange& change) override;
  Sys<> SetOpaque(const UpperSpot& at) override;
  Sys<> SetRedirect(const UpperSpot& at, const std::string& path) override;

  // --- upper_xattrs.cc ---
  Sys<std::string> GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override;
  Sys<> SetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name, std::string_view value,
                 int flags) override;
  Sys<> RemoveXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override;
  Sys<std::vector<std::string>> ListXattrs(const UpperSpot& at, const UpperObject& now) override;

  // --- upper_links.cc ---
  Sys<> PlaceLinked(Staged staged, uint64_t origin, uint32_t pending) override;
  Sys<std::vector<uint64_t>> ListLinked() override;
  UpperSpot LinkedSpot(uint64_t origin, std::string* storage) override;
  Sys<uint32_t> PendingLinks(uint64_t origin) override;
  Sys<> LinkPending(uint64_t origin, const UpperSpot& to) override;

  Sys<> SyncFile(int fd, bool data_only) override;
  Sys<> SyncDirectory(int fd) override;
  Sys<> SyncAll() override;

 private:
  bool overrides() const { return options_.ids == UpperIds::kOverride; }
  bool sidecar() const { return !can_.user_xattrs; }
  // Native ids without nodes for whiteouts: ".wh.NAME" beside NAME, as fuse-overlayfs has them. Such files
  // are understood with native ids always.
  bool dot_whiteouts() const { return !overrides() && !can_.whiteout_nodes; }
  void Step() {
    if (options_.step) options_.step();
  }
  std::string NewName(const char* prefix) { return prefix + std::to_string(++last_name_); }
  // One system call that changes the disk, announced by Step.
  Sys<> Rename(const UpperSpot& from, const UpperSpot& to, unsigned flags = 0);
  Sys<> Remove(const UpperSpot& at, int flags = 0);
  UpperSpot InWork(const std::string& name) const { return {work_.get(), name.c_str()}; }

  // --- upper_look.cc ---
  Sys<UpperObject> Describe(const UpperRef& ref, const struct stat& st);
  Sys<> ReadOurXattrs(const UpperRef& ref, UpperObject* object);
  bool HasDotFile(int dirfd, const char* name) const;  // ".wh." + name
  bool IsWhiteoutAt(const UpperSpot& at);

  // --- What the sidecar has to be told: a new object, and that one is gone. No calls with real xattrs. ---
  Sys<> Begins(uint64_t host_ino);
  // What an object is and what it hides is on the disk before its name says so: whiteouts, links, special
  // files, opaque and redirected directories. Owners and modes may be lost with the power.
  Sys<> SyncMeaning() { return sidecar() && options_.durable ? xattrs_->Sync() : Sys<>(); }
  // The inode that ends when this name goes; 0: none, or nobody needs to know.
  uint64_t EndsWith(const UpperSpot& at) const;
  void Ended(uint64_t host_ino) {
    if (host_ino != 0) (void)xattrs_->Forget(host_ino);
  }
  Sys<UpperRef> RefOf(const UpperSpot& at) const;  // with the inode number where the sidecar needs it

  // --- upper_staging.cc ---
  Sys<> StageInode(const NewObject& object, bool link_as_file, const std::string& name, Fd* fd);
  Sys<> StageOwner(const Ownership& ownership, const std::string& name, const Fd& fd, const struct stat& st);
  Sys<> StageXattrs(const NewObject& object, bool overridden, const UpperRef& ref);
  Sys<Staged> StageAs(const NewObject& object, bool link_as_file);
  // A symlink that is one on the host becomes a file that says it is one, which can have an owner, attributes
  // and several names.
  Sys<> ReplacePlainLink(const UpperSpot& at, const UpperObject& now, NewObject object);

  // --- upper_whiteouts.cc ---
  Sys<> PutWhiteoutNew(const UpperSpot& at);  // EEXIST
  Sys<> MakeWhiteoutFile(const std::string& name);
  Sys<> EnsureWhiteoutFile();
  Sys<> StageWhiteout(const std::string& name);
  Sys<> LinkWhiteout(const UpperSpot& at);
  Sys<> PutDotWhiteout(const UpperSpot& at);
  Sys<> MakeDotFile(const UpperSpot& at);
  Sys<> CheckName(const UpperSpot& at) const;  // EPERM: a name that would be read as a whiteout

  // --- upper_attributes.cc ---
  Sys<> SetOverride(const UpperSpot& at, const UpperObject& now, const Ownership& after);
  Sys<> SetNative(const UpperSpot& at, const Ownership& before, const Ownership& after);

  // --- upper_moves.cc ---
  Sys<> SwapForWhiteout(const UpperSpot& at, const std::string& name);
  Sys<> LinkThenHide(const UpperSpot& at, const std::string& name);
  Sys<> MoveOntoWhiteout(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout);
  Sys<> MoveByIntent(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout);
  Sys<> MoveSteps(const UpperSpot& from, const UpperSpot& to, bool covered, const std::string& whiteout);

  // --- upper_recovery.cc ---
  Result<> Sweep(const char* prefix);
  Sys<> FinishIntent();
  Sys<> FinishMove(const Intent& intent, const UpperSpot& from, const UpperSpot& to, bool done);
  Sys<> DropFinishedLinks();

  // --- upper_xattrs.cc ---
  XattrStore& StoreOf(const std::string& kept_name);
  UpperRef XattrRef(const UpperSpot& at, const UpperObject& now) const;

  // --- upper_links.cc ---
  Sys<> SetPending(uint64_t origin, uint32_t pending);
  Sys<> WritePending(const UpperRef& ref, uint64_t origin, uint32_t pending);
  Sys<> LearnLinked(uint64_t origin);

  const UpperOptions options_;
  const Fd upper_, work_;
  Fd links_;  // work/links
  uint64_t device_ = 0;
  UpperCapabilities can_;
  IntentFile intent_;
  // Ours, and the container's user.*: the file system's or the sidecar. The second: what native ids keep in
  // the file system in any case.
  std::unique_ptr<XattrStore> xattrs_, file_xattrs_;
  std::atomic<uint64_t> last_name_ = 0;
  std::atomic<uint64_t> whiteout_ino_ = 0;  // of work/whiteout, once it is known
  // Of links and devices in work/links, with native ids: they hold no xattrs. Host inode -> origin.
  std::unordered_map<uint64_t, uint64_t> bare_linked_;
};

}  // namespace wolffia
