// Images: names (tags) that point to content. One small file a name, replaced by rename; no lock. An image
// whose last name moved elsewhere stays as a nameless record until it is removed.
#pragma once

#include <string>
#include <vector>

#include "engine/oci/manifest.h"
#include "engine/oci/reference.h"
#include "storage/blob_store.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

// What the signature policy said when the image got its name (engine/signature/).
struct ImageVerdict {
  std::string source;  // where it came from: "docker://NAME", "oci-archive:/path"; empty: made on this host
  std::vector<std::string> rules;  // that it satisfied, one a policy file; none: there was no policy
  std::vector<std::string> keys;   // whose signatures were good: "sigstore SHA256:..", "gpg FINGERPRINT"
  Digest signatures;       // blob: all that were found, to verify them again; empty: none were asked for
  int64_t checked_ns = 0;  // 0: for one command only (--signature-policy)
  bool operator==(const ImageVerdict&) const = default;
};

struct ImageRecord {
  std::string name;              // "docker.io/library/debian:12"; empty for a nameless image
  Digest manifest;               // as pulled: what name@digest means
  Digest index;                  // the manifest list that it was selected from; empty if there was none
  Digest config;                 // its hex is the image's id
  Digest chain;                  // of the topmost layer
  std::vector<Digest> diff_ids;  // lowest first
  int64_t size = 0;              // bytes of the uncompressed layers
  int64_t created_ns = 0;        // of the image's configuration
  int64_t pulled_ns = 0;
  Platform platform;
  ImageVerdict verdict;
};

class ImageStore {
 public:
  explicit ImageStore(const Store& store) : store_(store) {}

  Result<std::vector<ImageRecord>> List() const;  // sorted by name; unreadable records are skipped
  Result<ImageRecord> ByName(const std::string& full_name) const;
  // What a user may type: name[:tag], name@digest, short name (localhost/ first, then the search list, then
  // any unique match of the last components), id or unique id prefix (>= 3 digits; "sha256:" allowed).
  // kNotFound, or kInvalid for an ambiguous one.
  Result<ImageRecord> Resolve(std::string_view typed, const std::vector<std::string>& search_domains) const;
  // Writes the record under record.name (or as nameless); what the name pointed to before stays, nameless if
  // need be.
  Result<> Save(const ImageRecord& record) const;
  // Removes one name; the record of an image without names goes with the last one unless `keep_nameless`.
  Result<> RemoveName(const ImageRecord& record, bool keep_nameless) const;

  // Everything of the image that can be read: maps the chain's index and opens the tars. kNotFound (with
  // os_errno ENOENT) if the index has to be made first (wolffia-image).
  // `check`: kBounds for whoever opens it just after somebody else has checked it in full. Where the store
  // verifies reads, so does what is opened, and kBounds means kSealed.
  Result<Lower> OpenLower(const Digest& chain, const std::vector<Digest>& diff_ids,
                          IndexCheck check = IndexCheck::kFull) const;

 private:
  const Store& store_;
};

}  // namespace wolffia
