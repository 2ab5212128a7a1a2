// HttpClient: HTTP requests with the rules that a registry client must not break, on top of libcurl.
// Thread-safe.
//
// - https with TLS >= 1.2 and verified certificates; plain http and unverified TLS only where the request
// allows it.
// - Redirects are followed here, not by the library: at most ten, to http and https only, never from https to
// http. The
//   Authorization header, a client certificate and user names in URLs never cross to another origin.
// - Bodies of failures are bounded; a header section is bounded by the library.
// - URLs in messages have no query: the queries of object stores are secrets.
// A Result's error means that there was no usable answer (kNetwork: trying again may help); an answer of any
// status is a response.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/result.h"
#include "engine/registry/backoff.h"

namespace wolffia {

using ByteSink = std::function<Result<>(std::string_view)>;

struct HttpResponse {
  int status = 0;
  std::string url;  // that answered, after redirects, without its query
  std::string content_type;
  std::string docker_content_digest;
  std::vector<std::string> challenges;  // WWW-Authenticate
  int64_t retry_after = -1;             // seconds; -1: not said
  int64_t range_start = -1;             // of a 206
  std::string body;                     // where it did not go to the sink; at most body_limit bytes
};

struct HttpRequest {
  std::string method = "GET";  // GET, HEAD, POST
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string authorization;         // the header's value
  std::string form;                  // POST: application/x-www-form-urlencoded
  int64_t range_from = 0;            // > 0: "Range: bytes=N-"
  bool insecure = false;             // plain http and unverified TLS
  size_t body_limit = 64 << 10;
  // Gets the bodies of 200 and 206. Its error ends the transfer and becomes Send's.
  std::function<Result<>(const HttpResponse&, std::string_view)> on_data;
};

struct TlsFiles {
  std::vector<std::string> ca_files;  // besides the system's
  std::string client_certificate, client_key;
};

class HttpClient {
 public:
  // `tls_of`: what belongs to "host[:port]".
  HttpClient(const Context& context, std::function<Result<TlsFiles>(const std::string& host)> tls_of);
  ~HttpClient();
  Result<HttpResponse> Send(const HttpRequest& request, const Cancel& cancel);

 private:
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

// URL-encodes a query value.
std::string PercentEncode(std::string_view text);

}  // namespace wolffia
