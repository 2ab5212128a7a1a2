// CheckStore: every object against its name and against those who name it. Each file is read once.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/oci/hasher.h"
#include "engine/oci/image_config.h"
#include "storage/container_record.h"
#include "storage/content.h"
#include "storage/gc.h"
#include "storage/image_record.h"
#include "storage/layer_index.h"
#include "storage/live_content.h"
#include "storage/name_claim.h"
#include "storage/secret_store.h"
#include "storage/volume_store.h"

namespace wolffia {
namespace {

constexpr size_t kReadSize = 1 << 20;
constexpr std::string_view kBlobs = "blobs/sha256/";

struct User {
  std::string path;
  std::string what;                                   // "image x", "container y"
  std::vector<std::pair<std::string, Digest>> needs;  // "layer", digest
  Digest chain;
  std::vector<Digest> diff_ids;
};

class StoreCheck {
 public:
  StoreCheck(const Store& store, const StoreRepair* repair,
             const std::function<void(const std::string&)>& progress)
      : store_(store), repair_(repair), progress_(progress) {}

  Result<std::vector<Finding>> Run() {
    TRY(CheckUnfinished());
    live_ = TRY(LiveContent::Read(store_));
    TRY(CheckImages());
    TRY(CheckContainers());
    TRY(CheckNames());
    TRY(CheckVolumes());
    TRY(CheckSecrets());
    TRY(CheckBlobs());
    if (repair_ != nullptr) TRY(RepairBlobs());
    TRY(CheckUsers());
    TRY(CheckChains());
    TRY(CheckIndexes());
    if (repair_ != nullptr) TRY(CollectGarbage(store_));
    return std::move(findings_);
  }

 private:
  void Found(std::string path, std::string problem, bool damage, bool repaired = false) {
    findings_.push_back({std::move(path), std::move(problem), damage, repaired});
  }
  void Progress(const std::string& path) const {
    if (progress_) progress_(path);
  }
  Result<std::vector<std::string>> Sorted(const std::string& directory) const {
    auto names = TRY(ListDirectory(store_.root(), directory));
    std::ranges::sort(names);
    return names;
  }

  Result<> CheckUnfinished();
  Result<> CheckImages();
  Result<> CheckContainers();
  Result<> CheckNames();
  Result<> CheckVolumes();
  Result<> CheckSecrets();
  Result<> CheckBlobs();
  Result<> CheckBlob(const Digest& digest);
  Result<> RepairBlobs();
  std::set<Digest> Needed() const;
  Result<> CheckUsers();
  Result<> CheckImageConfig(const User& user);
  Result<> CheckChains();
  Result<> CheckIndexes();
  Result<bool> CompareIndex(const std::string& path, const Result<std::string>& expected);

  const Store& store_;
  const StoreRepair* repair_;
  const std::function<void(const std::string&)>& progress_;
  LiveContent live_;
  std::vector<User> users_;
  std::set<Digest> layers_;   // blobs that some record uses as a layer
  std::set<Digest> good_;     // blobs whose bytes are right
  std::set<Digest> indexed_;  // layers whose index is right
  std::vector<Finding> findings_;
};

// tmp/ may hold live work; all else is left over. An entry is asked about by what makes it live.
Result<> StoreCheck::CheckUnfinished() {
  for (const std::string& name : TRY(Sorted("tmp"))) {
    const std::string stem = name.substr(0, name.find('.'));
    bool live = Staging::IsLive(store_, stem.substr(0, 16));
    for (const std::string& lock : {"containers/" + stem + "/lock", "tmp/" + stem + ".gone/lock"}) {
      auto held = FileLock::IsHeld(store_.root(), lock);
      live = live || (held && *held);
    }
    if (!live)
      Found("tmp/" + name, "left over from a command that was interrupted", false, repair_ != nullptr);
  }
  if (repair_ == nullptr) return {};
  TRY(Staging::Sweep(store_));
  return ContainerStore(store_).Sweep();
}

Result<> StoreCheck::CheckImages() {
  for (const std::string& file : TRY(Sorted("images"))) {
    const std::string path = "images/" + file;
    auto record = ReadImageFile(store_, file);
    if (!record && record.error().os_errno == ENOENT) continue;
    if (!record) {
      Found(path, "malformed record: " + record.error().what, true);
      if (repair_ != nullptr) {
        findings_.back().problem += "; it is removed: pull or load the image again";
        TRY(Staging::Discard(store_, path));
      }
      continue;
    }
    User user{path,
              "image " + (record->name.empty() ? record->config.hex().substr(0, 12) : record->name),
              {},
              record->chain,
              record->diff_ids};
    user.needs.emplace_back("configuration", record->config);
    if (!record->manifest.empty()) user.needs.emplace_back("manifest", record->manifest);
    if (!record->index.empty()) user.needs.emplace_back("manifest list", record->index);
    if (!record->verdict.signatures.empty())
      user.needs.emplace_back("signatures", record->verdict.signatures);
    users_.push_back(std::move(user));
  }
  return {};
}

Result<> StoreCheck::CheckContainers() {
  for (const std::string& id : TRY(Sorted("containers"))) {
    const std::string path = "containers/" + id;
    auto record = ReadContainer(store_, path);
    if (!record && record.error().os_errno == ENOENT && !ExistsAt(store_.root(), path)) continue;
    if (!record || record->id != id) {
      std::string why = record ? "it is of another container" : record.error().what;
      Found(path, "malformed record: " + why + "; remove it with: wolffia rm " + id.substr(0, 12), true);
      continue;
    }
    if (NameHolder(store_, record->name) != id) {
      Found(path, "its name " + record->name + " is not claimed", false, repair_ != nullptr);
      if (repair_ != nullptr) {
        Staging staging = TRY(Staging::Begin(store_));
        (void)ClaimName(store_, staging, record->name, id);  // taken by another one: it keeps its id
      }
    }
    User user{path, "container " + record->name, {}, record->chain, record->diff_ids};
    if (!record->image_id.empty()) user.needs.emplace_back("configuration", record->image_id);
    users_.push_back(std::move(user));
    for (const ImageUse& use : record->images)
      users_.push_back({path,
                        "image " + use.name + " of container " + record->name,
                        {{"configuration", use.image_id}},
                        use.chain,
                        use.diff_ids});
    for (const VolumeUse& use : record->volumes)
      if (!ExistsAt(store_.root(), VolumeStore::PathOf(use.name) + "/data"))
        Found(path, "missing volume " + use.name + " of container " + record->name, true);
  }
  return {};
}

Result<> StoreCheck::CheckNames() {
  for (const std::string& name : TRY(Sorted("names"))) {
    auto holder = NameHolder(store_, name);
    if (holder && HasName(store_, *holder, name)) continue;
    Found("names/" + name, "orphan: no container has this name", false, repair_ != nullptr);
    if (repair_ != nullptr) ReleaseName(store_, name, holder.value_or(std::string(64, '0')));
  }
  return {};
}

Result<> StoreCheck::CheckVolumes() {
  for (const std::string& name : TRY(Sorted("volumes"))) {
    auto record = VolumeStore(store_).Read(name);
    const std::string path = VolumeStore::PathOf(name);
    if (!record && ExistsAt(store_.root(), path))
      Found(path, "malformed record: " + record.error().what, true);
  }
  return {};
}

Result<> StoreCheck::CheckSecrets() {
  if (!ExistsAt(store_.root(), "secrets")) return {};
  for (const std::string& name : TRY(Sorted("secrets"))) {
    auto record = SecretStore(store_).Read(name);
    const std::string path = "secrets/" + name;
    if (!record && ExistsAt(store_.root(), path))
      Found(path, "malformed record: " + record.error().what, true);
  }
  return {};
}

Result<> StoreCheck::CheckBlobs() {
  for (const User& user : users_) layers_.insert(user.diff_ids.begin(), user.diff_ids.end());
  for (const std::string& name : TRY(Sorted("blobs/sha256"))) {
    const std::string path = "blobs/sha256/" + name;
    auto digest = Digest::OfHex(name);
    if (!digest) {
      Found(path, "not a file of the store", false);
      continue;
    }
    TRY(CheckBlob(*digest));
    if (!live_.NamesBlob(name))
      Found(path, "orphan: no image and no container uses it", false, repair_ != nullptr);
  }
  return {};
}

// Hashes a blob and, if it is a layer, makes its index from the same bytes.
Result<> StoreCheck::CheckBlob(const Digest& digest) {
  const std::string path = Store::BlobPath(digest);
  auto file = OpenAt(store_.root(), path, O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().os_errno == ENOENT) return {};  // collected meanwhile
  if (!file) {
    Found(path, file.error().what, true);
    return {};
  }
  Progress(path);
  posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const bool is_layer = layers_.contains(digest) || ExistsAt(store_.root(), Store::LayerIndexPath(digest));
  Sha256 hash;
  LayerIndexer indexer;
  Result<> indexed;
  std::string buffer(kReadSize, 0);
  for (size_t n = buffer.size(); n == buffer.size();) {
    auto read = ReadFull(file->get(), buffer.data(), buffer.size());
    if (!read) {
      Found(path, "cannot be read: " + read.error().what, true);
      return {};
    }
    n = *read;
    hash.Update(buffer.data(), n);
    if (is_layer && indexed) indexed = indexer.Push({buffer.data(), n});
  }
  const Digest found = hash.Finish();
  if (found != digest) {
    Found(path, "digest mismatch: its bytes are " + found.str(), true);
    return {};
  }
  good_.insert(digest);
  if (!is_layer) return {};
  Result<std::string> index = std::unexpected(Error{});
  if (indexed)
    index = indexer.Finish();
  else
    index = std::unexpected(indexed.error());
  if (TRY(CompareIndex(Store::LayerIndexPath(digest), index))) indexed_.insert(digest);
  return {};
}

std::set<Digest> StoreCheck::Needed() const {
  std::set<Digest> needed;
  for (const User& user : users_) {
    for (const auto& [what, digest] : user.needs) needed.insert(digest);
    needed.insert(user.diff_ids.begin(), user.diff_ids.end());
  }
  return needed;
}

// A damaged blob keeps its name until a good one takes it: a repair that is killed leaves nothing worse.
Result<> StoreCheck::RepairBlobs() {
  std::set<Digest> broken;
  for (const Digest& digest : Needed())
    if (!good_.contains(digest)) broken.insert(digest);
  if (!broken.empty() && repair_->refetch) TRY(repair_->refetch(broken));
  for (const Digest& digest : broken) {
    const std::string path = Store::BlobPath(digest);
    const size_t before = findings_.size();
    if (ExistsAt(store_.root(), path)) TRY(CheckBlob(digest));
    if (!good_.contains(digest)) {
      findings_.resize(before);  // known
      if (repair_->discard) TRY(Staging::Discard(store_, path));
      continue;
    }
    bool known = false;
    for (Finding& finding : findings_)
      if (finding.path == path && finding.damage) finding.repaired = known = true;
    if (!known) Found(path, "missing", true, true);
  }
  for (Finding& finding : findings_) {  // those that nobody needs go as orphans
    const std::string_view path = finding.path;
    if (path.starts_with(kBlobs) && Digest::OfHex(path.substr(kBlobs.size())) &&
        !live_.NamesBlob(std::string(path.substr(kBlobs.size()))))
      finding.repaired = true;
  }
  return {};
}

// An index on disk must be byte for byte what its sources give today. True if it is now.
Result<bool> StoreCheck::CompareIndex(const std::string& path, const Result<std::string>& expected) {
  if (!expected) {
    Found(path, "cannot be made: " + expected.error().what, true);
    return false;
  }
  auto present = ReadFileAt(store_.root(), path, expected->size());
  if (present && *present == *expected) return true;
  const bool missing = !present && present.error().os_errno == ENOENT;
  // Of what an older version of the program has left.
  const std::string_view magic(kIndexMagic, sizeof kIndexMagic), family = magic.substr(0, magic.size() - 1);
  const bool other = present && present->starts_with(family) && !present->starts_with(magic);
  Found(path,
        missing ? "missing index; it is made again when it is needed"
        : other ? "index of another version; it is made again when it is needed"
                : "damaged index",
        !missing && !other, repair_ != nullptr);
  if (repair_ != nullptr) TRY(PublishIndex(store_, path, *expected));
  return repair_ != nullptr;
}

Result<> StoreCheck::CheckUsers() {
  for (const User& user : users_) {
    std::vector<std::pair<std::string, Digest>> needs = user.needs;
    for (const Digest& diff_id : user.diff_ids) needs.emplace_back("layer", diff_id);
    for (const auto& [what, digest] : needs) {
      if (good_.contains(digest)) continue;
      const bool there = ContentExists(store_, Store::BlobPath(digest));
      Found(user.path,
            (there ? "damaged " : "missing ") + what + " " + digest.str() + " of " + user.what +
                "; pull the image again",
            true);
    }
    if (user.chain != ChainIdOf(user.diff_ids))
      Found(user.path, "malformed record: the chain does not fit the layers", true);
    else if (user.path.starts_with("images/"))
      TRY(CheckImageConfig(user));
  }
  return {};
}

Result<> StoreCheck::CheckImageConfig(const User& user) {
  const Digest& digest = user.needs[0].second;
  if (!good_.contains(digest)) return {};
  auto json = BlobStore(store_).Read(digest);
  if (!json) return {};
  auto config = ImageConfig::Parse(*json);
  if (!config)
    Found(user.path, "malformed configuration: " + config.error().what, true);
  else if (config->diff_ids != user.diff_ids)
    Found(user.path, "malformed record: its layers are not those of the image's configuration", true);
  return {};
}

Result<> StoreCheck::CheckChains() {
  std::map<Digest, std::vector<Digest>> chains;
  for (const User& user : users_)
    if (!user.chain.empty() && user.chain == ChainIdOf(user.diff_ids)) chains[user.chain] = user.diff_ids;
  for (const auto& [chain, diff_ids] : chains) {
    const bool sound = std::ranges::all_of(diff_ids, [&](const Digest& d) { return indexed_.contains(d); });
    if (!sound) continue;  // reported already
    const std::string path = Store::ChainIndexPath(chain);
    Progress(path);
    TRY(CompareIndex(path, MergedIndex(store_, diff_ids)));
  }
  return {};
}

Result<> StoreCheck::CheckIndexes() {
  for (const std::string& name : TRY(Sorted("index")))
    if (!live_.NamesIndex(name))
      Found("index/" + name, "orphan: no image and no container uses it", false, repair_ != nullptr);
  return {};
}

}  // namespace

Result<std::vector<Finding>> CheckStore(const Store& store, const StoreRepair* repair,
                                        const std::function<void(const std::string& path)>& progress) {
  return StoreCheck(store, repair, progress).Run();
}

}  // namespace wolffia
