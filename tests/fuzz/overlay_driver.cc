#include "tests/fuzz/overlay_driver.h"

#include <sys/sysmacros.h>

#include <cstdarg>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "tests/fuzz/posix_model.h"
#include "tests/fuzz/tree_facts.h"
#include "tests/fuzz/upper_folder.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxFile = 40000;
constexpr uint64_t kQuotaBytes = 400 << 10, kQuotaInodes = 30;

template <typename T>
int ErrnoOf(const Sys<T>& result) {
  return result ? 0 : result.error();
}

class Driver {
 public:
  explicit Driver(std::string_view bytes) : bytes_(bytes) {}
  std::string Run();

 private:
  struct Known {  // what the kernel knows
    ModelPtr inode;
    uint64_t lookups = 0;
  };
  struct Listing {  // an open directory
    uint64_t nodeid;
    ModelPtr directory;
    bool attributes;
    uint64_t offset = 0;
    std::set<std::string> at_start, changed, seen;
  };
  struct Place {  // a name, there or not
    uint64_t nodeid;
    ModelPtr directory;
    std::string name;
  };

  // --- Choices ---
  uint8_t Byte() { return at_ < bytes_.size() ? static_cast<uint8_t>(bytes_[at_++]) : 0; }
  uint32_t Word() { return static_cast<uint32_t>(Byte()) << 8 | Byte(); }
  bool Chance(unsigned of_256) { return Byte() < of_256; }
  uint64_t PickNode(bool (*fits)(const ModelInode&));
  uint64_t PickDirectory() {
    return PickNode([](const ModelInode& inode) { return inode.directory(); });
  }
  uint64_t PickFile() {
    return PickNode([](const ModelInode& inode) { return S_ISREG(inode.mode); });
  }
  uint64_t PickAny() {
    return PickNode([](const ModelInode&) { return true; });
  }
  Place PickPlace();
  Caller PickCaller() {
    static constexpr uid_t kIds[] = {0, 0, 0, 5, 1000, 65533};
    static constexpr mode_t kMasks[] = {0, 022, 022, 077};
    uint8_t choice = Byte();
    return {kIds[choice % 6], kIds[choice / 6 % 6], kMasks[choice / 36 % 4]};
  }
  const ModelPtr& Inode(uint64_t nodeid) { return known_[nodeid].inode; }

  // --- What is found wrong ---
  void Trace(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void Wrong(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  // The tree's answer and the model's. True: both did it.
  bool Agree(int tree, int model);
  void CheckStat(const struct stat& st, ModelInode& inode);
  void Learn(const Entry& entry, const ModelPtr& inode);
  bool Refused(int error, const ModelInode& inode) const;
  // Data that found no room: whether privileges were taken away before, the tree may decide.
  bool NoRoom(int error, uint64_t nodeid);
  bool OutOfQuota(int error) const { return quota_ && error == ENOSPC; }

  // --- Operations ---
  void Step();
  void Lookup();
  void Forget();
  void Make();
  void MakeTemporary();
  void Link();
  void Remove(bool directory);
  void Rename();
  void ChangeMode();
  void ChangeOwner();
  void ChangeSize();
  void ChangeTimes();
  void SetXattr();
  void RemoveXattr();
  void Write();
  void Read();
  void Allocate();
  void Seek();
  void CopyRange();
  void StartListing();
  void ContinueListing();
  void Hostile();
  void Look();
  void Synchronise();
  void Reopen();
  void Compare();
  void CompareOrphans(std::map<uint64_t, const ModelInode*>* by_ino);
  // The kernel keeps a directory for as long as it knows something by a name in it.
  bool HoldsNames(const ModelInode& directory);
  void NoteChange(const ModelInode& directory, const std::string& name) {
    for (Listing& listing : listings_)
      if (listing.directory.get() == &directory) listing.changed.insert(name);
  }
  void FinishListing(const Listing& listing);
  // A symlink that gets an owner or a second name becomes another inode on the host. Its number stays for as
  // long as somebody knows it.
  static void MayLoseNumber(ModelInode& inode) {
    inode.loses_ino |= S_ISLNK(inode.mode) && inode.shown_ino >= kSmallLowerInos;
  }
  static void DropNumber(ModelInode& inode) {
    if (std::exchange(inode.loses_ino, false)) inode.shown_ino = 0;
  }
  std::vector<std::pair<std::string, ModelInode*>> EveryInode() const;
  uint64_t UsedInodes() {
    struct statvfs st = tree_->StatFs();
    return st.f_files - st.f_ffree;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  UpperFolder folder_;
  UpperOptions upper_options_;
  bool quota_ = false;
  bool directories_ = false;  // the lower's kind
  std::unique_ptr<OverlayTree> tree_;
  PosixModel model_;
  std::map<uint64_t, Known> known_;
  std::map<const ModelInode*, uint64_t> nodeid_of_;
  std::vector<Listing> listings_;
  std::vector<std::string> trace_;
  std::string failure_;
};

const char* const kNames[] = {"a",   "b", "c",    "f",     "new",          "x",      "link", "tool", "one",
                              "two", "d", "deep", ".wh.a", ".wh..wh..opq", "sidecar"};

std::string PickName(uint8_t choice) {
  if (choice >= 250) {
    static const std::string kBad[] = {"", ".", "..", "a/b", std::string(256, 'y'), std::string("z\0z", 3)};
    return kBad[choice - 250];
  }
  if (choice >= 246) return std::string(255, 'n');
  return kNames[choice % std::size(kNames)];
}

uint64_t Driver::PickNode(bool (*fits)(const ModelInode&)) {
  std::vector<uint64_t> alive, dead;
  for (auto& [nodeid, known] : known_)
    if (fits(*known.inode)) (known.inode->dead() ? dead : alive).push_back(nodeid);
  uint32_t choice = Word();
  auto& from = alive.empty() || (!dead.empty() && choice % 5 == 0) ? dead : alive;
  return from.empty() ? 0 : from[choice / 5 % from.size()];
}

Driver::Place Driver::PickPlace() {
  uint64_t nodeid = PickDirectory();
  ModelPtr directory = Inode(nodeid);
  uint8_t choice = Byte();
  if (choice % 3 != 0 && !directory->children.empty())
    return {nodeid, directory,
            std::next(directory->children.begin(), choice / 3 % static_cast<long>(directory->children.size()))
                ->first};
  return {nodeid, directory, PickName(Byte())};
}

void Driver::Trace(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  trace_.emplace_back(line);
  static const bool print = getenv("WOLFFIA_TRACE") != nullptr;
  if (print) fprintf(stderr, "%s\n", line);
}

bool Driver::NoRoom(int error, uint64_t nodeid) {
  if (!OutOfQuota(error)) return false;
  auto& xattrs = Inode(nodeid)->xattrs;
  if (xattrs.contains("security.capability") && !tree_->GetXattr(nodeid, "security.capability"))
    xattrs.erase("security.capability");
  return true;
}

// What somebody changes of a directory that is gone, and that they have open still, may be lost.
bool Driver::Refused(int error, const ModelInode& inode) const {
  return OutOfQuota(error) || (inode.directory() && inode.dead() && error != 0);
}

bool Driver::Agree(int tree, int model) {
  if (tree != model) {
    // Names that the kernel never sends, and what it asks of directories that are gone.
    bool both = tree != 0 && model != 0;
    if (!both || (model != EINVAL && model != ENOENT && model != ENAMETOOLONG))
      Wrong(std::string("answered ") + strerrorname_np(tree) + " instead of " + strerrorname_np(model));
  }
  return tree == 0 && model == 0;
}

void Driver::CheckStat(const struct stat& st, ModelInode& inode) {
  if (inode.shown_ino == 0) inode.shown_ino = st.st_ino;
  auto check = [&](const char* what, uint64_t found, uint64_t expected) {
    if (found != expected)
      Wrong(std::string(what) + " is " + std::to_string(found) + " instead of " + std::to_string(expected));
  };
  check("st_ino", st.st_ino, inode.shown_ino);
  check("st_mode", st.st_mode, inode.mode);
  check("st_uid", st.st_uid, inode.uid);
  check("st_gid", st.st_gid, inode.gid);
  check("st_nlink", st.st_nlink, inode.nlink());
  check("st_rdev", st.st_rdev, inode.rdev);
  if (!inode.directory()) check("st_size", static_cast<uint64_t>(st.st_size), inode.data.size());
  if (inode.mtime.tv_sec > 0) {
    check("st_mtime", static_cast<uint64_t>(st.st_mtim.tv_sec), static_cast<uint64_t>(inode.mtime.tv_sec));
    check("nanoseconds of st_mtime", static_cast<uint64_t>(st.st_mtim.tv_nsec),
          static_cast<uint64_t>(inode.mtime.tv_nsec));
  }
}

void Driver::Learn(const Entry& entry, const ModelPtr& inode) {
  if (entry.nodeid == 0) return Wrong("an entry without a node");
  auto named = nodeid_of_.find(inode.get());
  if (named != nodeid_of_.end() && named->second != entry.nodeid)
    return Wrong("node " + std::to_string(named->second) + " came back as " + std::to_string(entry.nodeid));
  Known& known = known_[entry.nodeid];
  if (known.inode != nullptr && known.inode != inode)
    return Wrong("node " + std::to_string(entry.nodeid) + " stands for two files");
  known.inode = inode;
  ++known.lookups;
  nodeid_of_[inode.get()] = entry.nodeid;
  CheckStat(entry.st, *inode);
}

void Driver::Lookup() {
  Place at = PickPlace();
  Trace("lookup %lu %.20s", at.nodeid, at.name.c_str());
  auto found = tree_->Lookup(at.nodeid, at.name);
  auto child = at.directory->children.find(at.name);
  int expected = child == at.directory->children.end() ? ENOENT : 0;
  if (Agree(ErrnoOf(found), expected)) Learn(*found, child->second);
}

bool Driver::HoldsNames(const ModelInode& directory) {
  for (auto& [name, child] : directory.children) {
    if (!nodeid_of_.contains(child.get())) continue;
    bool elsewhere = false;  // a file that is known by a name in another directory, too
    for (auto& [other, nodeid] : nodeid_of_)
      for (auto& [other_name, other_child] : other->children)
        elsewhere |= other != &directory && other_child == child;
    if (!elsewhere) return true;
  }
  return false;
}

void Driver::Forget() {
  uint64_t nodeid = PickAny();
  for (Listing& listing : listings_)
    if (listing.nodeid == nodeid) return;
  if (nodeid == OverlayTree::kRoot || HoldsNames(*Inode(nodeid))) return;
  Known& known = known_[nodeid];
  uint64_t lookups = Chance(200) ? known.lookups : 1 + Byte() % known.lookups;
  Trace("forget %lu %lu", nodeid, lookups);
  tree_->Forget(nodeid, lookups);
  known.lookups -= lookups;
  if (known.lookups != 0) return;
  DropNumber(*known.inode);
  nodeid_of_.erase(known.inode.get());
  known_.erase(nodeid);
}

void Driver::Make() {
  static constexpr mode_t kTypes[] = {S_IFREG, S_IFREG, S_IFREG, S_IFDIR,  S_IFDIR,
                                      S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR};
  static constexpr mode_t kModes[] = {0644, 0600, 0755, 0777, 0, 04755, 01777, 0400};
  Place at = PickPlace();
  NewNode node{.mode = kTypes[Byte() % std::size(kTypes)] | kModes[Byte() % 8], .rdev = 0, .target = {}};
  if (S_ISCHR(node.mode)) node.rdev = Chance(128) ? makedev(5, 1) : makedev(0, 0);
  if (S_ISLNK(node.mode)) node.target = Chance(200) ? "../etc/one" : std::string(3000, 't');
  Caller caller = PickCaller();
  Trace("make %lu %.20s %o by %u:%u", at.nodeid, at.name.c_str(), node.mode, caller.uid, caller.gid);
  auto made = tree_->MakeNode(at.nodeid, at.name, node, caller);
  if (OutOfQuota(ErrnoOf(made))) return;
  int expected = PosixModel::MayMake(*at.directory, at.name);
  // It is what whiteouts look like to the kernel's overlayfs, which refuses it as well.
  if (S_ISCHR(node.mode) && node.rdev == 0 && ErrnoOf(made) == EPERM) return;
  if (!Agree(ErrnoOf(made), expected)) return;
  ModelPtr inode = PosixModel::NewInode(*at.directory, node.mode, caller.uid, caller.gid, caller.umask);
  inode->rdev = node.rdev;
  inode->data = node.target;
  PosixModel::Attach(*at.directory, at.name, inode);
  NoteChange(*at.directory, at.name);
  Learn(*made, inode);
}

void Driver::MakeTemporary() {
  uint64_t nodeid = PickDirectory();
  Caller caller = PickCaller();
  Trace("temporary in %lu", nodeid);
  auto made = tree_->MakeTemporary(nodeid, S_IFREG | 0640, caller);
  if (OutOfQuota(ErrnoOf(made))) return;
  if (!Agree(ErrnoOf(made), Inode(nodeid)->dead() ? ENOENT : 0)) return;
  ModelPtr inode = PosixModel::NewInode(*Inode(nodeid), S_IFREG | 0640, caller.uid, caller.gid, caller.umask);
  inode->temporary = true;
  Learn(*made, inode);
}

void Driver::Link() {
  uint64_t nodeid = PickAny();
  Place at = PickPlace();
  ModelPtr inode = Inode(nodeid);
  if (inode->dead() && !inode->temporary) return;  // the kernel refuses it
  Trace("link %lu to %lu %.20s", nodeid, at.nodeid, at.name.c_str());
  auto linked = tree_->Link(nodeid, at.nodeid, at.name);
  if (OutOfQuota(ErrnoOf(linked))) return;
  if (!Agree(ErrnoOf(linked), PosixModel::Link(inode, *at.directory, at.name))) return;
  NoteChange(*at.directory, at.name);
  MayLoseNumber(*inode);
  Learn(*linked, inode);
}

void Driver::Remove(bool directory) {
  Place at = PickPlace();
  Trace("%s %lu %.20s", directory ? "rmdir" : "unlink", at.nodeid, at.name.c_str());
  auto removed = directory ? tree_->RemoveDirectory(at.nodeid, at.name) : tree_->Unlink(at.nodeid, at.name);
  if (OutOfQuota(ErrnoOf(removed))) return;
  if (Agree(ErrnoOf(removed), PosixModel::Remove(*at.directory, at.name, directory)))
    NoteChange(*at.directory, at.name);
}

void Driver::Rename() {
  static constexpr unsigned kFlags[] = {0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, 8};
  Place from = PickPlace(), to = PickPlace();
  unsigned flags = kFlags[Byte() % 8];
  Trace("rename %lu %.20s to %lu %.20s flags %u", from.nodeid, from.name.c_str(), to.nodeid, to.name.c_str(),
        flags);
  auto renamed = tree_->Rename(from.nodeid, from.name, to.nodeid, to.name, flags);
  if (OutOfQuota(ErrnoOf(renamed))) return;
  // Documented: no exchange where the host's file system has none.
  if ((flags & RENAME_EXCHANGE) != 0 && !upper_options_.allowed.rename_exchange && ErrnoOf(renamed) == EINVAL)
    return;
  if (!Agree(ErrnoOf(renamed), PosixModel::Rename(*from.directory, from.name, *to.directory, to.name, flags)))
    return;
  NoteChange(*from.directory, from.name);
  NoteChange(*to.directory, to.name);
}

void Driver::ChangeMode() {
  static constexpr mode_t kModes[] = {0644, 0, 0755, 06755, 02744, 01777, 0400, 07777};
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  if (S_ISLNK(inode->mode)) return;
  SetAttributesRequest request;
  request.mode = kModes[Byte() % 8];
  Trace("chmod %lu %o", nodeid, *request.mode);
  auto changed = tree_->SetAttributes(nodeid, request);
  if (Refused(ErrnoOf(changed), *inode) || !Agree(ErrnoOf(changed), 0)) return;
  inode->mode = (inode->mode & S_IFMT) | *request.mode;
  CheckStat(*changed, *inode);
}

void Driver::ChangeOwner() {
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  Caller ids = PickCaller();
  SetAttributesRequest request;
  uint8_t which = 1 + Byte() % 3;
  if ((which & 1) != 0) request.uid = ids.uid;
  if ((which & 2) != 0) request.gid = ids.gid;
  request.kill_privileges = !inode->directory();
  Trace("chown %lu %d:%d", nodeid, which & 1 ? static_cast<int>(ids.uid) : -1,
        which & 2 ? static_cast<int>(ids.gid) : -1);
  auto changed = tree_->SetAttributes(nodeid, request);
  if (Refused(ErrnoOf(changed), *inode) || !Agree(ErrnoOf(changed), 0)) return;
  if (request.uid) inode->uid = ids.uid;
  if (request.gid) inode->gid = ids.gid;
  PosixModel::KillPrivileges(*inode, true);
  MayLoseNumber(*inode);
  CheckStat(*changed, *inode);
}

void Driver::ChangeSize() {
  uint64_t nodeid = PickFile();
  if (nodeid == 0) return;
  ModelPtr inode = Inode(nodeid);
  SetAttributesRequest request;
  request.size = Chance(100) ? 0 : Word() % kMaxFile;
  request.kill_privileges = Chance(128);
  Trace("truncate %lu to %lu%s", nodeid, *request.size, request.kill_privileges ? ", kill" : "");
  auto changed = tree_->SetAttributes(nodeid, request);
  if (NoRoom(ErrnoOf(changed), nodeid) || !Agree(ErrnoOf(changed), 0)) return;
  // Whether the time changes when the size does not is the kernel's to say.
  inode->mtime = {inode->data.size() == *request.size ? kAnyTime : kRecent, 0};
  inode->data.resize(*request.size);
  PosixModel::KillPrivileges(*inode, request.kill_privileges);
  CheckStat(*changed, *inode);
}

void Driver::ChangeTimes() {
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  SetAttributesRequest request;
  request.mtime = {1 + Word(), static_cast<long>(Word()) * 15000 + 1};
  if (Chance(40)) request.mtime = {0, UTIME_NOW};
  if (Chance(128)) request.atime = {7, 123456789};
  Trace("utimes %lu %ld.%ld", nodeid, request.mtime.tv_sec, request.mtime.tv_nsec);
  auto changed = tree_->SetAttributes(nodeid, request);
  if (Refused(ErrnoOf(changed), *inode) || !Agree(ErrnoOf(changed), 0)) return;
  if (request.mtime.tv_nsec == UTIME_NOW)
    inode->Touch();
  else
    inode->mtime = request.mtime;
  CheckStat(*changed, *inode);
  if (request.atime.tv_nsec == 123456789 &&
      (changed->st_atim.tv_sec != 7 || changed->st_atim.tv_nsec != 123456789))
    Wrong("the access time was not set");
}

// Ours are nothing special to a container.
const char* const kXattrNames[] = {"user.a",
                                   "user.b",
                                   "user.long",
                                   "security.capability",
                                   "user.overlay.opaque",
                                   "user.overlay.redirect",
                                   "user.wolffia.origin",
                                   "user.containers.override_stat"};

void Driver::SetXattr() {
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  if (!inode->directory() && !S_ISREG(inode->mode)) return;
  unsigned choice = Byte() % 16;
  std::string name = kXattrNames[choice < 8 ? choice : choice % 3];
  if (name == "security.capability" && inode->directory()) return;
  std::string value(Byte() % 200, static_cast<char>('a' + choice));
  int flags = Byte() % 8 < 6 ? 0 : 1 + Byte() % 2;
  Trace("setxattr %lu %s %zu flags %d", nodeid, name.c_str(), value.size(), flags);
  int set = ErrnoOf(tree_->SetXattr(nodeid, name, value, flags, false));
  if (Refused(set, *inode)) return;
  bool there = inode->xattrs.contains(name);
  int expected = flags == 1 && there ? EEXIST : flags == 2 && !there ? ENODATA : 0;
  if (Agree(set, expected)) inode->xattrs[name] = value;
}

void Driver::RemoveXattr() {
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  if (!inode->directory() && !S_ISREG(inode->mode)) return;
  std::string name = kXattrNames[Byte() % 8];
  if (Chance(200) && !inode->xattrs.empty()) name = inode->xattrs.begin()->first;
  Trace("removexattr %lu %s", nodeid, name.c_str());
  int removed = ErrnoOf(tree_->RemoveXattr(nodeid, name));
  if (Refused(removed, *inode)) return;
  if (Agree(removed, inode->xattrs.contains(name) ? 0 : ENODATA)) inode->xattrs.erase(name);
}

void Driver::Write() {
  uint64_t nodeid = PickFile();
  if (nodeid == 0) return;
  ModelPtr inode = Inode(nodeid);
  uint64_t offset = Chance(128) ? inode->data.size() : Word() % (kMaxFile / 2);
  std::string data(1 + Word() % (Chance(60) ? 9000 : 50), static_cast<char>('A' + Byte() % 26));
  bool kill = Chance(128);
  Trace("write %lu %zu at %lu%s", nodeid, data.size(), offset, kill ? ", kill" : "");
  auto written = tree_->Write(nodeid, data.data(), data.size(), offset, kill);
  if (NoRoom(ErrnoOf(written), nodeid) || !Agree(ErrnoOf(written), 0)) return;
  if (*written != data.size() && !quota_) Wrong("a short write");
  PosixModel::KillPrivileges(*inode, kill);
  PosixModel::Write(*inode, data.substr(0, *written), offset);
}

void Driver::Read() {
  uint64_t nodeid = PickFile();
  if (nodeid == 0) return;
  ModelPtr inode = Inode(nodeid);
  uint64_t offset = Chance(128) ? 0 : Word() % kMaxFile;
  std::string buffer(1 + Word() % 20000, '\xfe');
  Trace("read %lu %zu at %lu", nodeid, buffer.size(), offset);
  auto done = tree_->Read(nodeid, buffer.data(), buffer.size(), offset);
  if (!Agree(ErrnoOf(done), 0)) return;
  std::string expected = offset < inode->data.size() ? inode->data.substr(offset, buffer.size()) : "";
  if (buffer.substr(0, *done) != expected) Wrong("other bytes were read");
}

void Driver::Allocate() {
  static constexpr int kModes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                   FALLOC_FL_ZERO_RANGE};
  uint64_t nodeid = PickFile();
  if (nodeid == 0) return;
  ModelPtr inode = Inode(nodeid);
  int mode = kModes[Byte() % 4];
  uint64_t offset = Word() % (kMaxFile / 2), size = 1 + Word() % (kMaxFile / 2);
  Trace("allocate %lu mode %d at %lu + %lu", nodeid, mode, offset, size);
  int done = ErrnoOf(tree_->Allocate(nodeid, mode, offset, size));
  if (done == EOPNOTSUPP) PosixModel::KillPrivileges(*inode, false);  // before the host was asked
  if (NoRoom(done, nodeid) || done == EOPNOTSUPP || !Agree(done, 0)) return;
  inode->mtime = {kAnyTime, 0};
  PosixModel::KillPrivileges(*inode, false);
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && inode->data.size() < offset + size)
    inode->data.resize(offset + size);
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) return;
  for (uint64_t i = offset; i < std::min<uint64_t>(offset + size, inode->data.size()); ++i)
    inode->data[i] = 0;
}

void Driver::Seek() {
  uint64_t nodeid = PickFile();
  if (nodeid == 0) return;
  const std::string& data = Inode(nodeid)->data;
  uint64_t offset = Word() % (data.size() + 2);
  int whence = Chance(128) ? SEEK_DATA : SEEK_HOLE;
  Trace("seek %lu from %lu %s", nodeid, offset, whence == SEEK_DATA ? "data" : "hole");
  auto found = tree_->Seek(nodeid, static_cast<int64_t>(offset), whence);
  auto zeros = [&](uint64_t from, uint64_t to) {
    return data.find_first_not_of('\0', from) >= std::min<uint64_t>(to, data.size());
  };
  if (!found) {
    bool no_more_data = whence == SEEK_DATA && zeros(offset, data.size());
    if (found.error() != ENXIO || (offset < data.size() && !no_more_data)) Wrong("seek failed");
    return;
  }
  auto at = static_cast<uint64_t>(*found);
  if (offset >= data.size() || at < offset || at > data.size()) return Wrong("seek past the end");
  if (whence == SEEK_DATA && !zeros(offset, at)) Wrong("seek skipped data");
  if (whence == SEEK_HOLE && at < data.size() && data[at] != 0) Wrong("seek called data a hole");
}

void Driver::CopyRange() {
  uint64_t from = PickFile(), to = PickFile();
  if (from == 0 || from == to) return;
  ModelPtr source = Inode(from), target = Inode(to);
  uint64_t from_offset = Word() % 3000, to_offset = Word() % 3000, size = 1 + Word() % 9000;
  Trace("copy %lu + %lu to %lu + %lu, %lu", from, from_offset, to, to_offset, size);
  auto done = tree_->CopyRange(from, from_offset, to, to_offset, size);
  if (NoRoom(ErrnoOf(done), to) || !Agree(ErrnoOf(done), 0)) return;
  std::string expected = from_offset < source->data.size() ? source->data.substr(from_offset, size) : "";
  if (*done > expected.size() || (*done == 0 && !expected.empty()))
    return Wrong("copied too much or nothing");
  PosixModel::KillPrivileges(*target, false);
  if (*done == 0) {
    target->mtime = {kAnyTime, 0};
    return;
  }
  PosixModel::Write(*target, expected.substr(0, *done), to_offset);
}

void Driver::StartListing() {
  if (listings_.size() >= 3) return;
  uint64_t nodeid = PickDirectory();
  ModelPtr directory = Inode(nodeid);
  Trace("opendir %lu", nodeid);
  Listing listing{.nodeid = nodeid,
                  .directory = directory,
                  .attributes = Chance(128),
                  .at_start = {},
                  .changed = {},
                  .seen = {}};
  for (auto& [name, child] : directory->children) listing.at_start.insert(name);
  listings_.push_back(std::move(listing));
  ContinueListing();
}

void Driver::ContinueListing() {
  if (listings_.empty()) return;
  size_t which = Byte() % listings_.size();
  Listing& listing = listings_[which];
  size_t wanted = Chance(60) ? 1000 : 1 + Byte() % 4;
  Trace("readdir %lu from %lu, %zu entries", listing.nodeid, listing.offset, wanted);
  std::vector<std::pair<std::string, Entry>> taken;
  bool refused = false;
  auto read = tree_->ReadDirectory(listing.nodeid, listing.offset, listing.attributes,
                                   [&](const char* name, const Entry& entry, uint64_t next) {
                                     if (refused) Wrong("readdir went on after the end of the buffer");
                                     if (taken.size() == wanted) {
                                       refused = true;
                                       return false;
                                     }
                                     taken.emplace_back(name, entry);
                                     listing.offset = next;
                                     return true;
                                   });
  if (!Agree(ErrnoOf(read), 0)) return;
  for (auto& [name, entry] : taken) {
    if (!listing.seen.insert(name).second && !listing.changed.contains(name))
      Wrong("readdir gave twice: " + name);
    if (name == "." || name == "..") continue;
    auto child = listing.directory->children.find(name);
    if (child == listing.directory->children.end()) {
      if (!listing.changed.contains(name) || listing.attributes)
        Wrong("readdir gave what is not there: " + name);
    } else if (listing.attributes) {
      Learn(entry, child->second);
    } else if ((entry.st.st_mode & S_IFMT) != (child->second->mode & S_IFMT)) {
      if (!listing.changed.contains(name)) Wrong("readdir gave another type: " + name);
    }
  }
  if (refused) return;
  FinishListing(listing);
  listings_.erase(listings_.begin() + static_cast<long>(which));
}

void Driver::FinishListing(const Listing& listing) {
  for (const std::string& name : listing.at_start)
    if (!listing.seen.contains(name) && !listing.changed.contains(name)) Wrong("readdir left out " + name);
}

// What the kernel would not ask. Any errno is right, but nothing may have happened.
void Driver::Hostile() {
  static constexpr uint64_t kNobody[] = {
      0, 100000, 0xffffffff, 0x100000000, (uint64_t{1} << 40) + 1000000, ~uint64_t{0}};
  uint64_t nodeid = kNobody[Byte() % 6], file = PickFile(), directory = PickDirectory();
  uint8_t what = Byte() % 16;
  Trace("nonsense %u with %lu, %lu, %lu", what, nodeid, file, directory);
  char buffer[64];
  auto take = [](const char*, const Entry&, uint64_t) { return true; };
  auto must_fail = [&](int error) {
    if (error == 0) Wrong("nonsense succeeded");
  };
  switch (what) {
    case 0:
      return must_fail(ErrnoOf(tree_->Lookup(nodeid, "a")));
    case 1:
      return tree_->Forget(nodeid, 1 + Byte());
    case 2:
      return must_fail(
          ErrnoOf(tree_->MakeNode(nodeid, "a", {.mode = S_IFREG | 0644, .rdev = 0, .target = {}}, {})));
    case 3:
      return must_fail(
          ErrnoOf(tree_->MakeNode(file, "a", {.mode = S_IFDIR | 0755, .rdev = 0, .target = {}}, {})));
    case 4:
      return must_fail(ErrnoOf(tree_->Link(nodeid, directory, "nobody")));
    case 5:
      return must_fail(ErrnoOf(tree_->Unlink(file == 0 ? nodeid : file, "a")));
    case 6:
      return must_fail(ErrnoOf(tree_->Rename(nodeid, "a", directory, "b", 0)));
    case 7:
      return must_fail(ErrnoOf(tree_->Rename(directory, "a", nodeid, "b", Byte())));
    case 8:
      return must_fail(ErrnoOf(tree_->SetAttributes(nodeid, {})));
    case 9:
      return must_fail(ErrnoOf(tree_->Write(directory, "x", 1, 0, false)));
    case 10:
      return must_fail(ErrnoOf(tree_->Read(nodeid, buffer, sizeof buffer, 0)));
    case 11:
      return must_fail(ErrnoOf(tree_->ReadLink(directory)));
    case 12:
      return must_fail(ErrnoOf(tree_->ReadDirectory(file == 0 ? nodeid : file, 0, Chance(128), take)));
    case 13:
      return (void)tree_->ReadDirectory(directory, uint64_t{Byte()} << Byte() % 56, false, take);
    case 14:
      return must_fail(ErrnoOf(tree_->SetXattr(nodeid, "user.a", "x", 0, false)));
    default:
      return must_fail(ErrnoOf(tree_->CopyRange(nodeid, 0, file, 0, 10)));
  }
}

void Driver::Look() {
  uint64_t nodeid = PickAny();
  ModelPtr inode = Inode(nodeid);
  Trace("getattr %lu", nodeid);
  auto st = tree_->GetAttributes(nodeid);
  if (Agree(ErrnoOf(st), 0)) CheckStat(*st, *inode);
  if (!S_ISLNK(inode->mode)) return;
  auto target = tree_->ReadLink(nodeid);
  if (!target || *target != inode->data) Wrong("another target of the link");
}

void Driver::Synchronise() {
  uint64_t file = PickFile(), directory = PickDirectory();
  Trace("sync %lu %lu", file, directory);
  if (file != 0) Agree(ErrnoOf(tree_->Sync(file, Chance(128))), 0);
  Agree(ErrnoOf(tree_->SyncDirectory(directory)), 0);
  Agree(ErrnoOf(tree_->SyncAll()), 0);
}

// A container that stops and starts: only what has a name is there again.
void Driver::Reopen() {
  bool orphans = false;
  for (auto& [nodeid, known] : known_) orphans |= known.inode->dead();
  uint64_t used = tree_ != nullptr && quota_ ? UsedInodes() : 0;
  Trace("reopen%s", orphans ? " with orphans" : "");
  bool first = tree_ == nullptr;
  for (auto& [path, inode] : EveryInode()) DropNumber(*inode);
  tree_.reset();
  known_.clear();
  nodeid_of_.clear();
  listings_.clear();
  uint8_t choice = Byte();
  upper_options_.allowed.rename_whiteout = (choice & 1) == 0;
  upper_options_.allowed.rename_exchange = (choice & 2) == 0;
  upper_options_.allowed.whiteout_nodes = (choice & 4) == 0;
  OverlayOptions options;
  options.descriptors = (choice & 8) == 0 ? 64 : 8;
  if (quota_) options.limits = {.bytes = kQuotaBytes, .inodes = kQuotaInodes};
  auto opened = folder_.Open(upper_options_, options,
                             directories_ ? MakeSmallDirectoryLower(first ? &model_ : nullptr)
                                          : MakeSmallLower(first ? &model_ : nullptr));
  if (!opened) return Wrong("reopen: " + opened.error().what);
  tree_ = std::move(*opened);
  if (std::string left = folder_.Leftovers(); !left.empty()) Wrong("left in the work directory: " + left);
  if (!first && quota_ && !orphans && UsedInodes() != used)
    Wrong("inodes in use: " + std::to_string(UsedInodes()) + " instead of " + std::to_string(used));
  known_[OverlayTree::kRoot] = {model_.root(), 1};
  nodeid_of_[model_.root().get()] = OverlayTree::kRoot;
}

void Driver::CompareOrphans(std::map<uint64_t, const ModelInode*>* by_ino) {
  std::string wrong;
  for (auto& [nodeid, known] : known_) {
    ModelInode& inode = *known.inode;
    auto st = tree_->GetAttributes(nodeid);
    if (!st) return Wrong("node " + std::to_string(nodeid) + " is gone: " + strerror(st.error()));
    CheckStat(*st, inode);
    if (by_ino->emplace(st->st_ino, &inode).first->second != &inode)
      Wrong("inode number " + std::to_string(st->st_ino) + " is used twice");
    if (!inode.dead() || inode.directory()) continue;
    FileFacts facts = ReadFacts(*tree_, nodeid, *st, &wrong);
    if (facts.data != inode.data || facts.xattrs != inode.xattrs)
      Wrong("node " + std::to_string(nodeid) + " without a name: " + DescribeFacts(facts) + " instead of " +
            std::to_string(inode.data.size()) + " bytes \"" + inode.data.substr(0, 24) + "\"");
  }
  if (!wrong.empty()) Wrong(wrong);
}

std::vector<std::pair<std::string, ModelInode*>> Driver::EveryInode() const {
  std::vector<std::pair<std::string, ModelInode*>> all{{"", model_.root().get()}};
  for (size_t i = 0; i < all.size(); ++i) {
    auto [path, inode] = all[i];
    for (auto& [name, child] : inode->children) all.emplace_back(path + "/" + name, child.get());
  }
  return all;
}

void Driver::Compare() {
  Trace("compare");
  std::string wrong;
  TreeFacts found = ReadTree(*tree_, &wrong);
  wrong += Difference(FactsOf(model_), found, {.inos = true});
  if (!wrong.empty()) return Wrong(wrong);
  std::map<uint64_t, const ModelInode*> by_ino;
  for (auto& [path, inode] : EveryInode()) {
    inode->shown_ino = found[path.empty() ? "/" : path].ino;
    by_ino[inode->shown_ino] = inode;
  }
  CompareOrphans(&by_ino);
}

void Driver::Step() {
  uint8_t what = Byte();
  if (what >= 252) return Reopen();
  if (what >= 244) return Compare();
  switch (what % 32) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return Lookup();
    case 5:
    case 6:
      return Forget();
    case 7:
    case 8:
    case 9:
      return Make();
    case 10:
      return MakeTemporary();
    case 11:
    case 12:
      return Link();
    case 13:
    case 14:
      return Remove(false);
    case 15:
    case 16:
      return Remove(true);
    case 17:
    case 18:
    case 19:
    case 20:
      return Rename();
    case 21:
      return ChangeMode();
    case 22:
      return ChangeOwner();
    case 23:
      return ChangeSize();
    case 24:
      return Chance(128) ? ChangeTimes() : Look();
    case 25:
      return Chance(160) ? SetXattr() : RemoveXattr();
    case 26:
    case 27:
      return Write();
    case 28:
      return Chance(128) ? Read() : Seek();
    case 29:
      return Chance(128) ? Allocate() : CopyRange();
    case 30:
      return Chance(128) ? StartListing() : ContinueListing();
    default:
      return Chance(128) ? Hostile() : Chance(200) ? StartListing() : Synchronise();
  }
}

std::string Driver::Run() {
  uint8_t variant = Byte();
  upper_options_.allowed.user_xattrs = (variant & 3) != 0;
  upper_options_.durable = (variant & 60) == 0;
  quota_ = (variant & 192) == 0;
  directories_ = (variant & 192) == 64;
  Reopen();
  while (at_ < bytes_.size() && failure_.empty()) Step();
  for (int i = 0; i < 2 && failure_.empty(); ++i) {
    Compare();
    if (i == 0 && failure_.empty()) Reopen();
  }
  if (failure_.empty()) return "";
  std::string story;
  for (const std::string& line : trace_) story += "  " + line + "\n";
  return story + failure_;
}

}  // namespace

std::string RunOverlayModel(std::string_view bytes) {
  return Driver(bytes).Run();
}

std::string OverlayModelBytes(uint64_t seed, size_t size) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace wolffia
