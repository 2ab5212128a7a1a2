#include "engine/registry/certificates.h"

#include <fcntl.h>

#include <algorithm>

#include "engine/base/file.h"

namespace wolffia {
namespace {

std::string ConfigHome(const Context& context) {
  if (auto home = context.Env("XDG_CONFIG_HOME")) return *home;
  if (auto home = context.Env("HOME")) return *home + "/.config";
  return "";
}

Result<HostCertificates> ReadHostDirectory(const std::string& directory) {
  HostCertificates found;
  std::vector<std::string> names = TRY(ListDirectory(AT_FDCWD, directory));
  std::sort(names.begin(), names.end());
  auto has = [&](const std::string& name) { return std::binary_search(names.begin(), names.end(), name); };
  for (const std::string& name : names) {
    if (name.ends_with(".crt")) found.ca_files.push_back(directory + "/" + name);
    if (name.ends_with(".cert")) {
      std::string key = name.substr(0, name.size() - 5) + ".key";
      if (!has(key))
        return Fail(Code::kInvalid, directory + "/" + name + " has no key: " + key +
                                        " is missing (a CA's certificate must be named *.crt)");
      found.client_certificate = directory + "/" + name;
      found.client_key = directory + "/" + key;
    }
    if (name.ends_with(".key") && !has(name.substr(0, name.size() - 4) + ".cert"))
      return Fail(Code::kInvalid, directory + "/" + name + " has no certificate: " +
                                      name.substr(0, name.size() - 4) + ".cert is missing");
  }
  return found;
}

}  // namespace

Result<HostCertificates> FindCertificates(const Context& context, const std::string& host,
                                          const std::string& cert_dir) {
  if (!cert_dir.empty()) return ReadHostDirectory(cert_dir);
  // The host becomes a path component. It was parsed, but the rule must not depend on who calls.
  if (host.empty() || host.find('/') != std::string::npos || host.starts_with(".")) return HostCertificates{};
  std::vector<std::string> places = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  if (std::string home = ConfigHome(context); !home.empty())
    places.insert(places.begin(), home + "/containers/certs.d");
  for (const std::string& place : places)
    if (std::string directory = place + "/" + host; ExistsAt(AT_FDCWD, directory))
      return ReadHostDirectory(directory);
  return HostCertificates{};
}

}  // namespace wolffia
