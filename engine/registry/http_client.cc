#include "engine/registry/http_client.h"

#include <curl/curl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "engine/base/file.h"
#include "engine/registry/url.h"

namespace wolffia {
namespace {

constexpr int kMaxRedirects = 10;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kStallSeconds = 30;  // slower than kStallBytes a second for so long: the connection is dead
constexpr long kStallBytes = 64;
constexpr long kReceiveBuffer = 256 << 10;
constexpr size_t kMaxCaFile = 4 << 20;
constexpr const char* kUserAgent = "wolffia/" WOLFFIA_VERSION;

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// The system's CAs: $SSL_CERT_FILE, else the first bundle that exists.
const char* SystemBundle(const Context& context, std::string& storage) {
  if (auto file = context.Env("SSL_CERT_FILE")) return (storage = *file).c_str();
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
    if (struct stat st; stat(file, &st) == 0) return file;
  return nullptr;
}

// One request on one handle; everything that the library calls back into.
struct Exchange {
  CURL* easy;
  const HttpRequest& request;
  const Cancel& cancel;
  HttpResponse response;
  std::optional<Error> sink_error;
  bool head_read = false;

  std::string Header(const char* name, size_t index = 0) const {
    curl_header* header = nullptr;
    if (curl_easy_header(easy, name, index, CURLH_HEADER, -1, &header) != CURLHE_OK) return "";
    return header->value;
  }

  void ReadHead() {
    if (std::exchange(head_read, true)) return;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    response.content_type = Header("Content-Type");
    response.docker_content_digest = Header("Docker-Content-Digest");
    for (size_t i = 0; i < 8; ++i)
      if (std::string value = Header("WWW-Authenticate", i); !value.empty())
        response.challenges.push_back(value);
    if (!Header("Retry-After").empty()) {
      curl_off_t seconds = 0;  // the library understands both forms, seconds and date
      curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
      response.retry_after = seconds;
    }
    std::string range = Header("Content-Range");
    if (std::string_view text = range; response.status == 206 && text.starts_with("bytes ")) {
      int64_t start = -1;
      auto [end, error] = std::from_chars(text.data() + 6, text.data() + text.size(), start);
      if (error == std::errc() && end != text.data() + text.size() && *end == '-')
        response.range_start = start;
    }
  }

  Result<> Take(std::string_view bytes) {
    ReadHead();
    if (request.on_data && (response.status == 200 || response.status == 206))
      return request.on_data(response, bytes);
    size_t room = request.body_limit - response.body.size();
    if (bytes.size() > room && response.status / 100 == 2)
      return Fail(Code::kInvalid,
                  "the answer is longer than " + std::to_string(request.body_limit) + " bytes");
    response.body.append(bytes.substr(0, room));
    return {};
  }
};

size_t OnData(char* data, size_t size, size_t count, void* user) {
  auto* exchange = static_cast<Exchange*>(user);
  auto taken = exchange->Take({data, size * count});
  if (taken) return size * count;
  exchange->sink_error = std::move(taken.error());
  return CURL_WRITEFUNC_ERROR;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(user)->cancel.IsSet() ? 1 : 0;
}

Error Unreachable(Code code, std::string what) {
  return Error{code, 0, std::move(what)};
}

// A sentence for each way in which a transfer fails.
Error ErrorOf(CURLcode code, CURL* easy, const Url& url, std::string_view detail) {
  std::string host = url.authority;
  std::string because = detail.empty() ? curl_easy_strerror(code) : std::string(detail);
  long os_errno = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Unreachable(Code::kNetwork,
                         "cannot find the host " + host + ": check the name, and this host's DNS");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Unreachable(Code::kNetwork,
                         "cannot find the proxy that the environment names: check http_proxy, https_proxy");
    case CURLE_COULDNT_CONNECT:
      return Unreachable(Code::kNetwork,
                         "cannot connect to " + host + ": " +
                             (os_errno != 0 ? strerror(static_cast<int>(os_errno)) : because.c_str()));
    case CURLE_OPERATION_TIMEDOUT:
      return Unreachable(Code::kNetwork, host + " did not answer in time, or the transfer stalled");
    case CURLE_PEER_FAILED_VERIFICATION:
      return Unreachable(Code::kDenied, "the TLS certificate of " + host + " is not trusted (" + because +
                                            "): put its CA's certificate into ~/.config/containers/certs.d/" +
                                            host + "/ca.crt, or mark the registry as insecure");
    case CURLE_SSL_CONNECT_ERROR:
      if (because.find("wrong version number") != std::string::npos)
        return Unreachable(Code::kUnsupported,
                           host +
                               " does not speak TLS: if it is a plain HTTP registry, mark it as "
                               "insecure in the configuration or use --tls-verify=false");
      return Unreachable(Code::kNetwork, "no TLS connection to " + host + ": " + because);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return Unreachable(Code::kInvalid, "a certificate file for " + host + " cannot be used: " + because);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return Unreachable(Code::kNetwork, "the connection to " + host + " was cut: " + because);
    case CURLE_ABORTED_BY_CALLBACK:
      return Unreachable(Code::kBusy, "the transfer was cancelled");
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Unreachable(Code::kInvalid, host + " does not answer with HTTP: " + because);
    default:
      return Unreachable(Code::kNetwork, "transfer from " + host + " failed: " + because);
  }
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

struct HttpClient::Pool {
  const Context& context;
  std::function<Result<TlsFiles>(const std::string&)> tls_of;
  std::mutex mutex;        // protects idle and the log; held only for moments
  std::vector<Easy> idle;  // each keeps its connections; the last used is taken first
  std::string bundle_storage;
  const char* bundle = nullptr;

  Easy Take() {
    std::lock_guard lock(mutex);
    if (idle.empty()) return Easy(curl_easy_init(), curl_easy_cleanup);
    Easy easy = std::move(idle.back());
    idle.pop_back();
    return easy;
  }
  void GiveBack(Easy easy) {
    curl_easy_reset(easy.get());
    std::lock_guard lock(mutex);
    idle.push_back(std::move(easy));
  }
  void Log(const std::string& line) {
    std::lock_guard lock(mutex);
    context.Debug(line);
  }

  void SetProxy(CURL* easy, const Url& url) const;
  Result<> SetTls(CURL* easy, const Url& url, bool insecure, bool same_origin) const;
  Result<HttpResponse> SendOnce(CURL* easy, const HttpRequest& request, const Url& url, bool same_origin,
                                const Cancel& cancel, std::string& location);
};

// Explicitly, so that what the library would read from the environment does not depend on how it was built.
// HTTP_PROXY in capitals is ignored as everywhere (a CGI server sets it from a request's header).
void HttpClient::Pool::SetProxy(CURL* easy, const Url& url) const {
  std::optional<std::string> proxy;
  if (url.scheme == "https") {
    proxy = context.Env("https_proxy");
    if (!proxy) proxy = context.Env("HTTPS_PROXY");
  } else {
    proxy = context.Env("http_proxy");
  }
  if (!proxy) proxy = context.Env("all_proxy");
  if (!proxy) proxy = context.Env("ALL_PROXY");
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy->c_str() : "");
  auto except = context.Env("no_proxy");
  if (!except) except = context.Env("NO_PROXY");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, except ? except->c_str() : "");
}

Result<> HttpClient::Pool::SetTls(CURL* easy, const Url& url, bool insecure, bool same_origin) const {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
  if (url.scheme != "https") return {};
  TlsFiles files = TRY(tls_of(url.authority));
  if (!insecure && !files.ca_files.empty()) {
    std::string certificates;
    if (bundle != nullptr) files.ca_files.insert(files.ca_files.begin(), bundle);
    for (const std::string& file : files.ca_files)
      certificates += TRY_WITH(ReadFile(file, kMaxCaFile), "CA certificate") + "\n";
    curl_blob blob = {certificates.data(), certificates.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  } else if (!insecure && bundle != nullptr) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
  }
  if (same_origin && !files.client_certificate.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, files.client_certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, files.client_key.c_str());
  }
  return {};
}

Result<HttpResponse> HttpClient::Pool::SendOnce(CURL* easy, const HttpRequest& request, const Url& url,
                                                bool same_origin, const Cancel& cancel,
                                                std::string& location) {
  if (url.scheme == "http" && !request.insecure)
    return Fail(Code::kDenied,
                "plain HTTP to " + url.authority +
                    " is refused: only a registry that the configuration marks as insecure may use it");
  Exchange exchange{.easy = easy, .request = request, .cancel = cancel};
  char detail[CURL_ERROR_SIZE] = "";
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
  if (same_origin && !request.authorization.empty())
    list = curl_slist_append(list, ("Authorization: " + request.authorization).c_str());
  HeaderList headers(list, curl_slist_free_all);
  std::string range = std::to_string(request.range_from) + "-";

  curl_easy_setopt(easy, CURLOPT_URL, url.full.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, kUserAgent);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kStallBytes);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnData);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &exchange);
  if (request.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (request.method == "POST") curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.form.c_str());
  if (request.range_from > 0) curl_easy_setopt(easy, CURLOPT_RANGE, range.c_str());
  SetProxy(easy, url);
  TRY(SetTls(easy, url, request.insecure, same_origin));

  CURLcode code = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  if (exchange.sink_error) return std::unexpected(std::move(*exchange.sink_error));
  if (code != CURLE_OK) return std::unexpected(ErrorOf(code, easy, url, detail));
  exchange.ReadHead();
  exchange.response.url = url.display;
  location = exchange.Header("Location");
  Log(request.method + " " + url.display + ": " + std::to_string(exchange.response.status));
  return std::move(exchange.response);
}

HttpClient::HttpClient(const Context& context, std::function<Result<TlsFiles>(const std::string&)> tls_of)
    : pool_(new Pool{.context = context, .tls_of = std::move(tls_of)}) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  pool_->bundle = SystemBundle(context, pool_->bundle_storage);
}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Send(const HttpRequest& request, const Cancel& cancel) {
  Url url = TRY(Url::Parse(request.url));
  const std::string origin = url.origin;
  // A redirect back to the first host does not bring the secret back: whoever redirected has chosen the path.
  bool same_origin = true;
  for (int redirects = 0;; ++redirects) {
    Easy easy = pool_->Take();
    if (!easy) return Fail(Code::kIo, "cannot start libcurl");
    std::string location;
    auto response = pool_->SendOnce(easy.get(), request, url, same_origin, cancel, location);
    pool_->GiveBack(std::move(easy));
    if (!response || !IsRedirect(response->status)) return response;
    if (request.method == "POST")
      return Fail(Code::kDenied, url.display + " redirects a request that carries a secret: refused");
    if (redirects == kMaxRedirects)
      return Fail(Code::kInvalid, url.authority + " redirects in a loop (more than " +
                                      std::to_string(kMaxRedirects) +
                                      " times): the registry is misconfigured");
    Url next = TRY(url.Resolve(location));
    if (url.scheme == "https" && next.scheme == "http")
      return Fail(Code::kDenied,
                  url.display + " redirects from https to plain http (" + next.authority + "): refused");
    if (next.origin != origin) same_origin = false;
    url = std::move(next);
  }
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 std::string_view("-._~").find(c) != std::string_view::npos;
    constexpr char kHex[] = "0123456789ABCDEF";
    if (plain)
      encoded += c;
    else
      encoded.append({'%', kHex[static_cast<uint8_t>(c) >> 4], kHex[static_cast<uint8_t>(c) & 15]});
  }
  return encoded;
}

}  // namespace wolffia
