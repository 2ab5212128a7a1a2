#include "engine/oci/reference.h"

#include <algorithm>

#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxTagBytes = 128;
constexpr std::string_view kDockerHub = "docker.io";
constexpr std::string_view kOldDockerHub = "index.docker.io";

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsAlnum(char c) {
  return IsLower(c) || IsUpper(c) || IsDigit(c);
}

bool IsHex64(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

// Calls `check` for each part between separators; false at the first part that fails.
template <typename Check>
bool EachPart(std::string_view text, char separator, Check check) {
  while (true) {
    const size_t end = text.find(separator);
    if (!check(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// The first component of a/b/c is a registry only if it cannot be a path: it has a dot, a port or a capital,
// or is "localhost". The rule is docker's.
bool LooksLikeDomain(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
         std::ranges::any_of(component, IsUpper);
}

bool IsPort(std::string_view port) {
  if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, IsDigit)) return false;
  int number = 0;
  for (char c : port) number = number * 10 + (c - '0');
  return number > 0 && number <= 65535;
}

bool IsHostLabel(std::string_view label) {
  return !label.empty() && IsAlnum(label.front()) && IsAlnum(label.back()) &&
         std::ranges::all_of(label, [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsIpv6Literal(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' &&
         std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
           return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
         });
}

Result<> CheckDomain(std::string_view domain) {
  std::string_view host = domain;
  const size_t colon = domain.rfind(':');
  if (colon != std::string_view::npos && !domain.ends_with(']')) {
    host = domain.substr(0, colon);
    if (!IsPort(domain.substr(colon + 1)))
      return Fail(Code::kInvalid,
                  "registry " + Quote(domain) + " has no port number from 1 to 65535 after ':'");
  }
  if (!IsIpv6Literal(host) && !EachPart(host, '.', IsHostLabel))
    return Fail(Code::kInvalid, "registry " + Quote(domain) + " is not a host name");
  return {};
}

// [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*
bool IsPathComponent(std::string_view part) {
  auto is_word = [](char c) { return IsLower(c) || IsDigit(c); };
  if (part.empty() || !is_word(part.front()) || !is_word(part.back())) return false;
  for (size_t at = 0; at < part.size();) {
    if (is_word(part[at])) {
      at++;
      continue;
    }
    size_t end = at;
    while (!is_word(part[end])) end++;
    const std::string_view separator = part.substr(at, end - at);
    const bool dashes = std::ranges::all_of(separator, [](char c) { return c == '-'; });
    if (separator != "." && separator != "_" && separator != "__" && !dashes) return false;
    at = end;
  }
  return true;
}

Result<> CheckPath(std::string_view path, bool short_name) {
  if (path.empty()) return Fail(Code::kInvalid, "it has no repository");
  if (std::ranges::any_of(path, IsUpper))
    return Fail(Code::kInvalid, "repository " + Quote(path) + " must be lower-case");
  if (!EachPart(path, '/', IsPathComponent))
    return Fail(Code::kInvalid,
                "repository " + Quote(path) +
                    " is malformed (letters and digits, joined by '.', '_', '__', '-' or '/')");
  if (short_name && IsHex64(path))
    return Fail(Code::kInvalid, "64 hexadecimal digits are an image id, not a repository");
  return {};
}

Result<> CheckTag(std::string_view tag) {
  auto is_word = [](char c) { return IsAlnum(c) || c == '_'; };
  const bool good = !tag.empty() && tag.size() <= kMaxTagBytes && is_word(tag.front()) &&
                    std::ranges::all_of(tag, [&](char c) { return is_word(c) || c == '.' || c == '-'; });
  if (good) return {};
  return Fail(Code::kInvalid,
              "tag " + Quote(tag) + " is malformed (up to 128 letters, digits, '_', '.' and '-')");
}

Result<Reference> ParseParts(std::string_view text) {
  Reference out;
  if (text.find("://") != std::string_view::npos) return Fail(Code::kInvalid, "an image name has no '://'");
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    out.digest = TRY(Digest::Parse(text.substr(at + 1)));
    text = text.substr(0, at);
  }
  // A colon after the last slash is the tag's; one before it is a port's.
  const size_t colon = text.rfind(':');
  const size_t last_slash = text.rfind('/');
  if (colon != std::string_view::npos && (last_slash == std::string_view::npos || colon > last_slash)) {
    out.tag = text.substr(colon + 1);
    TRY(CheckTag(out.tag));
    text = text.substr(0, colon);
  }
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos && LooksLikeDomain(text.substr(0, slash))) {
    out.domain = text.substr(0, slash);
    TRY(CheckDomain(out.domain));
    text = text.substr(slash + 1);
  }
  TRY(CheckPath(text, out.domain.empty()));
  out.path = text;
  if (!out.domain.empty()) out = out.WithDomain(out.domain);
  if (out.Name().size() > kMaxNameBytes)
    return Fail(Code::kInvalid, "the name is longer than " + std::to_string(kMaxNameBytes) + " bytes");
  return out;
}

}  // namespace

Result<Reference> Reference::Parse(std::string_view text) {
  return ParseParts(text).With("image name " + Quote(text));
}

std::string Reference::Name() const {
  return domain.empty() ? path : domain + "/" + path;
}

Reference Reference::WithDefaultTag() const {
  Reference out = *this;
  if (out.tag.empty() && !out.digest) out.tag = "latest";
  return out;
}

Reference Reference::WithDomain(std::string_view to) const {
  Reference out = *this;
  out.domain = to == kOldDockerHub ? kDockerHub : to;
  if (out.domain == kDockerHub && out.path.find('/') == std::string::npos) out.path = "library/" + out.path;
  return out;
}

std::string Reference::str() const {
  std::string text = Name();
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->str();
  return text;
}

}  // namespace wolffia
