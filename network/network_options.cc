#include "network/network_options.h"

#include <charconv>

#include "network/ip_address.h"
#include "network/network_record.h"

namespace wolffia {
namespace {

constexpr int kLeastMtu = 576, kMostMtu = 65521;  // RFC 791; slirp4netns(1)

std::vector<std::string> SplitAt(std::string_view text, char separator) {
  std::vector<std::string> words;
  while (!text.empty()) {
    size_t end = text.find(separator);
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

Result<bool> ReadBool(const std::string& key, const std::string& value) {
  if (value == "true" || value == "on" || value == "1") return true;
  if (value == "false" || value == "off" || value == "0") return false;
  return Fail(Code::kInvalid, "invalid " + key + " \"" + value + "\" in --network: true or false");
}

Result<int> ReadMtu(const std::string& value) {
  int mtu = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mtu);
  if (error != std::errc() || end != value.data() + value.size() || mtu < kLeastMtu || mtu > kMostMtu)
    return Fail(Code::kInvalid, "invalid mtu \"" + value + "\" in --network: " + std::to_string(kLeastMtu) +
                                    " to " + std::to_string(kMostMtu));
  return mtu;
}

Result<std::string> ReadCidr(const std::string& value) {
  auto prefix = ParseIpPrefix(value);
  // Its addresses end with .2, .3 and .100.
  if (!prefix || prefix->address.v6 || prefix->bits > 25)
    return Fail(Code::kInvalid, "invalid cidr \"" + value +
                                    "\" in --network: an IPv4 network of at most 25 bits, as 10.0.2.0/24");
  return FormatIpPrefix(*prefix);
}

Result<> ReadPortHandler(const std::string& value, UserModeOptions& options) {
  if (value != "slirp4netns" && value != "rootlesskit")
    return Fail(Code::kInvalid, "unknown port_handler for slirp4netns: \"" + value + "\"");
  options.slirp_ports = value == "slirp4netns";
  return {};
}

// key=value of a user-defined network.
Result<> ReadNetworkUseOption(const std::string& text, NetworkUse& use) {
  const size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (value.empty()) return Fail(Code::kInvalid, "--network " + use.network + ": " + key + " has no value");
  const std::optional<IpAddress> address = key == "ip" || key == "ip6" ? ParseIp(value) : std::nullopt;
  if (address && (address->v6 || key == "ip")) {
    (address->v6 ? use.ip6 : use.ip) = value;
  } else if (key == "mac") {
    use.mac = value;
  } else if (key == "alias") {
    use.aliases.push_back(value);
  } else if (key == "interface_name") {
    use.interface = value;
  } else {
    return Fail(Code::kInvalid, "--network " + use.network + ": unknown or malformed option \"" + text +
                                    "\"; there are ip=, ip6=, mac=, alias= and interface_name=");
  }
  return {};
}

}  // namespace

Result<> ReadUserModeOption(const std::string& text, UserModeOptions& options) {
  const size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (equals == std::string::npos)
    return Fail(Code::kInvalid, "invalid option \"" + text + "\" in --network: KEY=VALUE");
  if (key == "mtu")
    options.mtu = TRY(ReadMtu(value));
  else if (key == "allow_host_loopback")
    options.allow_host_loopback = TRY(ReadBool(key, value));
  else if (key == "enable_ipv6")
    options.ipv6 = TRY(ReadBool(key, value));
  else if (key == "bypass")
    options.bypass = TRY(ReadBool(key, value));
  else if (key == "cidr")
    options.cidr = TRY(ReadCidr(value));
  else if (key == "outbound_addr")
    options.outbound_addr = value;
  else if (key == "outbound_addr6")
    options.outbound_addr6 = value;
  else if (key == "port_handler")
    TRY(ReadPortHandler(value, options));
  else
    return Fail(Code::kInvalid, "unknown option \"" + key +
                                    "\" in --network: there are allow_host_loopback, bypass, " +
                                    "cidr, enable_ipv6, mtu, outbound_addr, outbound_addr6 and port_handler");
  return {};
}

Result<> ReadNetworkModes(const std::vector<std::string>& texts, const std::vector<std::string>& defaults,
                          NetworkConfig& config) {
  for (const std::string& option : defaults) TRY(ReadUserModeOption(option, config.options));
  config.mode.clear();
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    std::string mode = text.substr(0, colon);
    const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
    const bool joins = mode == "container" || mode == "ns";
    if (joins && rest.empty())
      return Fail(Code::kInvalid, "--network " + text + ": " + (mode == "ns" ? "ns:PATH" : "container:NAME"));
    if (mode == "ns" && !rest.starts_with('/'))
      return Fail(Code::kInvalid,
                  "--network " + text + ": the path of a network namespace starts with a slash");
    const bool own = joins || mode == "none" || mode == "host" || mode == "slirp4netns" || mode == "pasta";
    if (!config.mode.empty() && (own || config.mode != "bridge"))
      return Fail(Code::kInvalid, "cannot set multiple networks without bridge network mode, selected mode " +
                                      (config.mode == "bridge" ? mode : config.mode) + ": invalid argument");
    if ((mode == "none" || mode == "host") && colon != std::string::npos)
      return Fail(Code::kInvalid, "--network " + text + ": " + mode + " takes no options");
    config.mode = joins ? text : own ? mode : "bridge";
    if (mode == "slirp4netns")
      for (const std::string& option : SplitAt(rest, ',')) TRY(ReadUserModeOption(option, config.options));
    if (mode == "pasta") config.options.pasta_args = SplitAt(rest, ',');
    if (own) continue;
    NetworkUse use{.network = mode == "bridge" ? std::string(kDefaultNetwork) : mode};
    for (const std::string& option : SplitAt(rest, ',')) TRY(ReadNetworkUseOption(option, use));
    config.networks.push_back(std::move(use));
  }
  return {};
}

}  // namespace wolffia
