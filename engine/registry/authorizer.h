// Authorizer: the Authorization header for one repository. Asks for a token only when the registry
// challenges, keeps it for the life of the process, and is shared by the downloads of one pull. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/registry/challenge.h"
#include "engine/registry/credentials.h"
#include "engine/registry/http_client.h"

namespace wolffia {

class Authorizer {
 public:
  struct Target {
    std::string host;        // as people name it, for messages
    std::string repository;  // the scope is "repository:<it>:pull"
    bool insecure = false;
  };
  Authorizer(HttpClient& http, Target target, std::optional<Credentials> credentials)
      : http_(http), target_(std::move(target)), credentials_(std::move(credentials)) {}

  // The header's value; empty before the first challenge.
  std::string Current() const;
  // The registry answered 401 with these WWW-Authenticate headers to a request that carried `refused` (may be
  // empty): the value to try instead. kDenied if there is nothing (else) to offer.
  Result<std::string> Answer(const std::vector<std::string>& challenges, const std::string& refused,
                             const Cancel& cancel);

 private:
  Result<std::string> FetchToken(const Challenge& challenge, const Cancel& cancel);
  std::unexpected<Error> Unauthorized() const;

  HttpClient& http_;
  Target target_;
  std::optional<Credentials> credentials_;
  mutable std::mutex mutex_;  // also held while a token is fetched: the other downloads wait for that one
  std::string current_;
};

}  // namespace wolffia
