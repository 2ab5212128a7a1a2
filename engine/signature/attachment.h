// Attachments: signatures that lie in the registry beside their image, as cosign puts them there: a manifest
// whose layers are payloads, each with its signature in an annotation. It is found by a tag made of the
// image's digest, or by the referrers of the OCI distribution spec ("Listing Referrers"). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oci/manifest.h"

namespace wolffia {

struct AttachedSignature {
  Descriptor payload;     // a blob of the same repository
  std::string signature;  // decoded; empty if the annotation is no base64
};

// The layers of type application/vnd.dev.cosign.simplesigning.v1+json, at most kMaxSignatures (kInvalid).
// `subject`: what the manifest must say that it is about, where it was found as a referrer.
Result<std::vector<AttachedSignature>> ParseAttachment(std::string_view manifest,
                                                       const std::optional<Digest>& subject);

// The referrers that are signatures of cosign, of an index that the referrers API or the tag in its place
// gives; at most kMaxSignatures (kInvalid).
Result<std::vector<Descriptor>> ParseReferrers(std::string_view index);

// "sha256-<hex>", of which ".sig" is cosign's tag.
std::string AttachmentTag(const Digest& digest);

}  // namespace wolffia
