#include "storage/live_content.h"

#include <cerrno>

#include "storage/container_record.h"
#include "storage/image_record.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr std::string_view kPin = "pin.";
constexpr std::string_view kLayerIndex = ".layer.idx";
constexpr std::string_view kChainIndex = ".idx";

void AddDigest(std::set<std::string>* to, const Digest& digest) {
  if (!digest.empty()) to->insert(digest.hex());
}

void AddLayers(LiveContent* live, const Digest& chain, const std::vector<Digest>& diff_ids) {
  AddDigest(&live->chains, chain);
  for (const Digest& diff_id : diff_ids) AddDigest(&live->blobs, diff_id);
}

// Gone meanwhile, or malformed: names nothing. All else: cannot say.
template <typename Record>
Result<bool> Usable(const Result<Record>& record) {
  if (record) return true;
  for (int harmless : {0, ENOENT, ENOTDIR, EISDIR, ELOOP})
    if (record.error().os_errno == harmless) return false;
  return std::unexpected(record.error());
}

Result<> AddContainer(const Store& store, const std::string& directory, LiveContent* live) {
  auto record = ReadContainer(store, directory);
  if (!TRY(Usable(record))) return {};
  AddDigest(&live->blobs, record->image_id);
  AddLayers(live, record->chain, record->diff_ids);
  for (const ImageUse& use : record->images) {
    AddDigest(&live->blobs, use.image_id);
    AddLayers(live, use.chain, use.diff_ids);
  }
  return {};
}

Result<> AddStaging(const Store& store, const std::string& id, LiveContent* live) {
  if (!Staging::IsLive(store, id)) return {};
  auto names = ListDirectory(store.root(), "tmp/" + id);
  if (!names && names.error().os_errno == ENOENT) return {};
  for (const std::string& name : TRY(std::move(names))) {
    if (!name.starts_with(kPin)) continue;
    live->blobs.insert(name.substr(kPin.size()));
    live->chains.insert(name.substr(kPin.size()));
  }
  // A container that is being made pins with its record.
  return AddContainer(store, "tmp/" + id + "/container", live);
}

}  // namespace

bool LiveContent::NamesIndex(std::string_view file_name) const {
  auto hex_before = [&](std::string_view suffix) {
    return std::string(file_name.substr(0, file_name.size() - suffix.size()));
  };
  if (file_name.ends_with(kLayerIndex)) return blobs.contains(hex_before(kLayerIndex));
  if (file_name.ends_with(kChainIndex)) return chains.contains(hex_before(kChainIndex));
  return false;
}

Result<LiveContent> LiveContent::Read(const Store& store) {
  LiveContent live;
  // Pins first: work that ends while we read has left its record by the time that records are read.
  for (const std::string& name : TRY(ListDirectory(store.root(), "tmp")))
    if (name.ends_with(".lock")) TRY(AddStaging(store, name.substr(0, name.size() - 5), &live));
  for (const std::string& file : TRY(ListDirectory(store.root(), "images"))) {
    auto record = ReadImageFile(store, file);
    if (!TRY(Usable(record))) continue;
    AddDigest(&live.blobs, record->manifest);
    AddDigest(&live.blobs, record->index);
    AddDigest(&live.blobs, record->config);
    AddDigest(&live.blobs, record->verdict.signatures);
    AddLayers(&live, record->chain, record->diff_ids);
  }
  for (const std::string& id : TRY(ListDirectory(store.root(), "containers")))
    TRY(AddContainer(store, "containers/" + id, &live));
  return live;
}

}  // namespace wolffia
