// UpperStore: the two host directories of an upper, and the only code that changes them. Each function is one
// step as the merged tree sees it: after kill -9 at any moment, Open finds the tree before it or after it.
// Knows no lower.
//
//   upper/       the objects, by name (upper_object.h), and whiteouts
//   work/        on the same file system:
//     s.N        staged: being made; removed by Open
//     o.N        orphans: files without a name that are still in use, and removed directories; the same
//     links/INO  a second name of the upper file that replaces lower file INO, which has several names
//     intent     one line: a change that takes several host operations; finished or undone by Open
//     sidecar    attributes, where the file system has none (xattr_store.h)
//     whiteout   the file that whiteouts are hard links of (override ids)
//
// The formats, and what survives what: FORMAT.md.
//
// What the file system can do (renameat2's flags, user xattrs, mknod of whiteouts) is probed by trying, in
// Open. Where RENAME_WHITEOUT or RENAME_EXCHANGE is missing (NFS), Move writes an intent before its first
// step and clears it after the last.
//
// Not synchronised: the caller serialises changes (OverlayTree's tree lock). Look and OpenObject change
// nothing and may run at the same time as each other.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/errno_result.h"
#include "storage/overlay/upper_object.h"
#include "storage/overlay/xattr_store.h"

namespace wolffia {

struct UpperCapabilities {
  bool rename_whiteout = true;
  bool rename_exchange = true;
  bool user_xattrs = true;
  bool whiteout_nodes = true;  // mknod(S_IFCHR, 0:0)
};

struct UpperOptions {
  UpperIds ids = UpperIds::kOverride;
  UpperCapabilities allowed;  // a test switches off what the file system could do
  bool durable = true;        // false: fsync does nothing (the container is removed when it ends)
  // Called before each change of the disk; a test ends the process in it.
  StepHook step;
};

// A new object, complete: attributes, xattrs (full container names) and times are there when its name is.
struct NewObject {
  Ownership ownership;
  std::string target;  // of a symlink
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool has_times = false;
  struct timespec atime{}, mtime{};
  bool opaque = false;
  std::string redirect;
  uint64_t origin = 0;
};

// Something in work/ that gets a name by UpperStore::Place; else it is removed.
class Staged {
 public:
  Staged() = default;
  Staged(int workfd, std::string name, Fd fd, uint64_t host_ino);
  Staged(Staged&&) noexcept;
  Staged& operator=(Staged&&) noexcept;
  ~Staged();
  int fd() const { return fd_.get(); }  // of a regular file (O_RDWR) or a directory; -1 otherwise
  Fd TakeFd() { return std::move(fd_); }
  uint64_t host_ino() const { return host_ino_; }
  const std::string& name() const { return name_; }

 private:
  friend class UpperStore;
  int workfd_ = -1;
  std::string name_;  // empty: it has been placed
  Fd fd_;
  uint64_t host_ino_ = 0;
};

struct UpperSpot {  // a name in a directory of the upper
  int dirfd = -1;
  const char* name = "";
};

struct AttributeChange {
  std::optional<mode_t> mode;  // 07777
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  // UTIME_NOW is allowed; UTIME_OMIT: as it is.
  struct timespec atime{0, UTIME_OMIT}, mtime{0, UTIME_OMIT};
};

class UpperStore {
 public:
  // Both directories exist, on one file system, and belong to the caller (kOverride). Removes what a crash
  // left, finishes an intent. kUnsupported with a reason where the file system cannot do it.
  static Result<std::unique_ptr<UpperStore>> Open(Fd upper, Fd work, UpperOptions options);
  virtual ~UpperStore() = default;

  virtual int rootfd() const = 0;
  virtual int workfd() const = 0;
  virtual const UpperCapabilities& capabilities() const = 0;
  virtual UpperIds ids() const = 0;
  virtual uint64_t device() const = 0;

  // --- Looking ---
  // What fstatat(2) has just said of a name, so that it is not asked again.
  struct Seen {
    bool absent = false;
    struct stat st{};
  };
  // kAbsent is an answer, not an error.
  virtual Sys<UpperObject> Look(int dirfd, const char* name, const Seen* seen = nullptr) = 0;
  virtual Sys<UpperObject> LookAt(int fd) = 0;  // of an open object: the root, a staged one
  virtual Sys<Fd> OpenDirectory(int dirfd, const char* name) = 0;  // O_RDONLY, never through a link
  virtual Sys<Fd> OpenFile(int dirfd, const char* name) = 0;       // regular on the host: O_RDWR
  virtual Sys<std::string> ReadLink(int dirfd, const char* name, const UpperObject& object) = 0;
  struct Name {
    std::string name;
    uint64_t host_ino;
    // DT_* on the host; DT_UNKNOWN where the file system does not say. DT_DIR, DT_LNK and DT_WHT (surely a
    // whiteout) can be relied on; with override ids DT_REG may be anything but a directory: Look tells.
    unsigned char type;
  };
  virtual Sys<std::vector<Name>> List(int directory_fd) = 0;  // whiteouts too; without "." and ".."

  // --- Making ---
  virtual Sys<Staged> Stage(const NewObject& object) = 0;  // a character device 0:0: EPERM
  // The object gets its name. Replaces what is there: a whiteout by anything, a file by a file.
  virtual Sys<> Place(Staged staged, const UpperSpot& to) = 0;
  // The short way for a plain regular file or directory (IsPlain, no xattrs) where nothing is at `to` on the
  // host.
  virtual Sys<Fd> CreatePlain(const UpperSpot& to, mode_t mode) = 0;
  // `to` may be a whiteout or absent. With override ids a symlink that is one on the host (host_link) becomes
  // a file first: its host inode number is another one afterwards.
  virtual Sys<> Link(const UpperSpot& from, const UpperSpot& to) = 0;
  virtual Sys<> PutWhiteout(const UpperSpot& at) = 0;  // replaces a file; a directory: EISDIR

  // --- Moving and removing ---
  // renameat: `to` may be absent, a whiteout (also for a directory), a file (for a file), a directory that is
  // empty on the host (for a directory). With `leave_whiteout` the old name becomes a whiteout in the same
  // step.
  virtual Sys<> Move(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) = 0;
  virtual Sys<> Exchange(const UpperSpot& a, const UpperSpot& b) = 0;  // EINVAL where the file system cannot
  // The name goes, the object lives on as work/o.N, whose name it returns; DropOrphan ends it.
  virtual Sys<std::string> MakeOrphan(const UpperSpot& at, bool leave_whiteout) = 0;
  virtual Sys<> DropOrphan(const std::string& name) = 0;  // a directory: with what is left in it
  virtual Sys<> Unlink(const UpperSpot& at) = 0;          // one of several names, or a whiteout
  // Everything in an opaque directory is a whiteout, and goes; else ENOTEMPTY.
  virtual Sys<> ClearWhiteouts(int directory_fd) = 0;

  // --- Attributes ---
  // A host_link that gets an owner (SetAttributes) or an attribute (SetXattr) is another host inode
  // afterwards.
  virtual Sys<> SetAttributes(const UpperSpot& at, const UpperObject& now, const AttributeChange& change) = 0;
  virtual Sys<> SetOpaque(const UpperSpot& at) = 0;
  virtual Sys<> SetRedirect(const UpperSpot& at, const std::string& path) = 0;
  // The container's names ("user.x", "security.capability", "system.posix_acl_access"). Ours are hidden; the
  // container's own attributes with the same names are kept apart (upper_xattrs.h).
  virtual Sys<std::string> GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) = 0;
  virtual Sys<> SetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name,
                         std::string_view value, int flags) = 0;
  virtual Sys<> RemoveXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) = 0;
  virtual Sys<std::vector<std::string>> ListXattrs(const UpperSpot& at, const UpperObject& now) = 0;

  // --- Files with several names in the lower (work/links) ---
  // `staged` becomes links/<origin>, with so many lower names that lead to it.
  virtual Sys<> PlaceLinked(Staged staged, uint64_t origin, uint32_t pending) = 0;
  virtual Sys<std::vector<uint64_t>> ListLinked() = 0;  // at start
  virtual UpperSpot LinkedSpot(uint64_t origin, std::string* storage) = 0;
  virtual Sys<uint32_t> PendingLinks(uint64_t origin) = 0;
  // One lower name is made in the upper (at `to`), and pending falls by one, in one step.
  virtual Sys<> LinkPending(uint64_t origin, const UpperSpot& to) = 0;

  // --- To the disk ---
  virtual Sys<> SyncFile(int fd, bool data_only) = 0;
  virtual Sys<> SyncDirectory(int fd) = 0;
  virtual Sys<> SyncAll() = 0;

 protected:
  static void Placed(Staged* staged) { staged->name_.clear(); }  // its name in work/ is gone
};

}  // namespace wolffia
