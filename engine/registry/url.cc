#include "engine/registry/url.h"

#include <curl/curl.h>

#include <memory>

namespace wolffia {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

constexpr size_t kMaxUrl = 16 << 10;

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string value(text);
  curl_free(text);
  return value;
}

Result<Url> Describe(CURLU* handle) {
  for (CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT})
    curl_url_set(handle, secret, nullptr, 0);
  Url url;
  url.scheme = Part(handle, CURLUPART_SCHEME);
  if (url.scheme != "http" && url.scheme != "https")
    return Fail(Code::kInvalid, "a URL of scheme \"" + url.scheme + "\": only http and https are used");
  std::string host = Part(handle, CURLUPART_HOST), port = Part(handle, CURLUPART_PORT);
  if (host.empty()) return Fail(Code::kInvalid, "a URL without a host");
  url.full = Part(handle, CURLUPART_URL);
  url.authority = port.empty() ? host : host + ":" + port;
  url.origin = url.scheme + "://" + host + ":" + Part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.display = url.scheme + "://" + url.authority + Part(handle, CURLUPART_PATH);
  return url;
}

}  // namespace

Result<Url> Url::Parse(const std::string& text) {
  Handle handle(curl_url(), curl_url_cleanup);
  if (text.size() > kMaxUrl || !handle ||
      curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return Fail(Code::kInvalid, "a malformed URL");
  return Describe(handle.get());
}

Result<Url> Url::Resolve(const std::string& location) const {
  Handle handle(curl_url(), curl_url_cleanup);
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, full.c_str(), 0) != CURLUE_OK)
    return Fail(Code::kInvalid, "a malformed URL");
  if (location.empty() || location.size() > kMaxUrl ||
      curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    return Fail(Code::kInvalid, display + " redirects to a malformed or unsupported URL");
  return Describe(handle.get()).With(display + " redirects to");
}

}  // namespace wolffia
