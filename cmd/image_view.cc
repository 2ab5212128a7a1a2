#include "cmd/image_view.h"

#include <fnmatch.h>

#include <algorithm>

#include "cmd/session.h"

namespace wolffia {

std::vector<std::string> ImageGroup::Names() const {
  std::vector<std::string> names;
  for (const ImageRecord& record : records)
    if (!record.name.empty()) names.push_back(record.name);
  return names;
}

std::vector<std::string> ImageGroup::RepoDigests() const {
  std::vector<std::string> digests;
  for (const ImageRecord& record : records) {
    if (record.name.empty() || record.manifest.empty()) continue;
    for (const Digest& digest : {record.manifest, record.index}) {
      if (digest.empty()) continue;
      std::string text = SplitName(record.name).repository + "@" + digest.str();
      if (std::ranges::find(digests, text) == digests.end()) digests.push_back(text);
    }
  }
  return digests;
}

std::vector<ImageGroup> GroupImages(std::vector<ImageRecord> records) {
  std::vector<ImageGroup> groups;
  for (ImageRecord& record : records) {
    auto group = std::ranges::find(groups, record.config, &ImageGroup::id);
    if (group == groups.end()) group = groups.insert(groups.end(), ImageGroup{});
    group->records.push_back(std::move(record));
  }
  return groups;
}

RepositoryTag SplitName(std::string_view name) {
  if (name.empty()) return {"<none>", "<none>"};
  auto reference = Reference::Parse(name);
  if (!reference) return {std::string(name), "<none>"};
  return {reference->Name(), reference->tag.empty() ? "<none>" : reference->tag};
}

Result<ImageConfig> ReadImageConfig(const Store& store, const Digest& config) {
  return ImageConfig::Parse(TRY(BlobStore(store).Read(config))).With("image " + config.hex().substr(0, 12));
}

bool NameMatches(std::string_view name, const std::string& pattern) {
  RepositoryTag parts = SplitName(name);
  std::string rest = parts.repository;
  while (true) {
    for (const std::string& candidate : {rest, rest + ":" + parts.tag})
      if (fnmatch(pattern.c_str(), candidate.c_str(), FNM_PATHNAME) == 0) return true;
    size_t slash = rest.find('/');
    if (slash == std::string::npos) return false;
    rest.erase(0, slash + 1);
  }
}

std::vector<const ContainerStatus*> UsersOf(const Digest& image,
                                            const std::vector<ContainerStatus>& containers) {
  std::vector<const ContainerStatus*> users;
  for (const ContainerStatus& container : containers)
    if (!image.empty() && (container.record.image_id == image ||
                           std::ranges::count(container.record.images, image, &ImageUse::image_id) > 0))
      users.push_back(&container);
  return users;
}

Result<ImageRecord> ResolveImage(const Session& session, std::string_view typed) {
  auto record = ImageStore(session.store).Resolve(typed, session.settings.registries.search);
  if (!record && record.error().code == Code::kNotFound) return std::unexpected(UnknownImage(typed));
  return record;
}

Error UnknownImage(std::string_view typed) {
  return {Code::kNotFound, 0, std::string(typed) + ": image not known"};
}

}  // namespace wolffia
