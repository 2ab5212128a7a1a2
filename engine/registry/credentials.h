// Credentials of a registry, from where docker and podman keep them: containers-auth.json(5),
// ~/.docker/config.json, and docker-credential-* helper programs. Read only; never logged, and never part of
// an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

struct Credentials {
  std::string user, password;
  std::string identity_token;  // OAuth2 refresh token, instead of a password
  std::string origin;          // where they were found, for messages
  bool operator==(const Credentials&) const = default;
};

// For repository `name` ("docker.io/library/debian"). Order: $REGISTRY_AUTH_FILE or `authfile` alone, if
// given (then it must exist); else $XDG_RUNTIME_DIR/containers/auth.json,
// $XDG_CONFIG_HOME/containers/auth.json,
// ~/.docker/config.json. In each: a helper of that host, the longest matching key, the general helper.
// nullopt: none.
Result<std::optional<Credentials>> FindCredentials(const Context& context, const std::string& authfile,
                                                   const std::string& name);

// Whether one of those files names a helper program, which FindCredentials might then execute.
bool NamesCredentialHelpers(const Context& context, const std::string& authfile);

// "user:password" of --creds; kInvalid without a user.
Result<Credentials> ParseCredentials(std::string_view text);

}  // namespace wolffia
