#include "network/host_files.h"

#include <algorithm>
#include <vector>

#include "engine/base/file.h"
#include "network/ip_address.h"

namespace wolffia {
namespace {

constexpr std::string_view kHostGateway = "host-gateway";
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

struct Resolver {
  std::vector<std::string> servers, search, options;
};

// The last search line counts, options add up (resolv.conf(5)).
Resolver ReadResolver(std::string_view text) {
  Resolver resolver;
  for (std::string_view line; TakeLine(text, line);) {
    std::string_view server = ServerOf(line);
    if (!server.empty()) resolver.servers.emplace_back(server);
    std::vector<std::string_view> words = Words(line);
    if (words.size() < 2 || line.starts_with(';')) continue;
    if (words[0] == "search" || words[0] == "domain") resolver.search.assign(words.begin() + 1, words.end());
    if (words[0] == "options")
      resolver.options.insert(resolver.options.end(), words.begin() + 1, words.end());
  }
  return resolver;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + word;
  return text;
}

std::string TextOf(const std::string& path) {
  std::string text = ReadFile(path, kMaxBytes).value_or("");
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

std::string MakeHosts(const HostFilesRequest& request) {
  const NetworkConfig& network = request.network;
  std::string hosts = network.mode == "host" ? TextOf(request.host_root + "/etc/hosts") : "";
  if (!NamesHost(hosts, "localhost"))
    hosts += "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  // What the user says counts before what we know: the first line that has a name answers.
  for (const std::string& added : network.add_hosts) {
    const size_t colon = added.find(':');
    const std::string address = added.substr(colon + 1);
    hosts +=
        (address == kHostGateway ? request.host_address : address) + "\t" + added.substr(0, colon) + "\n";
  }
  std::string names = request.hostname;
  if (!request.name.empty() && request.name != names && !request.addresses.empty())
    names += (names.empty() ? "" : " ") + request.name;
  if (!names.empty() && !NamesHost(hosts, request.hostname)) {
    if (request.addresses.empty()) hosts += "127.0.0.1\t" + names + "\n";
    for (const std::string& address : request.addresses) hosts += address + "\t" + names + "\n";
  }
  if (!request.host_address.empty()) hosts += request.host_address + "\thost.containers.internal\n";
  return hosts;
}

std::optional<std::string> MakeResolvConf(const HostFilesRequest& request) {
  const NetworkConfig& network = request.network;
  const bool host = network.mode == "host";
  const bool asked = !network.dns.empty() || !network.dns_search.empty() || !network.dns_options.empty();
  if (!asked && !host && !HasDriver(network) && NamespacePath(network).empty()) return std::nullopt;
  std::string text = TextOf(request.host_root + "/etc/resolv.conf");
  if (host && !asked) return text;
  if (!host)
    text = WithoutLoopbackServers(text, TextOf(request.host_root + "/run/systemd/resolve/resolv.conf"));
  Resolver resolver = ReadResolver(text);
  if (!network.dns_search.empty()) resolver.search = network.dns_search;
  if (resolver.search == std::vector<std::string>{"."}) resolver.search.clear();  // "." asks for none
  if (!network.dns_options.empty()) resolver.options = network.dns_options;
  // A bridge's server knows the names of containers, and asks those of --dns itself. Another one beside it
  // would be asked for the names too, and say that there are none.
  const bool answered = network.mode == "bridge" && !request.name_servers.empty();
  std::vector<std::string> servers = answered ? request.name_servers : network.dns;
  if (servers.empty()) {
    servers = request.name_servers;
    servers.insert(servers.end(), resolver.servers.begin(), resolver.servers.end());
  }
  std::string out;
  if (!resolver.search.empty()) out += "search" + Joined(resolver.search) + "\n";
  for (const std::string& server : servers) out += "nameserver " + server + "\n";
  if (!resolver.options.empty()) out += "options" + Joined(resolver.options) + "\n";
  return out;
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

std::string WithChangedLines(std::string_view current, std::string_view before, std::string_view after) {
  const auto lines = [](std::string_view text) {
    std::vector<std::string_view> all;
    for (std::string_view line; TakeLine(text, line);) all.push_back(line);
    return all;
  };
  const auto has = [](const std::vector<std::string_view>& all, std::string_view line) {
    return std::ranges::find(all, line) != all.end();
  };
  const auto old_lines = lines(before), new_lines = lines(after), current_lines = lines(current);
  std::string text;
  for (std::string_view line : current_lines)
    if (!has(old_lines, line) || has(new_lines, line)) text += std::string(line) + "\n";
  for (std::string_view line : new_lines)
    if (!has(old_lines, line)) text += std::string(line) + "\n";
  return text;
}

std::string MakeHostname(const HostFilesRequest& request) {
  return request.hostname + "\n";
}

Result<> CheckAddedHost(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  if (colon == std::string::npos || name.empty() || name.find_first_of(" \t\r\n#") != std::string::npos)
    return Fail(Code::kInvalid,
                "unable to parse host entry \"" + text + "\": incorrect format: NAME:ADDRESS");
  const std::string address = text.substr(colon + 1);
  if (address == kHostGateway || ParseIp(address)) return {};
  return Fail(Code::kInvalid, "invalid IP address in add-host: \"" + address + "\"");
}

Result<> CheckNameServer(const std::string& text) {
  if (ParseIp(text)) return {};
  return Fail(Code::kInvalid, "--dns " + text + ": not an IP address");
}

}  // namespace wolffia
