#include "engine/registry/registry_client.h"

#include "engine/oci/hasher.h"
#include "engine/oci/json.h"
#include "engine/registry/certificates.h"

namespace wolffia {
namespace {

constexpr const char* kAccept =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
constexpr size_t kMaxQuoted = 200;

// What the registry says in its own words, for an error: one line of printable ASCII.
std::string OwnWords(const std::string& body) {
  auto json = ParseJson(body, {.bytes = 64 << 10, .depth = 16});
  if (!json || !json->is_object()) return "";
  auto errors = ArrayMember(*json, "errors", "answer");
  if (!errors || *errors == nullptr || (*errors)->empty() || !(**errors)[0].is_object()) return "";
  auto code = StringMember((**errors)[0], "code", "answer"),
       message = StringMember((**errors)[0], "message", "answer");
  std::string words = (code ? *code : "") + (message && !message->empty() ? ": " + *message : "");
  if (words.size() > kMaxQuoted) words.resize(kMaxQuoted);
  for (char& c : words)
    if (c < ' ' || c > '~') c = '?';
  return words.empty() ? "" : " (" + words + ")";
}

std::function<Result<TlsFiles>(const std::string&)> TlsLookup(const Context& context,
                                                              const RegistryOptions& options) {
  return [&context, own = ApiHost(options.endpoint.host), name = options.endpoint.host,
          ca = options.endpoint.ca_file,
          cert_dir = options.cert_dir](const std::string& host) -> Result<TlsFiles> {
    bool is_registry = host == own;
    // --cert-dir and the rule's CA are for the registry, not for where it redirects to.
    HostCertificates found =
        TRY(FindCertificates(context, is_registry ? name : host, is_registry ? cert_dir : std::string()));
    if (is_registry && !ca.empty()) found.ca_files.push_back(ca);
    return TlsFiles{std::move(found.ca_files), std::move(found.client_certificate),
                    std::move(found.client_key)};
  };
}

}  // namespace

RegistryClient::RegistryClient(const Context& context, RegistryOptions options, const Cancel& cancel)
    : options_(std::move(options)),
      cancel_(cancel),
      http_(context, TlsLookup(context, options_)),
      authorizer_(http_, {options_.endpoint.host, options_.endpoint.repository, options_.endpoint.insecure},
                  options_.credentials) {}

Error RegistryClient::StatusError(const HttpResponse& response, const std::string& subject) const {
  const std::string& host = options_.endpoint.host;
  std::string status = std::to_string(response.status), words = OwnWords(response.body);
  switch (response.status) {
    case 401:
      return {Code::kDenied, 0,
              "unauthorized: " + host + " refuses access to " + subject + words +
                  ": log in with \"podman login " + host + "\" or \"docker login " + host +
                  "\", or use --creds"};
    case 403:
      return {Code::kDenied, 0,
              host + " denies access to " + subject + words +
                  ": these credentials may not read it; log in as somebody "
                  "who may (\"podman login " +
                  host + "\", --creds)"};
    case 404:
      return {Code::kNotFound, 0, host + " has no " + subject + words + ": check the name and the tag"};
    case 429:
      return {Code::kNetwork, 0,
              host + " has had too many requests (429)" + words +
                  ": log in for a higher limit, or try again later"};
    default:
      break;
  }
  if (response.status >= 500)
    return {Code::kNetwork, 0,
            host + " has trouble of its own (status " + status + ")" + words + ": try again later"};
  return {Code::kInvalid, 0,
          host + " answered the request for " + subject + " with status " + status + words};
}

Result<> RegistryClient::Retry(Backoff& backoff, Error error, int64_t retry_after,
                               const std::string& subject) {
  std::string why = error.what;
  TRY(backoff.Wait(std::move(error), retry_after));
  if (options_.on_retry) options_.on_retry(subject, why);
  return {};
}

Result<HttpResponse> RegistryClient::SendAuthorized(HttpRequest request) {
  request.insecure = options_.endpoint.insecure;
  request.authorization = authorizer_.Current();
  // One more than tokens can expire in the middle: a token that another download fetched may be refused too.
  for (int tries = 0;; ++tries) {
    HttpResponse response = TRY(http_.Send(request, cancel_));
    if (response.status != 401 || tries == 2 || response.challenges.empty()) return response;
    request.authorization = TRY(authorizer_.Answer(response.challenges, request.authorization, cancel_));
  }
}

Result<HttpResponse> RegistryClient::SendPatiently(const HttpRequest& request, const std::string& subject) {
  Backoff backoff(options_.backoff, cancel_);
  for (;;) {
    auto response = SendAuthorized(request);
    if (response && response->status == 200) return response;
    int64_t retry_after = response ? response->retry_after : -1;
    Error error = response ? StatusError(*response, subject) : std::move(response.error());
    TRY(Retry(backoff, std::move(error), retry_after, subject));
  }
}

// The ping of the distribution spec (GET /v2/). Its challenge is answered here, so that every later request
// is made once. A registry that does not know the ping may still know its images.
Result<> RegistryClient::Connect() {
  const Endpoint& endpoint = options_.endpoint;
  Backoff backoff(options_.backoff, cancel_);
  for (std::string scheme = "https";;) {
    std::string root = scheme + "://" + ApiHost(endpoint.host) + "/v2/";
    auto response = http_.Send({.url = root, .insecure = endpoint.insecure}, cancel_);
    if (!response && endpoint.insecure && scheme == "https" &&
        (response.error().code == Code::kNetwork || response.error().code == Code::kUnsupported)) {
      scheme = "http";
      continue;
    }
    Error error;
    int64_t retry_after = -1;
    if (!response) {
      error = std::move(response.error());
      if (endpoint.insecure) scheme = "https";
    } else if (response->status == 429 || response->status >= 500) {
      retry_after = response->retry_after;
      error = StatusError(*response, "registry");
    } else {
      base_ = root + endpoint.repository + "/";
      if (response->status != 401 || response->challenges.empty()) return {};
      auto answer = authorizer_.Answer(response->challenges, "", cancel_);
      if (answer) return {};
      error = std::move(answer.error());
    }
    TRY(Retry(backoff, std::move(error), retry_after, endpoint.host));
  }
}

Result<RegistryClient::ManifestAnswer> RegistryClient::Manifest(const char* method,
                                                                const std::string& reference) {
  std::string subject =
      options_.endpoint.repository + (reference.starts_with("sha256:") ? "@" : ":") + reference;
  HttpRequest request{.method = method,
                      .url = base_ + "manifests/" + reference,
                      .headers = {kAccept},
                      .body_limit = kMaxManifestBytes};
  HttpResponse response = TRY_WITH(SendPatiently(request, subject), "manifest");
  ManifestAnswer answer{.bytes = std::move(response.body), .content_type = std::move(response.content_type)};
  // Another algorithm than ours says nothing to us.
  if (auto said = Digest::Parse(response.docker_content_digest)) answer.digest = *said;
  return answer;
}

Result<RegistryClient::ManifestAnswer> RegistryClient::HeadManifest(const std::string& reference) {
  return Manifest("HEAD", reference);
}

Result<RegistryClient::ManifestAnswer> RegistryClient::GetManifest(const std::string& reference) {
  ManifestAnswer answer = TRY(Manifest("GET", reference));
  Digest actual = Sha256Of(answer.bytes);
  Digest expected = answer.digest;
  if (auto asked = Digest::Parse(reference)) expected = *asked;
  if (!expected.empty() && actual != expected)
    return Fail(Code::kCorrupt, "manifest: " + options_.endpoint.host + " sent bytes with digest " +
                                    actual.str() + " instead of " + expected.str() +
                                    ": the registry or something on the way is broken");
  answer.digest = actual;
  return answer;
}

Result<std::string> RegistryClient::GetReferrers(const Digest& digest) {
  HttpRequest request{.url = base_ + "referrers/" + digest.str(),
                      .headers = {"Accept: application/vnd.oci.image.index.v1+json"},
                      .body_limit = kMaxManifestBytes};
  auto response = SendPatiently(request, "referrers of " + digest.str());
  if (response) return std::move(response->body);
  Error& error = response.error();
  if (error.code == Code::kInvalid) error.code = Code::kNotFound;  // 400, 405: other ways to say it
  return std::unexpected(std::move(error));
}

Result<> RegistryClient::GetBlob(const Descriptor& descriptor, const ByteSink& sink) {
  constexpr int64_t kProgress = 1 << 20;  // that a try must bring for the count of tries to start again
  const std::string subject = "blob " + descriptor.digest.str();
  auto wrong_size = [&](const std::string& how) {
    return Fail(Code::kCorrupt, subject + ": " + options_.endpoint.host + " sent " + how + " the " +
                                    std::to_string(descriptor.size) + " bytes that the manifest promises");
  };
  Backoff backoff(options_.backoff, cancel_);
  int64_t got = 0, got_before = 0;
  for (;;) {
    int64_t skip = -1;  // bytes that this answer repeats
    HttpRequest request{.url = base_ + "blobs/" + descriptor.digest.str(), .range_from = got};
    request.on_data = [&](const HttpResponse& head, std::string_view bytes) -> Result<> {
      if (skip < 0) {
        skip = head.status == 206 ? 0 : got;
        if (head.status == 206 && head.range_start != got)
          return Fail(Code::kCorrupt, subject + ": the registry resumed at another byte than asked");
      }
      size_t repeated = std::min(static_cast<size_t>(skip), bytes.size());
      skip -= static_cast<int64_t>(repeated);
      bytes.remove_prefix(repeated);
      if (static_cast<int64_t>(bytes.size()) > descriptor.size - got) return wrong_size("more than");
      got += static_cast<int64_t>(bytes.size());
      return bytes.empty() ? Result<>{} : sink(bytes);
    };
    auto response = SendAuthorized(std::move(request));
    bool answered = response && (response->status == 200 || response->status == 206);
    // A complete answer that is too short: once more, from where it ended; if nothing comes, there is
    // nothing.
    if (answered && got == descriptor.size) return {};
    if ((answered && got == got_before) || (response && response->status == 416))
      return wrong_size("fewer than");
    int64_t retry_after = response ? response->retry_after : -1;
    Error error = answered   ? Error{Code::kNetwork, 0, subject + ": the transfer ended early"}
                  : response ? StatusError(*response, subject)
                             : std::move(response.error());
    if (got - got_before >= kProgress) backoff.Progressed();
    got_before = got;
    TRY(Retry(backoff, std::move(error), retry_after, descriptor.digest.str()));
  }
}

}  // namespace wolffia
