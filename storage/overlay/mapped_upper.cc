#include "storage/overlay/mapped_upper.h"

#include <unistd.h>

#include "engine/base/result.h"
#include "storage/overlay/forwarding_upper.h"

namespace wolffia {
namespace {

class MappedUpper final : public ForwardingUpper {
 public:
  MappedUpper(std::unique_ptr<UpperStore> store, OwnerMaps owners)
      : ForwardingUpper(std::move(store)), owners_(std::move(owners)) {}

  // --- What shows owners ---
  Sys<UpperObject> Look(int dirfd, const char* name, const Seen* seen) override {
    return Shown(store_->Look(dirfd, name, seen));
  }
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
  Sys<> SetXattr(const UpperSpot& at, const UpperObject&, const std::string& name, std::string_view value,
                 int flags) override {
    return store_->SetXattr(at, TRY(store_->Look(at.dirfd, at.name)), name, value, flags);
  }
  Sys<> RemoveXattr(const UpperSpot& at, const UpperObject&, const std::string& name) override {
    return store_->RemoveXattr(at, TRY(store_->Look(at.dirfd, at.name)), name);
  }

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

  const OwnerMaps owners_;
};

}  // namespace

std::unique_ptr<UpperStore> MapOwners(std::unique_ptr<UpperStore> store, OwnerMaps owners) {
  if (owners.identity()) return store;
  return std::make_unique<MappedUpper>(std::move(store), std::move(owners));
}

}  // namespace wolffia
