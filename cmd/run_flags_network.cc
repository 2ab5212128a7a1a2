// --network and what goes with it: which network a container has.
#include "cmd/new_networks.h"
#include "cmd/run_flags.h"
#include "network/bypass_policy.h"
#include "network/host_files.h"
#include "network/network_options.h"
#include "network/rate_option.h"

namespace wolffia {
namespace {

// It becomes a word of /etc/resolv.conf.
Result<> CheckWord(const char* flag, const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\r\n#;") == std::string::npos) return {};
  return Fail(Code::kInvalid, std::string(flag) + " \"" + word + "\": not one word");
}

// --dns none: the image's /etc/resolv.conf stays.
Result<> ReadResolverFlags(const OptionValues& options, NetworkConfig& network) {
  network.dns = options.List("dns");
  network.dns_search = options.List("dns-search");
  network.dns_options = options.List("dns-option");
  const bool any = !network.dns.empty() || !network.dns_search.empty() || !network.dns_options.empty();
  if (any && (network.mode == "none" || network.mode.starts_with("container:")))
    return Fail(Code::kInvalid,
                "--dns, --dns-search and --dns-option do not go with --network " + network.mode +
                    ": there is no network to resolve names in, or it is another container's");
  if (network.dns == std::vector<std::string>{"none"}) {
    if (!network.dns_search.empty() || !network.dns_options.empty())
      return Fail(Code::kInvalid,
                  "--dns none leaves /etc/resolv.conf to the image: no --dns-search or --dns-option");
    network.dns.clear();
    network.resolv_conf = false;
  }
  for (const std::string& server : network.dns) TRY(CheckNameServer(server));
  for (const std::string& domain : network.dns_search) TRY(CheckWord("--dns-search", domain));
  for (const std::string& option : network.dns_options) TRY(CheckWord("--dns-option", option));
  return {};
}

// What the host's stack does for the container goes past the limits of the container's interfaces.
Result<> ReadRateFlag(const OptionValues& options, NetworkConfig& network) {
  if (!options.Has("network-rate")) return {};
  if (!HasDriver(network))
    return Fail(Code::kInvalid, "--network-rate does not go with --network " + network.mode +
                                    ": there is no network whose rate is the container's own");
  if (UsesBypass(network))
    return Fail(Code::kInvalid,
                "--network-rate and bypass=on cannot be set together: the fast path goes past the limits");
  const NetworkRates rates = TRY(ParseNetworkRates(options.String("network-rate")));
  network.ingress_rate = rates.ingress;
  network.egress_rate = rates.egress;
  return {};
}

// slirp4netns is told; the fast path would choose as the host does.
Result<> CheckBypass(const NetworkConfig& network) {
  const UserModeOptions& o = network.options;
  if (!UsesBypass(network) || (o.outbound_addr.empty() && o.outbound_addr6.empty())) return {};
  return Fail(Code::kInvalid,
              "bypass=on and outbound_addr cannot be set together: the fast path's connections "
              "come from the address that the host chooses");
}

}  // namespace

Result<> ReadNetworkFlags(const OptionValues& options, const Settings& settings, RunRequest& request) {
  std::vector<std::string> modes = options.List("network");
  for (const std::string& mode : options.List("net")) modes.push_back(mode);
  if (modes.empty()) modes.push_back(settings.network);
  TRY(ReadNetworkModes(modes, settings.network_options, request.network));
  NetworkConfig& network = request.network;
  TRY(ReadNetworkUseFlags(options, network));
  TRY(ReadRateFlag(options, network));
  TRY(CheckBypass(network));
  network.add_hosts = options.List("add-host");
  for (const std::string& host : network.add_hosts) TRY(CheckAddedHost(host));
  if (options.Bool("no-hosts") && !network.add_hosts.empty())
    return Fail(Code::kInvalid, "--no-hosts and --add-host cannot be set together");
  return ReadResolverFlags(options, network);
}

Result<> FillNetwork(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.network = request.network.mode;
  record.network_config = request.network;
  return {};
}

}  // namespace wolffia
