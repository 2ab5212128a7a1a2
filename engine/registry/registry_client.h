// RegistryClient: one repository of one registry, by the OCI distribution spec: ping, manifests, blobs. Tries
// again what may go away, resumes blobs where they broke off, and turns statuses into sentences. Thread-safe
// after Connect.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/oci/manifest.h"
#include "engine/registry/authorizer.h"
#include "engine/registry/backoff.h"
#include "engine/registry/http_client.h"
#include "engine/registry/name_resolution.h"

namespace wolffia {

struct RegistryOptions {
  Endpoint endpoint;
  std::optional<Credentials> credentials;
  std::string cert_dir;  // --cert-dir
  BackoffPolicy backoff;
  std::function<void(const std::string& subject, const std::string& why)> on_retry;  // from several threads
};

class RegistryClient {
 public:
  RegistryClient(const Context& context, RegistryOptions options, const Cancel& cancel);

  // Finds out how the registry is spoken to: scheme and challenge. Before everything else.
  Result<> Connect();

  struct ManifestAnswer {
    std::string bytes;  // empty for a HEAD
    std::string content_type;
    Digest digest;  // of the bytes, verified; for a HEAD what the registry says, maybe empty
  };
  // `reference`: a tag or a digest. Verified against the digest if it is one, and against what the registry
  // says.
  Result<ManifestAnswer> GetManifest(const std::string& reference);
  Result<ManifestAnswer> HeadManifest(const std::string& reference);

  // The index of what refers to `digest` (distribution spec, "Listing Referrers"), unverified: nobody knows
  // its digest beforehand. kNotFound where the registry does not have that API.
  Result<std::string> GetReferrers(const Digest& digest);

  // Streams the bytes of a blob, each once and in order, also over several connections; never more than
  // descriptor.size (kCorrupt). Does not hash: the caller sees all bytes and does.
  Result<> GetBlob(const Descriptor& descriptor, const ByteSink& sink);

  const Endpoint& endpoint() const { return options_.endpoint; }

 private:
  // With the Authorization that is known, and once more after a challenge.
  Result<HttpResponse> SendAuthorized(HttpRequest request);
  // The same, tried again as the policy allows; any status of 200 is success.
  Result<HttpResponse> SendPatiently(const HttpRequest& request, const std::string& subject);
  Result<ManifestAnswer> Manifest(const char* method, const std::string& reference);
  // kDenied, kNotFound, kNetwork.. for a status that is no success.
  Error StatusError(const HttpResponse& response, const std::string& subject) const;
  Result<> Retry(Backoff& backoff, Error error, int64_t retry_after, const std::string& subject);

  RegistryOptions options_;
  const Cancel& cancel_;
  HttpClient http_;
  Authorizer authorizer_;
  std::string base_;  // "https://host/v2/repository/"
};

}  // namespace wolffia
