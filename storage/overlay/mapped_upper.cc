#include "storage/overlay/mapped_upper.h"

#include <unistd.h>

#include "engine/base/result.h"

namespace wolffia {
namespace {

class MappedUpper final : public UpperStore {
 public:
  MappedUpper(std::unique_ptr<UpperStore> store, OwnerMaps owners)
      : store_(std::move(store)), owners_(std::move(owners)) {}

  int rootfd() const override { return store_->rootfd(); }
  int workfd() const override { return store_->workfd(); }
  const UpperCapabilities& capabilities() const override { return store_->capabilities(); }
  UpperIds ids() const override { return store_->ids(); }
  uint64_t device() const override { return store_->device(); }

  // --- What shows owners ---
  Sys<UpperObject> Look(int dirfd, const char* name) override { return Shown(store_->Look(dirfd, name)); }
  Sys<UpperObject> LookAt(int fd) override { return Shown(store_->LookAt(fd)); }

  // --- What keeps owners ---
  Sys<Staged> Stage(const NewObject& object) override {
    NewObject kept = object;
    kept.ownership.uid = Kept(owners_.users, object.ownership.uid, geteuid());
    kept.ownership.gid = Kept(owners_.groups, object.ownership.gid, getegid());
    return store_->Stage(kept);
  }
  // What is plain on the disk belongs to 0 there. EEXIST: not this way; the caller stages it.
  Sys<Fd> CreatePlain(const UpperSpot& to, mode_t mode) override {
    if (Kept(owners_.users, 0, geteuid()) != 0 || Kept(owners_.groups, 0, getegid()) != 0)
      return SysFail(EEXIST);
    return store_->CreatePlain(to, mode);
  }
  Sys<> SetAttributes(const UpperSpot& at, const UpperObject&, const AttributeChange& change) override {
    AttributeChange kept = change;
    TRY(Translate(owners_.users, &kept.uid));
    TRY(Translate(owners_.groups, &kept.gid));
    return store_->SetAttributes(at, TRY(store_->Look(at.dirfd, at.name)), kept);
  }

  // --- What is given an object, which must be as the store has it ---
  Sys<std::string> GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override {
    return store_->GetXattr(at, now, name);
  }
  Sys<> SetXattr(const UpperSpot& at, const UpperObject&, const std::string& name, std::string_view value,
                 int flags) override {
    return store_->SetXattr(at, TRY(store_->Look(at.dirfd, at.name)), name, value, flags);
  }
  Sys<> RemoveXattr(const UpperSpot& at, const UpperObject&, const std::string& name) override {
    return store_->RemoveXattr(at, TRY(store_->Look(at.dirfd, at.name)), name);
  }
  Sys<std::vector<std::string>> ListXattrs(const UpperSpot& at, const UpperObject& now) override {
    return store_->ListXattrs(at, now);
  }
  Sys<std::string> ReadLink(int dirfd, const char* name, const UpperObject& object) override {
    return store_->ReadLink(dirfd, name, object);
  }

  // --- The rest ---
  Sys<Fd> OpenDirectory(int dirfd, const char* name) override { return store_->OpenDirectory(dirfd, name); }
  Sys<Fd> OpenFile(int dirfd, const char* name) override { return store_->OpenFile(dirfd, name); }
  Sys<std::vector<Name>> List(int fd) override { return store_->List(fd); }
  Sys<> Place(Staged staged, const UpperSpot& to) override { return store_->Place(std::move(staged), to); }
  Sys<> Link(const UpperSpot& from, const UpperSpot& to) override { return store_->Link(from, to); }
  Sys<> PutWhiteout(const UpperSpot& at) override { return store_->PutWhiteout(at); }
  Sys<> Move(const UpperSpot& from, const UpperSpot& to, bool leave_whiteout) override {
    return store_->Move(from, to, leave_whiteout);
  }
  Sys<> Exchange(const UpperSpot& a, const UpperSpot& b) override { return store_->Exchange(a, b); }
  Sys<std::string> MakeOrphan(const UpperSpot& at, bool leave_whiteout) override {
    return store_->MakeOrphan(at, leave_whiteout);
  }
  Sys<> DropOrphan(const std::string& name) override { return store_->DropOrphan(name); }
  Sys<> Unlink(const UpperSpot& at) override { return store_->Unlink(at); }
  Sys<> ClearWhiteouts(int fd) override { return store_->ClearWhiteouts(fd); }
  Sys<> SetOpaque(const UpperSpot& at) override { return store_->SetOpaque(at); }
  Sys<> SetRedirect(const UpperSpot& at, const std::string& path) override {
    return store_->SetRedirect(at, path);
  }
  Sys<> PlaceLinked(Staged staged, uint64_t origin, uint32_t pending) override {
    return store_->PlaceLinked(std::move(staged), origin, pending);
  }
  Sys<std::vector<uint64_t>> ListLinked() override { return store_->ListLinked(); }
  UpperSpot LinkedSpot(uint64_t origin, std::string* storage) override {
    return store_->LinkedSpot(origin, storage);
  }
  Sys<uint32_t> PendingLinks(uint64_t origin) override { return store_->PendingLinks(origin); }
  Sys<> LinkPending(uint64_t origin, const UpperSpot& to) override { return store_->LinkPending(origin, to); }
  Sys<> SyncFile(int fd, bool data_only) override { return store_->SyncFile(fd, data_only); }
  Sys<> SyncDirectory(int fd) override { return store_->SyncDirectory(fd); }
  Sys<> SyncAll() override { return store_->SyncAll(); }

 private:
  Sys<UpperObject> Shown(Sys<UpperObject> object) const {
    if (!object || object->kind == UpperObject::Kind::kAbsent) return object;
    object->st.st_uid = owners_.users.Shown(object->st.st_uid);
    object->st.st_gid = owners_.groups.Shown(object->st.st_gid);
    return object;
  }
  // The owner of something new: where all is shown as one's, whoever serves (with override ids: 0).
  uint32_t Kept(const OwnerMap& map, uint32_t shown, uint32_t server) const {
    if (map.squashes()) return ids() == UpperIds::kOverride ? 0 : server;
    return map.Disk(shown).value_or(OwnerMap::kOverflow);
  }
  static Sys<> Translate(const OwnerMap& map, std::optional<uid_t>* id) {
    if (!*id) return {};
    auto disk = map.Disk(**id);
    if (!disk && !map.squashes()) return SysFail(EINVAL);  // as chown(2) of an id that is not mapped
    *id = disk;
    return {};
  }

  const std::unique_ptr<UpperStore> store_;
  const OwnerMaps owners_;
};

}  // namespace

std::unique_ptr<UpperStore> MapOwners(std::unique_ptr<UpperStore> store, OwnerMaps owners) {
  if (owners.identity()) return store;
  return std::make_unique<MappedUpper>(std::move(store), std::move(owners));
}

}  // namespace wolffia
