#include "engine/registry/authorizer.h"

#include "engine/base/base64.h"
#include "engine/oci/json.h"
#include "engine/registry/url.h"

namespace wolffia {
namespace {

constexpr size_t kMaxTokenAnswer = 1 << 20;

std::string Param(const Challenge& challenge, const char* name) {
  auto found = challenge.params.find(name);
  return found == challenge.params.end() ? "" : found->second;
}

// A token goes into a header: nothing but visible ASCII.
bool IsHeaderSafe(std::string_view token) {
  for (char c : token)
    if (c <= ' ' || c > '~') return false;
  return !token.empty();
}

Result<std::string> TokenOf(const std::string& body, const std::string& where) {
  Json json = TRY_WITH(ParseJson(body, {.bytes = kMaxTokenAnswer, .depth = 16}), where);
  if (!json.is_object()) return Fail(Code::kInvalid, where + ": the answer is not a JSON object");
  std::string token = TRY(StringMember(json, "token", where));
  if (token.empty()) token = TRY(StringMember(json, "access_token", where));
  if (!IsHeaderSafe(token)) return Fail(Code::kInvalid, where + ": the answer holds no usable token");
  return token;
}

}  // namespace

std::string Authorizer::Current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

std::unexpected<Error> Authorizer::Unauthorized() const {
  const std::string& host = target_.host;
  if (!credentials_)
    return Fail(Code::kDenied, "unauthorized: " + host + " asks for credentials for " + target_.repository +
                                   " (or the image does not exist): log in with \"podman login " + host +
                                   "\" or \"docker login " + host + "\", or use --creds");
  return Fail(Code::kDenied, "unauthorized: " + host + " refuses the credentials of " + credentials_->origin +
                                 " for " + target_.repository + ": log in again, or use --creds");
}

Result<std::string> Authorizer::Answer(const std::vector<std::string>& headers, const std::string& refused,
                                       const Cancel& cancel) {
  std::lock_guard lock(mutex_);
  if (current_ != refused) return current_;  // another download has renewed it meanwhile
  std::optional<Challenge> bearer, basic;
  for (const std::string& header : headers)
    for (Challenge& challenge : TRY_WITH(ParseChallenges(header), target_.host)) {
      if (challenge.scheme == "bearer" && !bearer)
        bearer = std::move(challenge);
      else if (challenge.scheme == "basic" && !basic)
        basic = std::move(challenge);
    }
  if (bearer) {
    std::string token = TRY(FetchToken(*bearer, cancel));
    return current_ = "Bearer " + token;
  }
  if (!basic)
    return Fail(Code::kUnsupported,
                target_.host + " asks for a kind of login that is neither \"Bearer\" nor \"Basic\"");
  if (!credentials_ || credentials_->user.empty()) return Unauthorized();
  std::string value = "Basic " + Base64(credentials_->user + ":" + credentials_->password);
  if (value == refused) return Unauthorized();
  return current_ = value;
}

// https://distribution.github.io/distribution/spec/auth/token/ and, for identity tokens, its OAuth2 form.
Result<std::string> Authorizer::FetchToken(const Challenge& challenge, const Cancel& cancel) {
  std::string realm = Param(challenge, "realm"), service = Param(challenge, "service");
  std::string scope = Param(challenge, "scope");
  if (scope.empty()) scope = "repository:" + target_.repository + ":pull";
  Url url = TRY_WITH(Url::Parse(realm), target_.host + " names a token service that cannot be used");
  if (url.scheme != "https" && !target_.insecure)
    return Fail(Code::kDenied,
                target_.host + " names a token service without TLS (" + url.authority + "): refused");

  HttpRequest request{.insecure = target_.insecure, .body_limit = kMaxTokenAnswer};
  std::string query =
      (service.empty() ? "" : "service=" + PercentEncode(service) + "&") + "scope=" + PercentEncode(scope);
  if (credentials_ && !credentials_->identity_token.empty()) {
    request.method = "POST";
    request.url = url.full;
    request.form = "grant_type=refresh_token&client_id=wolffia&" + query +
                   "&refresh_token=" + PercentEncode(credentials_->identity_token);
  } else {
    request.url = url.full + (url.full.find('?') == std::string::npos ? "?" : "&") + query;
    if (credentials_)
      request.authorization = "Basic " + Base64(credentials_->user + ":" + credentials_->password);
  }
  HttpResponse response = TRY_WITH(http_.Send(request, cancel), "token for " + target_.repository);
  if (response.status == 401 || response.status == 403 || response.status == 400) return Unauthorized();
  if (response.status != 200) {
    Code code = response.status == 429 || response.status >= 500 ? Code::kNetwork : Code::kInvalid;
    return Fail(code, "the token service " + url.authority + " answered with status " +
                          std::to_string(response.status));
  }
  return TokenOf(response.body, "token service " + url.authority);
}

}  // namespace wolffia
