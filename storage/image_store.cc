#include "storage/image_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/content.h"
#include "storage/image_record.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr size_t kMinIdPrefix = 3;

std::unexpected<Error> NotKnown(std::string_view typed) {
  return Fail(Code::kNotFound, std::string(typed) + ": image not known", ENOENT);
}

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<> WriteRecord(const Store& store, const Staging& staging, const ImageRecord& record) {
  std::string file = NamelessFileName(record.config);
  if (!record.name.empty()) file = TRY(ImageFileName(record.name));
  TRY_WITH(CreateFileAt(staging.dirfd(), file, SerializeImage(record), 0600), "images/" + file);
  return PublishFile(store, staging.dirfd(), file, "images/" + file);
}

Result<> RemoveFile(const Store& store, const std::string& file) {
  if (unlinkat(store.root(), ("images/" + file).c_str(), 0) < 0 && errno != ENOENT)
    return FailErrno("remove images/" + file);
  return {};
}

bool HasOtherName(const std::vector<ImageRecord>& all, const Digest& config, const std::string& name) {
  return std::ranges::any_of(
      all, [&](const ImageRecord& r) { return r.config == config && !r.name.empty() && r.name != name; });
}

// The one image of a list of candidates (several names of one image are one), or why there is none.
Result<ImageRecord> OnlyOne(std::string_view typed, const std::vector<const ImageRecord*>& candidates) {
  if (candidates.empty()) return NotKnown(typed);
  for (const ImageRecord* candidate : candidates)
    if (candidate->config != candidates[0]->config) {
      std::string what = std::string(typed) + " is ambiguous; it could be";
      for (const ImageRecord* c : candidates)
        what += " " + (c->name.empty() ? c->config.hex().substr(0, 12) : c->name);
      return Fail(Code::kInvalid, what);
    }
  return *candidates[0];
}

Result<ImageRecord> ById(std::string_view typed, std::string_view prefix,
                         const std::vector<ImageRecord>& all) {
  std::vector<const ImageRecord*> candidates;
  for (const ImageRecord& record : all)
    if (record.config.hex().starts_with(prefix)) candidates.push_back(&record);
  return OnlyOne(typed, candidates);
}

// "name@sha256:..": any record of that name (or ending in it, if it is short) that has the manifest or the
// index.
Result<ImageRecord> ByDigest(std::string_view typed, const Reference& wanted,
                             const std::vector<ImageRecord>& all) {
  std::vector<const ImageRecord*> candidates;
  for (const ImageRecord& record : all) {
    if (record.manifest != *wanted.digest && record.index != *wanted.digest) continue;
    auto name = Reference::Parse(record.name);
    if (!name) continue;
    if (wanted.IsShort() ? ("/" + name->Name()).ends_with("/" + wanted.path) : name->Name() == wanted.Name())
      candidates.push_back(&record);
  }
  return OnlyOne(typed, candidates);
}

Result<ImageRecord> ByLastComponents(std::string_view typed, const Reference& wanted,
                                     const std::vector<ImageRecord>& all) {
  std::vector<const ImageRecord*> candidates;
  for (const ImageRecord& record : all)
    if (record.name.ends_with("/" + wanted.str())) candidates.push_back(&record);
  return OnlyOne(typed, candidates);
}

}  // namespace

Result<std::vector<ImageRecord>> ImageStore::List() const {
  std::vector<ImageRecord> records;
  for (const std::string& file : TRY(ListDirectory(store_.root(), "images"))) {
    auto record = ReadImageFile(store_, file);
    if (record) records.push_back(std::move(*record));
  }
  // A crash between the two steps of Save leaves a nameless record beside a named one: it says nothing then.
  std::vector<ImageRecord> shown;
  for (const ImageRecord& record : records)
    if (!record.name.empty() || !HasOtherName(records, record.config, "")) shown.push_back(record);
  std::ranges::sort(shown, [](const ImageRecord& a, const ImageRecord& b) {
    return std::tie(a.name, a.config) < std::tie(b.name, b.config);
  });
  return shown;
}

Result<ImageRecord> ImageStore::ByName(const std::string& full_name) const {
  auto record = ReadImageFile(store_, TRY(ImageFileName(full_name)));
  if (!record && record.error().os_errno == ENOENT) return NotKnown(full_name);
  return record;
}

Result<ImageRecord> ImageStore::Resolve(std::string_view typed,
                                        const std::vector<std::string>& search_domains) const {
  std::string_view id = typed.starts_with("sha256:") ? typed.substr(7) : typed;
  const bool is_id = id.size() >= kMinIdPrefix && id.size() <= 64 && IsHex(id);
  if (is_id && (id.size() == 64 || id.size() != typed.size())) return ById(typed, id, TRY(List()));

  const Reference reference = TRY(Reference::Parse(typed));
  const Reference wanted = reference.WithDefaultTag();
  // The usual case reads one file: names are tried as files before anything is listed.
  std::vector<std::string> domains = search_domains;
  domains.insert(domains.begin(), "localhost");
  if (!reference.IsShort()) domains = {reference.domain};
  for (const std::string& domain : domains) {
    auto record = ByName(wanted.WithDomain(domain).str());
    if (record || record.error().code != Code::kNotFound) return record;
  }
  const std::vector<ImageRecord> all = TRY(List());
  if (wanted.digest) return ByDigest(typed, wanted, all);
  if (reference.IsShort()) {
    auto record = ByLastComponents(typed, wanted, all);
    if (record || record.error().code != Code::kNotFound) return record;
  }
  return is_id ? ById(typed, id, all) : NotKnown(typed);
}

Result<> ImageStore::Save(const ImageRecord& record) const {
  Staging staging = TRY(Staging::Begin(store_));
  if (record.name.empty()) return WriteRecord(store_, staging, record);
  auto before = ByName(record.name);
  if (before && before->config != record.config && !HasOtherName(TRY(List()), before->config, record.name)) {
    before->name.clear();
    TRY(WriteRecord(store_, staging, *before));
  }
  TRY(WriteRecord(store_, staging, record));
  return RemoveFile(store_, NamelessFileName(record.config));
}

Result<> ImageStore::RemoveName(const ImageRecord& record, bool keep_nameless) const {
  if (!record.name.empty()) {
    const std::string file = TRY(ImageFileName(record.name));
    if (!ExistsAt(store_.root(), "images/" + file)) return NotKnown(record.name);
    const bool last = !HasOtherName(TRY(List()), record.config, record.name);
    if (last && keep_nameless) {
      ImageRecord nameless = record;
      nameless.name.clear();
      TRY(Save(nameless));
    }
    TRY(RemoveFile(store_, file));
    if (last && !keep_nameless) TRY(RemoveFile(store_, NamelessFileName(record.config)));
  } else {
    TRY(RemoveFile(store_, NamelessFileName(record.config)));
  }
  if (store_.durability() == Durability::kVolatile) return {};
  // The names are gone from the disk before a collection takes their content away.
  Fd directory = TRY(OpenDirectory(store_.root(), "images"));
  return SyncFd(directory.get(), "images");
}

Result<Lower> ImageStore::OpenLower(const Digest& chain, const std::vector<Digest>& diff_ids,
                                    IndexCheck check) const {
  const std::string path = Store::ChainIndexPath(chain);
  if (store_.verify_reads() && check == IndexCheck::kBounds) check = IndexCheck::kSealed;
  auto index = WithContent(store_, path, [&] { return LowerIndex::Open(store_.root(), path, check); });
  // A damaged index is as good as none: it is derived, and is made again.
  if (!index && (index.error().code == Code::kCorrupt || index.error().os_errno == ENOENT))
    return Fail(Code::kNotFound, "the index of the image's file system has to be made first", ENOENT);
  if (!index) return std::unexpected(index.error());
  if (index->header().layer_count != diff_ids.size())
    return Fail(Code::kNotFound, "the index of the image's file system is not of its layers", ENOENT);
  std::vector<Fd> tars;
  for (const Digest& diff_id : diff_ids) {
    auto tar = OpenContent(store_, Store::BlobPath(diff_id));
    if (!tar && tar.error().os_errno == ENOENT)
      return Fail(Code::kCorrupt,
                  "layer " + diff_id.str() + " is missing from the store; pull the image again");
    tars.push_back(TRY(std::move(tar)));
  }
  Lower lower(std::move(*index), std::move(tars));
  if (store_.verify_reads()) lower.VerifyReads();
  return lower;
}

}  // namespace wolffia
