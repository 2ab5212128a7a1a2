#include "network/host_files.h"

#include <vector>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr size_t kMaxBytes = 4 << 20;  // sites distribute hosts files of a few MB

bool TakeLine(std::string_view& rest, std::string_view& line) {
  if (rest.empty()) return false;
  size_t end = rest.find('\n');
  line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return true;
}

std::vector<std::string_view> Words(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  while (true) {
    size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    size_t end = line.find_first_of(" \t\r");
    words.push_back(line.substr(0, end));
    line.remove_prefix(end == std::string_view::npos ? line.size() : end);
  }
}

bool NamesHost(std::string_view hosts, std::string_view name) {
  for (std::string_view line; TakeLine(hosts, line);) {
    std::vector<std::string_view> words = Words(line);
    for (size_t i = 1; i < words.size(); i++)
      if (words[i] == name) return true;
  }
  return false;
}

// The server of a "nameserver" line; empty for any other.
std::string_view ServerOf(std::string_view line) {
  if (line.starts_with(';')) return {};
  std::vector<std::string_view> words = Words(line);
  return words.size() >= 2 && words[0] == "nameserver" ? words[1] : std::string_view();
}

bool IsLoopback(std::string_view server) {
  return server.starts_with("127.") || server == "::1";
}
bool IsResolvedStub(std::string_view server) {
  return server == "127.0.0.53" || server == "127.0.0.54";
}

std::string TextOf(const std::string& path) {
  std::string text = ReadFile(path, kMaxBytes).value_or("");
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

std::string MakeHosts(const HostFilesRequest& request) {
  std::string hosts = request.host_network ? TextOf(request.host_root + "/etc/hosts") : "";
  if (!NamesHost(hosts, "localhost"))
    hosts += "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  if (!request.hostname.empty() && !NamesHost(hosts, request.hostname))
    hosts += "127.0.0.1\t" + request.hostname + "\n";
  return hosts;
}

std::optional<std::string> MakeResolvConf(const HostFilesRequest& request) {
  if (!request.host_network) return std::nullopt;
  return TextOf(request.host_root + "/etc/resolv.conf");
}

std::string WithoutLoopbackServers(std::string_view resolv_conf, std::string_view upstream) {
  std::string text;
  bool has_stub = false;
  for (std::string_view rest = resolv_conf, line; TakeLine(rest, line);)
    has_stub |= IsResolvedStub(ServerOf(line));
  if (has_stub && !upstream.empty()) resolv_conf = upstream;
  for (std::string_view line; TakeLine(resolv_conf, line);)
    if (!IsLoopback(ServerOf(line))) text += std::string(line) + "\n";
  return text;
}

std::string MakeHostname(const HostFilesRequest& request) {
  return request.hostname + "\n";
}

}  // namespace wolffia
