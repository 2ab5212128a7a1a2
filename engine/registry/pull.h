// Pulling: any source of an image into the store. One image, several layers at once, each streamed through
// decompression, hashing and indexing into its final file; memory use does not depend on the size of a layer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/config/settings.h"
#include "engine/oci/manifest.h"
#include "engine/signature/policies.h"
#include "storage/image_store.h"

namespace wolffia {

struct ProgressEvent {
  enum Kind { kResolving, kLayerExists, kLayerProgress, kLayerDone, kRetry, kDone } kind = kResolving;
  std::string subject;          // image name, or the layer's digest
  int64_t done = 0, total = 0;  // compressed bytes; total 0 if unknown
  std::string message;          // kRetry: why
};
// May be called from several threads, but never two at once.
using Progress = std::function<void(const ProgressEvent&)>;

struct PullOptions {
  Platform platform = Platform::Host();
  Progress progress;
  std::optional<bool> tls_verify;  // --tls-verify
  std::string authfile;            // --authfile; else the usual places
  std::string credentials;         // --creds user:password
  std::string cert_dir;            // --cert-dir
  Policies policies;               // whose images are taken; without any, all are
};

// `source`: an image name (short names by settings), or transport:rest with docker://, oci:DIR[:ref],
// oci-archive:FILE[:ref], docker-archive:FILE[:ref], dir-less. Returns the saved record.
Result<ImageRecord> PullImage(const Context& context, const Settings& settings, const Store& store,
                              std::string_view source, const PullOptions& options);

// `wolffia load`: every image of a docker-archive or oci-archive file, by what it turns out to be; gzip-ed
// and zstd-ed archives too. `path` "-" is stdin (spooled into staging). Returns what was loaded.
Result<std::vector<ImageRecord>> LoadArchive(const Context& context, const Settings& settings,
                                             const Store& store, const std::string& path,
                                             const PullOptions& options);

// The archive of the built-in image of that short name (share/wolffia/<name>.tar beside the program);
// kNotFound if there is none, or if the name has a registry, a digest or a tag other than "latest".
Result<std::string> BuiltInImageFile(std::string_view short_name);

// That image, loaded as localhost/<name>:latest.
Result<ImageRecord> LoadBuiltIn(const Context& context, const Settings& settings, const Store& store,
                                std::string_view short_name, const PullOptions& options);

}  // namespace wolffia
