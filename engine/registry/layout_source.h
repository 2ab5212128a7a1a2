// LayoutSource: an image of an OCI layout (image-layout.md), in a directory or inside an archive.
#pragma once

#include <memory>
#include <optional>

#include "engine/registry/file_tree.h"
#include "engine/registry/manifest_source.h"

namespace wolffia {

// One image that the layout's index names.
struct LayoutEntry {
  Descriptor descriptor;
  std::string ref_name;   // org.opencontainers.image.ref.name; may be empty
  std::string full_name;  // io.containerd.image.name, which docker and containerd write; may be empty
};

// kNotFound if the tree is no OCI layout.
Result<std::vector<LayoutEntry>> ListLayout(const FileTree& tree);
// The entry of that ref name (or of that full name, or that digest); with an empty `ref` the only one, or the
// one for the platform. kNotFound and kInvalid list what there is.
Result<LayoutEntry> SelectLayoutEntry(const std::vector<LayoutEntry>& entries, const std::string& ref,
                                      const Platform& wanted);

class LayoutSource : public ManifestSource {
 public:
  // The tree outlives it.
  LayoutSource(const FileTree& tree, Descriptor top) : tree_(tree), top_(std::move(top)) {}

 protected:
  Result<Document> ReadTop() override;
  Result<Document> ReadManifest(const Descriptor& descriptor) override;
  Result<> ReadBlob(const Descriptor& descriptor, const ByteSink& sink) override;

 private:
  const FileTree& tree_;
  Descriptor top_;
};

}  // namespace wolffia
