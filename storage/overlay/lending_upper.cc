#include "storage/overlay/lending_upper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

#include "engine/base/result.h"
#include "storage/overlay/forwarding_upper.h"

namespace wolffia {
namespace {

// A mode that is wider for the life of this object.
class LentMode {
 public:
  // With an empty name: what dirfd itself is.
  explicit LentMode(const UpperSpot& at) : at_(at) {
    struct stat st;
    if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) return;
    if (st.st_uid != geteuid() || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) return;
    mode_ = st.st_mode & 07777;
    mode_t wide = mode_ | (S_ISDIR(st.st_mode) ? 0700 : 0600);
    lent_ = wide != mode_ && Change(wide);
  }
  ~LentMode() {
    if (lent_) Change(mode_);
  }
  LentMode(const LentMode&) = delete;
  explicit operator bool() const { return lent_; }
  mode_t mode() const { return mode_; }  // as it is without us
  // The object has another name now.
  void MoveTo(const UpperSpot& at) { at_ = at; }

 private:
  bool Change(mode_t mode) {
    return (*at_.name == '\0' ? fchmod(at_.dirfd, mode) : fchmodat(at_.dirfd, at_.name, mode, 0)) == 0;
  }
  UpperSpot at_;
  mode_t mode_ = 0;
  bool lent_ = false;
};

class LendingUpper final : public ForwardingUpper {
 public:
  using ForwardingUpper::ForwardingUpper;

  // --- Looking: under the lock, so that no widened mode is seen ---
  Sys<UpperObject> Look(int dirfd, const char* name, const Seen*) override {
    return LookPatiently({dirfd, name}, [&] { return store_->Look(dirfd, name); });
  }
  Sys<UpperObject> LookAt(int fd) override {
    return LookPatiently({fd, ""}, [&] { return store_->LookAt(fd); });
  }
  Sys<Fd> OpenDirectory(int dirfd, const char* name) override {
    return Patiently({dirfd, name}, [&] { return store_->OpenDirectory(dirfd, name); });
  }
  Sys<Fd> OpenFile(int dirfd, const char* name) override {
    return Patiently({dirfd, name}, [&] { return store_->OpenFile(dirfd, name); });
  }
  Sys<std::vector<Name>> List(int fd) override {
    return Patiently({fd, ""}, [&] { return store_->List(fd); });
  }
  Sys<> ClearWhiteouts(int fd) override {
    return Patiently({fd, ""}, [&] { return store_->ClearWhiteouts(fd); });
  }
  Sys<std::string> GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override {
    return Patiently(at, [&] { return store_->GetXattr(at, now, name); });
  }

  // --- Changing ---
  // The mode comes last: before it there are attributes to write.
  Sys<Staged> Stage(const NewObject& object) override {
    mode_t mode = object.ownership.mode;
    mode_t needed = S_ISREG(mode) ? 0600 : S_ISDIR(mode) ? 0700 : 0;
    if ((mode & needed) == needed) return store_->Stage(object);
    NewObject open = object;
    open.ownership.mode |= needed;
    Staged staged = TRY(store_->Stage(open));
    if (fchmodat(workfd(), staged.name().c_str(), mode & 07777, 0) != 0) return SysFail();
    return staged;
  }
  Sys<Fd> CreatePlain(const UpperSpot& to, mode_t mode) override {
    // A directory is opened after it is made.
    if (S_ISDIR(mode) && (mode & 0700) != 0700) return SysFail(EEXIST);
    return store_->CreatePlain(to, mode);
  }
  Sys<> SetAttributes(const UpperSpot& at, const UpperObject& now, const AttributeChange& change) override {
    std::lock_guard lock(lock_);
    return store_->SetAttributes(at, now, change);
  }
  Sys<> SetOpaque(const UpperSpot& at) override {
    return Patiently(at, [&] { return store_->SetOpaque(at); });
  }
  Sys<> SetRedirect(const UpperSpot& at, const std::string& path) override {
    return Patiently(at, [&] { return store_->SetRedirect(at, path); });
  }
  Sys<> SetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name, std::string_view value,
                 int flags) override {
    return Patiently(at, [&] { return store_->SetXattr(at, now, name, value, flags); });
  }
  Sys<> RemoveXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override {
    return Patiently(at, [&] { return store_->RemoveXattr(at, now, name); });
  }
  // --- Moving: to another parent a directory goes only where it may be written to ---
  Sys<> Place(Staged staged, const UpperSpot& to) override {
    std::lock_guard lock(lock_);
    std::string work_name = staged.name();
    LentMode lent({workfd(), work_name.c_str()});
    Sys<> placed = store_->Place(std::move(staged), to);
    if (placed) lent.MoveTo(to);
    return placed;
  }
  Sys<> Move(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) override {
    std::lock_guard lock(lock_);
    Sys<> moved = store_->Move(from, to, leave_whiteout);
    if (moved || moved.error() != EACCES) return moved;
    LentMode lent(from);
    moved = store_->Move(from, to, leave_whiteout);
    if (moved) lent.MoveTo(to);
    return moved;
  }
  Sys<> Exchange(const UpperSpot& a, const UpperSpot& b) override {
    std::lock_guard lock(lock_);
    Sys<> exchanged = store_->Exchange(a, b);
    if (exchanged || exchanged.error() != EACCES) return exchanged;
    LentMode lent_a(a), lent_b(b);
    exchanged = store_->Exchange(a, b);
    if (!exchanged) return exchanged;
    lent_a.MoveTo(b);
    lent_b.MoveTo(a);
    return exchanged;
  }
  Sys<std::string> MakeOrphan(const UpperSpot& at, bool leave_whiteout) override {
    std::lock_guard lock(lock_);
    auto name = store_->MakeOrphan(at, leave_whiteout);
    if (name || name.error() != EACCES) return name;
    std::string new_name;  // outlives `lent`, which refers to it
    LentMode lent(at);
    name = store_->MakeOrphan(at, leave_whiteout);
    if (!name) return name;
    new_name = *name;
    lent.MoveTo({workfd(), new_name.c_str()});
    return name;
  }
  Sys<> PlaceLinked(Staged staged, uint64_t origin, uint32_t pending) override {
    std::lock_guard lock(lock_);
    std::string work_name = staged.name(), linked_name;
    LentMode lent({workfd(), work_name.c_str()});
    Sys<> placed = store_->PlaceLinked(std::move(staged), origin, pending);
    if (placed) lent.MoveTo(store_->LinkedSpot(origin, &linked_name));
    return placed;
  }
  Sys<uint32_t> PendingLinks(uint64_t origin) override {
    std::string name;
    return Patiently(store_->LinkedSpot(origin, &name), [&] { return store_->PendingLinks(origin); });
  }
  Sys<> LinkPending(uint64_t origin, const UpperSpot& to) override {
    std::string name;
    return Patiently(store_->LinkedSpot(origin, &name), [&] { return store_->LinkPending(origin, to); });
  }

 private:
  template <typename Call>
  Sys<UpperObject> LookPatiently(const UpperSpot& at, Call call) {
    std::lock_guard lock(lock_);
    Sys<UpperObject> object = call();
    if (object || object.error() != EACCES) return object;
    LentMode lent(at);
    object = call();
    if (object && lent) object->st.st_mode = (object->st.st_mode & S_IFMT) | lent.mode();
    return object;
  }
  template <typename Call>
  auto Patiently(const UpperSpot& at, Call call) -> decltype(call()) {
    std::lock_guard lock(lock_);
    auto result = call();
    if (result || result.error() != EACCES) return result;
    LentMode lent(at);
    return lent ? call() : std::move(result);
  }

  std::mutex lock_;  // a leaf: held over one call of the store
};

}  // namespace

std::unique_ptr<UpperStore> LendModes(std::unique_ptr<UpperStore> store) {
  if (store->ids() != UpperIds::kNative || geteuid() == 0) return store;
  return std::make_unique<LendingUpper>(std::move(store));
}

}  // namespace wolffia
