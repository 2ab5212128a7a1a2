// Url: the few questions about URLs that decide where a secret may go. Parsing is libcurl's own
// (curl_url(3)), so that what is checked and what is connected to cannot differ.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

struct Url {
  std::string full;       // without user, password and fragment
  std::string scheme;     // "http", "https"
  std::string authority;  // host[:port], the port only where the URL says so
  std::string origin;     // scheme://host:port
  std::string display;    // without the query

  // An absolute http or https URL; kInvalid.
  static Result<Url> Parse(const std::string& text);
  // What a Location header means in an answer of this URL.
  Result<Url> Resolve(const std::string& location) const;
};

}  // namespace wolffia
