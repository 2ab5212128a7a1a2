#include "engine/registry/layout_source.h"

#include <algorithm>

#include "engine/oci/hasher.h"

namespace wolffia {
namespace {

std::string PathOf(const Digest& digest) {
  return "blobs/sha256/" + digest.hex();
}

std::string Annotation(const Descriptor& descriptor, const char* name) {
  auto found = descriptor.annotations.find(name);
  return found == descriptor.annotations.end() ? "" : found->second;
}

std::string Names(const std::vector<LayoutEntry>& entries) {
  std::string names;
  for (const LayoutEntry& entry : entries)
    names += (names.empty() ? "" : ", ") +
             (entry.ref_name.empty() ? entry.descriptor.digest.str() : entry.ref_name);
  return names;
}

}  // namespace

Result<std::vector<LayoutEntry>> ListLayout(const FileTree& tree) {
  std::string layout = TRY(tree.Read("oci-layout", 64 << 10));
  TRY_WITH(CheckLayoutFile(layout), "oci-layout");
  auto parsed = TRY_WITH(ParseManifest(TRY(tree.Read("index.json", kMaxManifestBytes))), "index.json");
  auto* index = std::get_if<ManifestIndex>(&parsed);
  if (index == nullptr) return Fail(Code::kInvalid, "index.json is no image index");
  std::vector<LayoutEntry> entries;
  for (Descriptor& descriptor : index->manifests) {
    std::string ref = Annotation(descriptor, "org.opencontainers.image.ref.name");
    std::string full = Annotation(descriptor, "io.containerd.image.name");
    entries.push_back({std::move(descriptor), std::move(ref), std::move(full)});
  }
  return entries;
}

Result<LayoutEntry> SelectLayoutEntry(const std::vector<LayoutEntry>& entries, const std::string& ref,
                                      const Platform& wanted) {
  std::vector<LayoutEntry> matching;
  for (const LayoutEntry& entry : entries)
    if (ref.empty() || entry.ref_name == ref || entry.full_name == ref ||
        entry.descriptor.digest.str() == ref)
      matching.push_back(entry);
  if (matching.empty())
    return Fail(Code::kNotFound,
                ref.empty() ? "the layout holds no image"
                            : "the layout holds no image \"" + ref + "\"; there is: " + Names(entries));
  if (matching.size() == 1) return matching[0];
  ManifestIndex platforms;
  for (const LayoutEntry& entry : matching)
    if (entry.descriptor.platform) platforms.manifests.push_back(entry.descriptor);
  if (platforms.manifests.size() != matching.size())
    return Fail(Code::kInvalid,
                "the layout holds several images (" + Names(matching) + "): name one, as in oci:DIR:NAME");
  Descriptor chosen = TRY(SelectPlatform(platforms, wanted));
  return *std::find_if(matching.begin(), matching.end(),
                       [&](const LayoutEntry& entry) { return entry.descriptor == chosen; });
}

Result<ManifestSource::Document> LayoutSource::ReadTop() {
  Document document = TRY(ReadManifest(top_));
  if (Digest actual = Sha256Of(document.bytes); actual != top_.digest)
    return Fail(Code::kCorrupt,
                "manifest " + top_.digest.str() + " has other content: its digest is " + actual.str());
  return document;
}

Result<ManifestSource::Document> LayoutSource::ReadManifest(const Descriptor& descriptor) {
  std::string bytes = TRY_WITH(tree_.Read(PathOf(descriptor.digest), kMaxManifestBytes), "manifest");
  return Document{std::move(bytes), descriptor.media_type, descriptor.digest};
}

Result<> LayoutSource::ReadBlob(const Descriptor& descriptor, const ByteSink& sink) {
  std::string path = PathOf(descriptor.digest);
  int64_t size = TRY(tree_.Size(path));
  if (size != descriptor.size)
    return Fail(Code::kCorrupt, path + " has " + std::to_string(size) + " bytes instead of the " +
                                    std::to_string(descriptor.size) + " that the manifest promises");
  return tree_.Stream(path, sink);
}

}  // namespace wolffia
