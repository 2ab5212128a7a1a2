// Admission: the signature policy at the door of the store. An image is asked for by its origin before
// anything is fetched, and by its signatures once its digests are known, before its layers are: what is not
// admitted gets no name.
#pragma once

#include "engine/registry/image_source.h"
#include "engine/registry/registry_client.h"
#include "engine/signature/policies.h"
#include "storage/image_store.h"

namespace wolffia {

struct Admitted {
  ImageVerdict verdict;    // `signatures` is the digest of..
  std::string signatures;  // ..the blob to be kept; empty if none were wanted
};

class Admission {
 public:
  // kInvalid if the policy rejects the origin, whatever its signatures. The policies outlive it.
  static Result<Admission> Of(const Context& context, const Policies& policies, ImageOrigin origin);

  // True if what is kept of an image that the store has satisfies the policy of now.
  bool Holds(const Store& store, const ImageRecord& record) const;
  // Asks for signatures where the policy wants some. `registry`: nullptr for an origin without one.
  Result<Admitted> Admit(const SourceImage& image, RegistryClient* registry, const Cancel& cancel) const;

 private:
  Admission(const Context& context, const Policies& policies, ImageOrigin origin)
      : context_(context), policies_(policies), origin_(std::move(origin)) {}

  const Context& context_;
  const Policies& policies_;
  ImageOrigin origin_;
};

}  // namespace wolffia
