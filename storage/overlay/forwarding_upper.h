// ForwardingUpper: an UpperStore that hands everything to another one: the base of those that change a part
// of it. What is not declared by a derived class goes through as it is.
#pragma once

#include <memory>

#include "storage/overlay/upper_store.h"

namespace wolffia {

class ForwardingUpper : public UpperStore {
 public:
  explicit ForwardingUpper(std::unique_ptr<UpperStore> store) : store_(std::move(store)) {}

  int rootfd() const override { return store_->rootfd(); }
  int workfd() const override { return store_->workfd(); }
  const UpperCapabilities& capabilities() const override { return store_->capabilities(); }
  UpperIds ids() const override { return store_->ids(); }
  uint64_t device() const override { return store_->device(); }

  Sys<UpperObject> Look(int dirfd, const char* name, const Seen* seen) override {
    return store_->Look(dirfd, name, seen);
  }
  Sys<UpperObject> LookAt(int fd) override { return store_->LookAt(fd); }
  Sys<std::string> ReadLink(int dirfd, const char* name, const UpperObject& object) override {
    return store_->ReadLink(dirfd, name, object);
  }
  Sys<Staged> Stage(const NewObject& object) override { return store_->Stage(object); }
  Sys<Fd> CreatePlain(const UpperSpot& to, mode_t mode) override { return store_->CreatePlain(to, mode); }
  Sys<> SetAttributes(const UpperSpot& at, const UpperObject& now, const AttributeChange& change) override {
    return store_->SetAttributes(at, now, change);
  }
  Sys<std::string> GetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override {
    return store_->GetXattr(at, now, name);
  }
  Sys<> SetXattr(const UpperSpot& at, const UpperObject& now, const std::string& name, std::string_view value,
                 int flags) override {
    return store_->SetXattr(at, now, name, value, flags);
  }
  Sys<> RemoveXattr(const UpperSpot& at, const UpperObject& now, const std::string& name) override {
    return store_->RemoveXattr(at, now, name);
  }
  Sys<std::vector<std::string>> ListXattrs(const UpperSpot& at, const UpperObject& now) override {
    return store_->ListXattrs(at, now);
  }
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

 protected:
  const std::unique_ptr<UpperStore> store_;
};

}  // namespace wolffia
