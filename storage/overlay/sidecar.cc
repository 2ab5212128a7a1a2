// The sidecar: attributes in a log beside the upper, for file systems that have none. Format: FORMAT.md.
//
// In memory each object's attributes are kept in the form of the log, one string an object: an upper of a
// million files has a million of them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "storage/overlay/record_checksum.h"
#include "storage/overlay/xattr_store.h"

namespace wolffia {
namespace {

constexpr char kSidecar[] = "sidecar";
constexpr char kRewritten[] = "s.sidecar";  // swept with everything that is staged
constexpr std::string_view kMagic = "wolffsc1";
constexpr size_t kRecordHead = sizeof(uint32_t) + sizeof(uint64_t);     // size and checksum of the body
constexpr size_t kAttributeHead = sizeof(uint16_t) + sizeof(uint32_t);  // sizes of name and value
constexpr size_t kLongestName = 255;                                    // as xattr(7)
constexpr size_t kLargestValue = 65536;
constexpr size_t kLargestObject = 256 << 10;  // of all attributes of an object
constexpr size_t kWorthRewriting = 64 << 10;
constexpr size_t kMostForgotten = 4096;

template <typename T>
void AppendNumber(std::string* out, T value) {
  for (size_t i = 0; i < sizeof value; i++)
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xff));
}

template <typename T>
T NumberAt(const char* data) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); i++)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(data[i])) << (8 * i);
  return static_cast<T>(value);
}

std::string FormatRecord(uint64_t ino, std::string_view attributes) {
  std::string body;
  AppendNumber(&body, ino);
  body += attributes;
  std::string record;
  AppendNumber(&record, static_cast<uint32_t>(body.size()));
  AppendNumber(&record, RecordChecksum(body));
  return record + body;
}

// The first attribute of `rest`, which it is taken from; false at the end, or where the sizes do not fit.
struct Attribute {
  std::string_view name, value;
};
bool TakeAttribute(std::string_view* rest, Attribute* out) {
  if (rest->size() < kAttributeHead) return false;
  size_t name = NumberAt<uint16_t>(rest->data());
  size_t value = NumberAt<uint32_t>(rest->data() + sizeof(uint16_t));
  if (rest->size() - kAttributeHead < name || rest->size() - kAttributeHead - name < value) return false;
  out->name = rest->substr(kAttributeHead, name);
  out->value = rest->substr(kAttributeHead + name, value);
  rest->remove_prefix(kAttributeHead + name + value);
  return true;
}

void AppendAttribute(std::string* out, std::string_view name, std::string_view value) {
  AppendNumber(out, static_cast<uint16_t>(name.size()));
  AppendNumber(out, static_cast<uint32_t>(value.size()));
  out->append(name).append(value);
}

// All but one attribute.
std::string Without(std::string_view attributes, std::string_view name) {
  std::string rest;
  for (Attribute a; TakeAttribute(&attributes, &a);)
    if (a.name != name) AppendAttribute(&rest, a.name, a.value);
  return rest;
}

class Sidecar final : public XattrStore {
 public:
  Sidecar(int workfd, Fd log, StepHook step)
      : workfd_(workfd), log_(std::move(log)), step_(std::move(step)) {}

  // Reads the log, and cuts off what is not a whole record.
  Result<> Load();

  Sys<std::string> Get(const UpperRef& object, const std::string& name) override {
    std::lock_guard hold(lock_);
    auto it = objects_.find(object.host_ino);
    if (it == objects_.end()) return SysFail(ENODATA);
    std::string_view rest = it->second;
    for (Attribute a; TakeAttribute(&rest, &a);)
      if (a.name == name) return std::string(a.value);
    return SysFail(ENODATA);
  }

  Sys<> Set(const UpperRef& object, const std::string& name, std::string_view value, int flags) override {
    if (name.empty() || name.size() > kLongestName) return SysFail(ERANGE);
    if (value.size() > kLargestValue) return SysFail(E2BIG);
    bool there = Get(object, name).has_value();
    if (there && (flags & XATTR_CREATE) != 0) return SysFail(EEXIST);
    if (!there && (flags & XATTR_REPLACE) != 0) return SysFail(ENODATA);
    std::lock_guard hold(lock_);
    std::string attributes = Without(AttributesOf(object.host_ino), name);
    AppendAttribute(&attributes, name, value);
    if (attributes.size() > kLargestObject) return SysFail(ENOSPC);
    return Store(object.host_ino, std::move(attributes));
  }

  Sys<> Remove(const UpperRef& object, const std::string& name) override {
    if (!Get(object, name)) return SysFail(ENODATA);
    std::lock_guard hold(lock_);
    return Store(object.host_ino, Without(AttributesOf(object.host_ino), name));
  }

  Sys<std::vector<std::string>> List(const UpperRef& object) override {
    std::lock_guard hold(lock_);
    std::vector<std::string> names;
    std::string_view rest = AttributesOf(object.host_ino);
    for (Attribute a; TakeAttribute(&rest, &a);) names.emplace_back(a.name);
    return names;
  }

  Sys<> Forget(uint64_t host_ino) override {
    std::lock_guard hold(lock_);
    auto it = objects_.find(host_ino);
    if (it == objects_.end()) return {};
    // The object is gone even if the disk is too full to say so. The log is told when the number comes
    // again, before the new object has a name.
    if (forgotten_.size() >= kMostForgotten) any_forgotten_ = true;
    if (!any_forgotten_) forgotten_.insert(host_ino);
    Sys<> stored = Store(host_ino, {});
    if (!stored) {
      live_ -= it->second.size();
      it->second.clear();
    }
    return stored;
  }

  Sys<> Sync() override {
    std::lock_guard hold(lock_);
    return SyncLog();
  }

  Sys<> SyncForgotten(uint64_t host_ino) override {
    std::lock_guard hold(lock_);
    return any_forgotten_ || forgotten_.contains(host_ino) ? SyncLog() : Sys<>();
  }

 private:
  static size_t SizeOfRecord(size_t attributes) { return kRecordHead + sizeof(uint64_t) + attributes; }
  std::string_view AttributesOf(uint64_t ino) const {
    auto it = objects_.find(ino);
    return it == objects_.end() ? std::string_view() : it->second;
  }
  Sys<> SyncLog() {
    if (unsynced_ && fdatasync(log_.get()) < 0) return SysFail();
    Synced();
    return {};
  }
  void Synced() {
    unsynced_ = any_forgotten_ = false;
    forgotten_.clear();
  }
  void Keep(uint64_t ino, std::string attributes);
  Sys<> Store(uint64_t ino, std::string attributes);
  Sys<> Append(std::string_view record);
  void Rewrite();
  Sys<Fd> WriteAnew();

  const int workfd_;
  Fd log_;
  const StepHook step_;
  std::mutex lock_;
  std::unordered_map<uint64_t, std::string> objects_;
  uint64_t size_ = 0;  // of the log
  uint64_t live_ = 0;  // bytes of it that count
  bool unsynced_ = false;
  // Numbers whose end has not been synced: on the disk they may still have what the object had.
  std::unordered_set<uint64_t> forgotten_;
  bool any_forgotten_ = false;  // more than are counted
};

void Sidecar::Keep(uint64_t ino, std::string attributes) {
  auto it = objects_.find(ino);
  if (it != objects_.end()) {
    live_ -= std::min(live_, SizeOfRecord(it->second.size()));
    if (attributes.empty()) {
      objects_.erase(it);
      return;
    }
  } else if (attributes.empty()) {
    return;
  }
  live_ += SizeOfRecord(attributes.size());
  if (it == objects_.end())
    objects_.emplace(ino, std::move(attributes));
  else
    it->second = std::move(attributes);
}

Sys<> Sidecar::Store(uint64_t ino, std::string attributes) {
  TRY(Append(FormatRecord(ino, attributes)));
  Keep(ino, std::move(attributes));
  if (size_ > kWorthRewriting && size_ - live_ > size_ / 2) Rewrite();
  return {};
}

// One write: a process that is killed has written the record, or a part of it that is cut off later.
Sys<> Sidecar::Append(std::string_view record) {
  if (step_) step_();
  ssize_t n = pwrite(log_.get(), record.data(), record.size(), static_cast<off_t>(size_));
  if (n == static_cast<ssize_t>(record.size())) {
    size_ += record.size();
    unsynced_ = true;
    return {};
  }
  int error = n < 0 ? errno : ENOSPC;
  (void)!ftruncate(log_.get(), static_cast<off_t>(size_));
  return SysFail(error);
}

// A log that cannot be rewritten (a full disk) stays as it is, and is tried again when it has doubled.
void Sidecar::Rewrite() {
  auto fresh = WriteAnew();
  if (!fresh) {
    unlinkat(workfd_, kRewritten, 0);
    live_ = size_;
    return;
  }
  log_ = std::move(*fresh);
  size_ = live_;
  Synced();
}

Sys<Fd> Sidecar::WriteAnew() {
  if (step_) step_();
  Fd fd(openat(workfd_, kRewritten, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return SysFail();
  std::string chunk(kMagic);
  uint64_t total = kMagic.size();
  for (const auto& [ino, attributes] : objects_) {
    if (attributes.empty()) continue;
    chunk += FormatRecord(ino, attributes);
    total += SizeOfRecord(attributes.size());
    if (chunk.size() < (64 << 10)) continue;
    if (!WriteFull(fd.get(), chunk)) return SysFail(ENOSPC);
    chunk.clear();
  }
  if (!WriteFull(fd.get(), chunk)) return SysFail(ENOSPC);
  // Before the name: a name that reaches the disk before its bytes would lose everything.
  if (fdatasync(fd.get()) < 0) return SysFail();
  if (step_) step_();
  if (renameat(workfd_, kRewritten, workfd_, kSidecar) < 0) return SysFail();
  live_ = total;
  std::erase_if(objects_, [](const auto& object) { return object.second.empty(); });
  return fd;
}

Result<> Sidecar::Load() {
  struct stat st;
  if (fstat(log_.get(), &st) < 0) return FailErrno("read the sidecar");
  size_t size = static_cast<size_t>(st.st_size);
  size_t good = 0;
  live_ = kMagic.size();
  if (size > 0) {
    void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, log_.get(), 0);
    if (map == MAP_FAILED) return FailErrno("read the sidecar");
    std::string_view all(static_cast<const char*>(map), size);
    if (all.starts_with(kMagic)) {
      good = kMagic.size();
      while (size - good >= kRecordHead + sizeof(uint64_t)) {
        const char* head = all.data() + good;
        size_t body_size = NumberAt<uint32_t>(head);
        if (body_size < sizeof(uint64_t) || body_size > size - good - kRecordHead) break;
        std::string_view body = all.substr(good + kRecordHead, body_size);
        if (NumberAt<uint64_t>(head + sizeof(uint32_t)) != RecordChecksum(body)) break;
        Keep(NumberAt<uint64_t>(body.data()), std::string(body.substr(sizeof(uint64_t))));
        good += kRecordHead + body_size;
      }
    } else if (size >= kMagic.size()) {
      munmap(map, size);
      return Fail(Code::kCorrupt,
                  "the file \"sidecar\" in the work directory is not a sidecar of this version: owners and "
                  "modes of the upper directory are in it, so move the file away only to give them up");
    }
    munmap(map, size);
  }
  if (good < size || good == 0) {
    if (step_) step_();
    if (ftruncate(log_.get(), static_cast<off_t>(good)) < 0) return FailErrno("cut the sidecar");
  }
  size_ = good;
  if (good == 0) {
    Sys<> begun = Append(kMagic);
    if (!begun) return FailErrno("write the sidecar", begun.error());
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<XattrStore>> OpenSidecar(int workfd, StepHook step) {
  if (step) step();
  Fd log = TRY(OpenAt(workfd, kSidecar, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  auto sidecar = std::make_unique<Sidecar>(workfd, std::move(log), std::move(step));
  TRY(sidecar->Load());
  return std::unique_ptr<XattrStore>(std::move(sidecar));
}

}  // namespace wolffia
