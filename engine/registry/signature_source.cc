#include "engine/registry/signature_source.h"

#include <set>

#include "engine/base/file.h"
#include "engine/oci/hasher.h"
#include "engine/registry/certificates.h"
#include "engine/signature/attachment.h"

namespace wolffia {
namespace {

// Nothing where the registry says that there is none.
template <typename T>
Result<std::optional<T>> IfThere(Result<T> result) {
  if (result) return std::optional<T>(*std::move(result));
  if (result.error().code == Code::kNotFound) return std::optional<T>();
  return std::unexpected(std::move(result.error()));
}

class Search {
 public:
  explicit Search(const SignatureSource& source) : source_(source) {}

  Result<> AskRegistry(const Digest& digest) {
    const std::string tag = AttachmentTag(digest) + ".sig";
    auto manifest = TRY(IfThere(source_.registry.GetManifest(tag)));
    if (manifest) TRY(AddAttachment(manifest->bytes, std::nullopt, tag));
    // By the API, or by the tag that stands in for it.
    std::optional<std::string> referrers = TRY(IfThere(source_.registry.GetReferrers(digest)));
    if (!referrers)
      if (auto index = TRY(IfThere(source_.registry.GetManifest(AttachmentTag(digest)))))
        referrers = index->bytes;
    if (!referrers) return {};
    auto found = ParseReferrers(*referrers);
    if (!found) return AddFault(SignatureKind::kSigstore, "referrers of " + digest.str(), found.error().what);
    for (const Descriptor& referrer : *found) {
      auto attached = TRY(IfThere(source_.registry.GetManifest(referrer.digest.str())));
      if (attached) TRY(AddAttachment(attached->bytes, digest, "referrer " + referrer.digest.str()));
    }
    return {};
  }

  // docs/signature-protocols of containers/image: BASE/REPOSITORY@sha256=HEX/signature-N, N from 1 without a
  // gap.
  Result<> AskLookaside(const std::string& base, const std::string& repository, const Digest& digest) {
    for (size_t n = 1;; ++n) {
      const std::string place =
          base + "/" + repository + "@sha256=" + digest.hex() + "/signature-" + std::to_string(n);
      auto message = base[0] == '/' ? ReadFile(place, kMaxSignatureBytes) : Download(place);
      if (message) {
        TRY(Add({.kind = SignatureKind::kGpg, .place = place, .bytes = *std::move(message)}));
        continue;
      }
      const Error& error = message.error();
      if (error.code == Code::kNotFound) return {};
      if (error.code != Code::kInvalid) return std::unexpected(std::move(message.error()));
      TRY(AddFault(SignatureKind::kGpg, place, error.what));
    }
  }

  std::vector<FoundSignature> Take() { return std::move(found_); }

 private:
  Result<> Add(FoundSignature signature) {
    if (found_.size() == kMaxSignatures)
      return Fail(Code::kInvalid, "signature policy: the image has more than " +
                                      std::to_string(kMaxSignatures) + " signatures");
    found_.push_back(std::move(signature));
    return {};
  }
  Result<> AddFault(SignatureKind kind, const std::string& place, const std::string& fault) {
    return Add({.kind = kind, .place = place, .fault = fault});
  }

  Result<> AddAttachment(const std::string& manifest, const std::optional<Digest>& subject,
                         const std::string& place) {
    auto attached = ParseAttachment(manifest, subject);
    if (!attached) return AddFault(SignatureKind::kSigstore, place, attached.error().what);
    for (size_t i = 0; i < attached->size(); ++i)
      TRY(AddAttached((*attached)[i], place + ", signature " + std::to_string(i + 1)));
    return {};
  }

  Result<> AddAttached(AttachedSignature& attached, const std::string& place) {
    FoundSignature signature{.kind = SignatureKind::kSigstore, .place = place};
    signature.bytes = std::move(attached.signature);
    if (attached.payload.size > static_cast<int64_t>(kMaxPayloadBytes)) {
      signature.fault = "its payload has " + std::to_string(attached.payload.size) + " bytes; at most " +
                        std::to_string(kMaxPayloadBytes) + " are allowed";
      return Add(std::move(signature));
    }
    auto got = source_.registry.GetBlob(attached.payload, [&](std::string_view bytes) -> Result<> {
      signature.payload += bytes;
      return {};
    });
    if (!got && got.error().code == Code::kNetwork) return got;
    if (!got)
      signature.fault = got.error().what;
    else if (Sha256Of(signature.payload) != attached.payload.digest)
      signature.fault = "its payload has other content than its digest says";
    return Add(std::move(signature));
  }

  Result<std::string> Download(const std::string& url) {
    HttpClient client(source_.context, [this](const std::string& host) -> Result<TlsFiles> {
      HostCertificates found = TRY(FindCertificates(source_.context, host, ""));
      return TlsFiles{std::move(found.ca_files), std::move(found.client_certificate),
                      std::move(found.client_key)};
    });
    // Plain http where the policy says so: what a signature says does not depend on how it came.
    HttpRequest request{.url = url, .insecure = url.starts_with("http://"), .body_limit = kMaxSignatureBytes};
    HttpResponse answer = TRY_WITH(client.Send(request, source_.cancel), "signature " + url);
    if (answer.status == 200) return std::move(answer.body);
    if (answer.status == 404 || answer.status == 410) return Fail(Code::kNotFound, "no signature " + url);
    return Fail(Code::kNetwork,
                "signature " + url + ": the server answered with status " + std::to_string(answer.status));
  }

  const SignatureSource& source_;
  std::vector<FoundSignature> found_;
};

// Never codes that send a pull to another registry.
std::unexpected<Error> Stopped(Error error) {
  if (error.code == Code::kNotFound || error.code == Code::kDenied) error.code = Code::kInvalid;
  return std::unexpected(std::move(error));
}

}  // namespace

Result<std::vector<FoundSignature>> FindSignatures(const SignatureSource& source,
                                                   const std::vector<const PolicyRule*>& rules,
                                                   const ImageToVerify& image) {
  bool sigstore = false;
  std::set<std::string> lookasides;
  for (const PolicyRule* rule : rules)
    for (const SignatureRequirement& required : rule->required) {
      if (required.kind == SignatureKind::kSigstore)
        sigstore = true;
      else
        lookasides.insert(required.lookaside);
    }
  Search search(source);
  for (const Digest& digest : {image.index, image.manifest}) {
    if (digest.empty()) continue;
    if (sigstore)
      if (auto asked = search.AskRegistry(digest); !asked) return Stopped(std::move(asked.error()));
    for (const std::string& base : lookasides)
      if (auto asked = search.AskLookaside(base, image.name.path, digest); !asked)
        return Stopped(std::move(asked.error()));
  }
  return search.Take();
}

}  // namespace wolffia
