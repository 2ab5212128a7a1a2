#include "engine/registry/pull.h"

#include <fcntl.h>

#include "engine/registry/image_import.h"
#include "engine/registry/local_pull.h"
#include "engine/registry/name_resolution.h"
#include "engine/registry/pull_endpoint.h"
#include "engine/registry/registry_source.h"
#include "storage/layer_writer.h"

namespace wolffia {
namespace {

// What of the store is pulled already: by tag it may have moved on, by digest it is final.
std::optional<ImageRecord> KnownRecord(const ImageImport& import, const std::string& name) {
  auto record = ImageStore(import.store).ByName(name);
  if (!record || !IsComplete(import.store, *record)) return std::nullopt;
  if (!record->platform.architecture.empty() && !import.platform.Accepts(record->platform))
    return std::nullopt;
  return *std::move(record);
}

std::string FullNameOf(const Reference& name) {
  return name.digest ? name.Name() + "@" + name.digest->str() : name.str();
}

Result<ImageRecord> Unchanged(const ImageImport& import, ImageRecord record) {
  for (const Digest& diff_id : record.diff_ids) TRY(EnsureLayerIndex(import.store, diff_id));
  if (!record.diff_ids.empty()) TRY(EnsureChainIndex(import.store, record.diff_ids));
  import.progress.Report({.kind = ProgressEvent::kDone, .subject = record.name});
  return record;
}

Result<ImageRecord> PullFrom(const ImageImport& import, const Reference& name, const Endpoint& endpoint,
                             const PullOptions& options) {
  const std::string full_name = FullNameOf(name);
  const Admission admission =
      TRY(Admission::Of(import.context, import.policies, ImageOrigin::OfRegistry(name)));
  std::optional<ImageRecord> known = KnownRecord(import, full_name);
  // What the policy of now does not accept has to come, with its signatures, once more.
  if (known && !admission.Holds(import.store, *known)) known.reset();
  if (known && name.digest) return Unchanged(import, *std::move(known));
  RegistryClient client(import.context, TRY(RegistryOptionsFor(import, endpoint, options)), import.cancel);
  TRY(client.Connect());
  std::string reference = name.digest ? name.digest->str() : name.tag;
  if (known) {
    auto head = client.HeadManifest(reference);
    if (!head && head.error().code != Code::kInvalid) return std::unexpected(std::move(head.error()));
    if (head && !head->digest.empty()) {
      if (head->digest == known->manifest || head->digest == known->index)
        return Unchanged(import, *std::move(known));
      reference = head->digest.str();
    }
  }
  RegistrySource source(client, reference);
  return TRY(ImportImage(import, source, admission, {full_name}, &client)).front();
}

// Each endpoint with its own Cancel: what failed at a mirror must not stop the registry.
Result<ImageRecord> PullCandidateImage(const Context& context, const Settings& settings, const Store& store,
                                       const PullCandidate& candidate, const PullOptions& options,
                                       ProgressGate& progress) {
  const std::string full_name = FullNameOf(candidate.name);
  std::string mirrors_failed;
  for (size_t i = 0;; ++i) {
    const Endpoint& endpoint = candidate.endpoints[i];
    progress.Report({.kind = ProgressEvent::kResolving, .subject = full_name, .message = endpoint.host});
    Cancel cancel;
    ImageImport import{context, settings, store, progress, cancel, options.policies, options.platform};
    auto record = PullFrom(import, candidate.name, endpoint, options);
    if (record) return record;
    Error& error = record.error();
    if (i + 1 == candidate.endpoints.size()) {
      error.what += mirrors_failed;
      return std::unexpected(std::move(error).With("pull " + full_name));
    }
    // A full disk is full for every endpoint.
    if (error.code == Code::kNoSpace) return std::unexpected(std::move(error).With("pull " + full_name));
    progress.Report({.kind = ProgressEvent::kRetry,
                     .subject = full_name,
                     .message = "mirror " + endpoint.host + ": " + error.what});
    mirrors_failed += "; mirror " + endpoint.host + ": " + error.what;
  }
}

Result<ImageRecord> PullNamed(const Context& context, const Settings& settings, const Store& store,
                              std::string_view name, const PullOptions& options, ProgressGate& progress) {
  std::vector<PullCandidate> candidates = TRY(ResolveName(settings.registries, name));
  Error failed;
  for (size_t i = 0; i < candidates.size(); ++i) {
    auto record = PullCandidateImage(context, settings, store, candidates[i], options, progress);
    if (record) return record;
    // Only "there is no such image here" leads to the next registry of the search list (docker.io says it by
    // refusing access): after any other failure the next one could serve somebody else's image.
    bool absent = record.error().code == Code::kNotFound || record.error().code == Code::kDenied;
    if (i > 0) record.error().what = failed.what + "\n" + record.error().what;
    failed = std::move(record.error());
    if (!absent) break;
  }
  return std::unexpected(std::move(failed));
}

struct Transport {
  std::string_view prefix;
  std::optional<LocalTransport> local;
};
constexpr Transport kTransports[] = {
    {"docker://", std::nullopt},
    {"oci:", LocalTransport::kOciLayout},
    {"oci-archive:", LocalTransport::kOciLayout},
    {"docker-archive:", LocalTransport::kDockerArchive},
};

// "PATH[:ref]"; a path that exists as a whole has no ref, whatever colons it holds.
std::pair<std::string, std::string> SplitPathAndRef(const std::string& rest) {
  size_t colon = rest.find(':');
  if (colon == std::string::npos || ExistsAt(AT_FDCWD, rest)) return {rest, ""};
  return {rest.substr(0, colon), rest.substr(colon + 1)};
}

}  // namespace

Result<RegistryOptions> RegistryOptionsFor(const ImageImport& import, Endpoint endpoint,
                                           const PullOptions& options) {
  RegistryOptions registry{.cert_dir = options.cert_dir};
  registry.credentials =
      options.credentials.empty()
          ? TRY(FindCredentials(import.context, options.authfile, endpoint.host + "/" + endpoint.repository))
          : TRY(ParseCredentials(options.credentials));
  if (options.tls_verify) endpoint.insecure = !*options.tls_verify;
  registry.endpoint = std::move(endpoint);
  registry.backoff.retries = import.settings.retries;
  registry.on_retry = [&progress = import.progress](const std::string& subject, const std::string& why) {
    progress.Report({.kind = ProgressEvent::kRetry, .subject = subject, .message = why});
  };
  return registry;
}

Result<ImageRecord> PullImage(const Context& context, const Settings& settings, const Store& store,
                              std::string_view source, const PullOptions& options) {
  TRY(Staging::Sweep(store));
  ProgressGate progress(options.progress);
  for (std::string_view other : {"dir:", "containers-storage:", "docker-daemon:"})
    if (source.starts_with(other))
      return Fail(Code::kUnsupported, "the transport \"" + std::string(other) +
                                          "\" is not supported: use docker://, oci:, "
                                          "oci-archive: or docker-archive:");
  for (const Transport& transport : kTransports) {
    if (!source.starts_with(transport.prefix)) continue;
    std::string rest(source.substr(transport.prefix.size()));
    if (!transport.local) return PullNamed(context, settings, store, rest, options, progress);
    auto [path, ref] = SplitPathAndRef(rest);
    Cancel cancel;
    ImageImport import{context, settings, store, progress, cancel, options.policies, options.platform};
    const std::string origin(transport.prefix.substr(0, transport.prefix.size() - 1));
    return PullLocal(import, *transport.local, origin, path, ref);
  }
  return PullNamed(context, settings, store, source, options, progress);
}

}  // namespace wolffia
