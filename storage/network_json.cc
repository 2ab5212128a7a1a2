#include "storage/network_json.h"

#include "storage/container_parts_json.h"
#include "storage/record_json.h"

namespace wolffia {
namespace {

Result<uint16_t> PortMember(const Json& json, const char* name, std::string_view where) {
  return static_cast<uint16_t>(TRY(UintMember(json, name, where, UINT16_MAX)));
}

Json ToJson(const UserModeOptions& o) {
  return {{"mtu", o.mtu},
          {"allow_host_loopback", o.allow_host_loopback},
          {"ipv6", o.ipv6},
          {"bypass", o.bypass},
          {"cidr", o.cidr},
          {"outbound_addr", o.outbound_addr},
          {"outbound_addr6", o.outbound_addr6},
          {"slirp_ports", o.slirp_ports},
          {"pasta_args", o.pasta_args}};
}

Result<UserModeOptions> ParseOptions(const Json& json, std::string_view where) {
  UserModeOptions o;
  o.mtu = TRY(SmallIntMember(json, "mtu", where));
  o.allow_host_loopback = TRY(BoolMember(json, "allow_host_loopback", where));
  o.ipv6 = TRY(BoolMember(json, "ipv6", where));
  o.bypass = TRY(BoolMember(json, "bypass", where));
  o.cidr = TRY(StringMember(json, "cidr", where));
  o.outbound_addr = TRY(StringMember(json, "outbound_addr", where));
  o.outbound_addr6 = TRY(StringMember(json, "outbound_addr6", where));
  o.slirp_ports = TRY(BoolMember(json, "slirp_ports", where));
  o.pasta_args = TRY(StringsMember(json, "pasta_args", where));
  return o;
}

Json ToJson(const PortMapping& p) {
  return {{"host_ip", p.host_ip},
          {"host_port", p.host_port},
          {"container_port", p.container_port},
          {"count", p.count},
          {"protocol", ProtocolName(p.protocol)}};
}

Result<PortMapping> ParsePort(const Json& json, std::string_view where) {
  PortMapping p;
  p.host_ip = TRY(StringMember(json, "host_ip", where));
  p.host_port = TRY(PortMember(json, "host_port", where));
  p.container_port = TRY(PortMember(json, "container_port", where));
  p.count = TRY(PortMember(json, "count", where));
  const std::string protocol = TRY(StringMember(json, "protocol", where));
  p.protocol = protocol == "udp" ? Protocol::kUdp : protocol == "sctp" ? Protocol::kSctp : Protocol::kTcp;
  return p;
}

Json ToJson(const NetworkUse& use) {
  return {{"network", use.network}, {"aliases", use.aliases}, {"ip", use.ip},
          {"ip6", use.ip6},         {"mac", use.mac},         {"interface", use.interface}};
}

Result<NetworkUse> ParseUse(const Json& json, std::string_view where) {
  NetworkUse use;
  use.network = TRY(StringMember(json, "network", where));
  use.aliases = TRY(StringsMember(json, "aliases", where));
  use.ip = TRY(StringMember(json, "ip", where));
  use.ip6 = TRY(StringMember(json, "ip6", where));
  use.mac = TRY(StringMember(json, "mac", where));
  use.interface = TRY(StringMember(json, "interface", where));
  return use;
}

Json ToJson(const InterfaceState& i) {
  return {{"network", i.network}, {"interface", i.interface}, {"ip", i.ip},   {"gateway", i.gateway},
          {"ip6", i.ip6},         {"gateway6", i.gateway6},   {"mac", i.mac}, {"prefix", i.prefix},
          {"prefix6", i.prefix6}, {"aliases", i.aliases}};
}

Result<InterfaceState> ParseInterface(const Json& json, std::string_view where) {
  InterfaceState i;
  i.network = TRY(StringMember(json, "network", where));
  i.interface = TRY(StringMember(json, "interface", where));
  i.ip = TRY(StringMember(json, "ip", where));
  i.gateway = TRY(StringMember(json, "gateway", where));
  i.ip6 = TRY(StringMember(json, "ip6", where));
  i.gateway6 = TRY(StringMember(json, "gateway6", where));
  i.mac = TRY(StringMember(json, "mac", where));
  i.prefix = TRY(SmallIntMember(json, "prefix", where));
  i.prefix6 = TRY(SmallIntMember(json, "prefix6", where));
  i.aliases = TRY(StringsMember(json, "aliases", where));
  return i;
}

template <typename Part>
Json ListOf(const std::vector<Part>& parts) {
  Json list = Json::array();
  for (const Part& part : parts) list.push_back(ToJson(part));
  return list;
}

template <typename Part>
Result<std::vector<Part>> ParseList(const Json& object, const char* name, std::string_view where,
                                    Result<Part> (*parse)(const Json&, std::string_view)) {
  std::vector<Part> parts;
  const Json* array = TRY(ArrayMember(object, name, where));
  if (array == nullptr) return parts;
  for (const Json& entry : *array) {
    if (!entry.is_object())
      return Fail(Code::kInvalid, std::string(where) + "." + name + ": not an array of objects");
    parts.push_back(TRY(parse(entry, where)));
  }
  return parts;
}

}  // namespace

Json ToJson(const NetworkConfig& c) {
  return {{"mode", c.mode},
          {"options", ToJson(c.options)},
          {"networks", ListOf(c.networks)},
          {"ports", ListOf(c.ports)},
          {"publish_all", c.publish_all},
          {"dns", c.dns},
          {"dns_search", c.dns_search},
          {"dns_options", c.dns_options},
          {"add_hosts", c.add_hosts},
          {"resolv_conf", c.resolv_conf},
          {"ingress_rate", c.ingress_rate},
          {"egress_rate", c.egress_rate}};
}

Result<NetworkConfig> NetworkConfigMember(const Json& object, const char* name, const std::string& mode,
                                          std::string_view where) {
  NetworkConfig c;
  c.mode = mode;
  const Json* json = TRY(ObjectMember(object, name, where));
  if (json == nullptr) return c;
  c.mode = TRY(StringMember(*json, "mode", where));
  if (const Json* options = TRY(ObjectMember(*json, "options", where)))
    c.options = TRY(ParseOptions(*options, where));
  c.networks = TRY(ParseList<NetworkUse>(*json, "networks", where, ParseUse));
  c.ports = TRY(ParseList<PortMapping>(*json, "ports", where, ParsePort));
  c.publish_all = TRY(BoolMember(*json, "publish_all", where));
  c.dns = TRY(StringsMember(*json, "dns", where));
  c.dns_search = TRY(StringsMember(*json, "dns_search", where));
  c.dns_options = TRY(StringsMember(*json, "dns_options", where));
  c.add_hosts = TRY(StringsMember(*json, "add_hosts", where));
  c.resolv_conf = TRY(BoolMember(*json, "resolv_conf", where));
  c.ingress_rate = TRY(UintMember(*json, "ingress_rate", where, UINT64_MAX));
  c.egress_rate = TRY(UintMember(*json, "egress_rate", where, UINT64_MAX));
  return c;
}

std::string SerializeNetwork(const NetworkState& state) {
  return DumpRecord({{"interfaces", ListOf(state.interfaces)}, {"helpers", state.helpers}});
}

Result<NetworkState> ParseNetwork(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  NetworkState state;
  state.interfaces = TRY(ParseList<InterfaceState>(document, "interfaces", where, ParseInterface));
  if (const Json* helpers = TRY(ObjectMember(document, "helpers", where)))
    for (const auto& [name, pid] : helpers->items())
      if (pid.is_number_unsigned()) state.helpers[name] = pid.get<int>();
  return state;
}

}  // namespace wolffia
