#include "engine/registry/credentials.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/base/base64.h"
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxAuthFile = 1 << 20;
constexpr size_t kMaxHelperOutput = 64 << 10;
constexpr const char* kDockerHubKey = "https://index.docker.io/v1/";

// "https://host/v1/" and "host" are the same key; docker writes the first, podman the second.
std::string NormalKey(std::string_view key) {
  for (std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) {
      key.remove_prefix(scheme.size());
      key = key.substr(0, key.find('/'));  // a URL names a host only
      break;
    }
  while (key.ends_with('/')) key.remove_suffix(1);
  if (key == "index.docker.io" || key == "registry-1.docker.io") return "docker.io";
  return std::string(key);
}

std::string HostOf(const std::string& name) {
  return name.substr(0, name.find('/'));
}

Result<std::optional<Credentials>> AskHelper(const Context& context, const std::string& helper,
                                             const std::string& host) {
  if (helper.find('/') != std::string::npos)
    return Fail(Code::kInvalid, "credential helper \"" + helper + "\": a helper is named without a path");
  SpawnRequest request;
  request.program = "docker-credential-" + helper;
  request.argv = {request.program, "get"};
  std::string server = host == "docker.io" ? kDockerHubKey : host;
  auto ran = RunForOutput(std::move(request), server, kMaxHelperOutput);
  if (!ran && ran.error().code == Code::kNotFound) {
    // A configuration copied from a desktop names helpers that are not here; most images need no credentials.
    context.Warn("docker-credential-" + helper + " is not installed: going on without credentials for " +
                 host);
    return std::nullopt;
  }
  Output output = TRY_WITH(std::move(ran), "credential helper docker-credential-" + helper);
  if (output.status.ShellCode() != 0) {
    if (output.out.find("credentials not found") != std::string::npos ||
        output.err.find("credentials not found") != std::string::npos)
      return std::nullopt;
    // What the helper printed may hold a secret, so it is not repeated.
    return Fail(Code::kDenied, "credential helper docker-credential-" + helper + " failed for " + host +
                                   " (exit code " + std::to_string(output.status.ShellCode()) +
                                   "): run it by hand to see why, or log in again");
  }
  auto json = ParseJson(output.out, {.bytes = kMaxHelperOutput, .depth = 4});
  if (!json || !json->is_object())
    return Fail(Code::kInvalid,
                "credential helper docker-credential-" + helper + " did not answer with JSON");
  std::string where = "docker-credential-" + helper;
  Credentials found;
  found.origin = where;
  found.user = TRY(StringMember(*json, "Username", where));
  std::string secret = TRY(StringMember(*json, "Secret", where));
  if (found.user.empty() && secret.empty()) return std::nullopt;
  if (found.user == "<token>") return Credentials{.identity_token = secret, .origin = where};
  found.password = secret;
  return found;
}

Result<Credentials> FromEntry(const Json& entry, const std::string& file, const std::string& key) {
  std::string where = file + ": auths." + key;
  if (!entry.is_object()) return Fail(Code::kInvalid, where + ": not an object");
  Credentials found;
  found.origin = file;
  found.identity_token = TRY(StringMember(entry, "identitytoken", where));
  std::string packed = TRY(StringMember(entry, "auth", where));
  if (!packed.empty()) {
    std::optional<std::string> plain = FromBase64(packed);
    size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos)
      return Fail(Code::kInvalid, where + ".auth: not the Base64 form of user:password");
    found.user = plain->substr(0, colon);
    found.password = plain->substr(colon + 1);
    while (found.password.ends_with('\0')) found.password.pop_back();  // written by old clients
  } else {
    found.user = TRY(StringMember(entry, "username", where));
    found.password = TRY(StringMember(entry, "password", where));
  }
  return found;
}

// The longest key that is the name or a leading part of it, up to a slash.
Result<std::optional<Credentials>> FromAuths(const Json& auths, const std::string& file,
                                             const std::string& name) {
  for (std::string scope = name;;) {
    for (const auto& [key, entry] : auths.items()) {
      if (NormalKey(key) != scope) continue;
      Credentials found = TRY(FromEntry(entry, file, key));
      // docker leaves an empty entry where a helper holds the secret.
      if (!found.user.empty() || !found.identity_token.empty()) return found;
    }
    size_t slash = scope.rfind('/');
    if (slash == std::string::npos) return std::nullopt;
    scope.resize(slash);
  }
}

Result<std::optional<Credentials>> FromFile(const Context& context, const std::string& file,
                                            const std::string& text, const std::string& name) {
  Json json = TRY_WITH(ParseJson(text, {.bytes = kMaxAuthFile, .depth = 16}), file);
  if (!json.is_object()) return Fail(Code::kInvalid, file + ": not a JSON object");
  std::string host = HostOf(name);
  if (const Json* helpers = TRY(ObjectMember(json, "credHelpers", file)); helpers != nullptr)
    for (const auto& [key, helper] : helpers->items())
      if (NormalKey(key) == host) {
        if (!helper.is_string())
          return Fail(Code::kInvalid, file + ": credHelpers." + key + ": not a string");
        return AskHelper(context, helper.get<std::string>(), host);
      }
  if (const Json* auths = TRY(ObjectMember(json, "auths", file)); auths != nullptr)
    if (auto found = TRY(FromAuths(*auths, file, name))) return found;
  std::string store = TRY(StringMember(json, "credsStore", file));
  if (store.empty()) return std::nullopt;
  return AskHelper(context, store, host);
}

std::vector<std::string> UsualPlaces(const Context& context) {
  std::vector<std::string> places;
  auto home = context.Env("HOME");
  if (auto runtime = context.Env("XDG_RUNTIME_DIR")) places.push_back(*runtime + "/containers/auth.json");
  if (auto config = context.Env("XDG_CONFIG_HOME")) {
    places.push_back(*config + "/containers/auth.json");
  } else if (home) {
    places.push_back(*home + "/.config/containers/auth.json");
  }
  if (auto docker = context.Env("DOCKER_CONFIG")) {
    places.push_back(*docker + "/config.json");
  } else if (home) {
    places.push_back(*home + "/.docker/config.json");
  }
  return places;
}

}  // namespace

Result<std::optional<Credentials>> FindCredentials(const Context& context, const std::string& authfile,
                                                   const std::string& name) {
  std::string only = !authfile.empty() ? authfile : context.Env("REGISTRY_AUTH_FILE").value_or("");
  if (!only.empty()) return FromFile(context, only, TRY(ReadFile(only, kMaxAuthFile)), name);
  for (const std::string& place : UsualPlaces(context)) {
    auto text = ReadFile(place, kMaxAuthFile);
    if (!text && text.error().code == Code::kNotFound) continue;
    if (!text) return std::unexpected(std::move(text.error()));
    if (auto found = TRY(FromFile(context, place, *text, name))) return found;
  }
  return std::nullopt;
}

bool NamesCredentialHelpers(const Context& context, const std::string& authfile) {
  const std::string only = !authfile.empty() ? authfile : context.Env("REGISTRY_AUTH_FILE").value_or("");
  for (const std::string& place : only.empty() ? UsualPlaces(context) : std::vector<std::string>{only}) {
    auto text = ReadFile(place, kMaxAuthFile);
    if (!text) continue;
    auto json = ParseJson(*text, {.bytes = kMaxAuthFile, .depth = 16});
    if (json && json->is_object() && (json->contains("credHelpers") || json->contains("credsStore"))) return true;
  }
  return false;
}

Result<Credentials> ParseCredentials(std::string_view text) {
  size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return Fail(Code::kInvalid, "--creds: write it as USER:PASSWORD");
  return Credentials{.user = std::string(text.substr(0, colon)),
                     .password = std::string(text.substr(colon + 1)),
                     .origin = "--creds"};
}

}  // namespace wolffia
