#include "cmd/network_view.h"

#include <nlohmann/json.hpp>

#include "cmd/human.h"
#include "engine/base/context.h"

namespace wolffia {
namespace {

Value ObjectOf(const std::map<std::string, std::string>& pairs) {
  Value object = Value::object();
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

Value IpamOptions() {
  return {{"driver", "host-local"}};
}

}  // namespace

Value NetworkFields(const NetworkRecord& record) {
  Value subnets = Value::array();
  for (const NetworkSubnet& subnet : record.subnets) {
    Value range = nullptr;
    if (!subnet.lease_start.empty()) range = {{"StartIP", subnet.lease_start}, {"EndIP", subnet.lease_end}};
    subnets.push_back({{"Subnet", subnet.subnet}, {"Gateway", subnet.gateway}, {"LeaseRange", range}});
  }
  return {{"Name", record.name},
          {"ID", record.id},
          {"Driver", record.driver},
          {"NetworkInterface", record.interface},
          {"Created", LongTime(record.created_ns)},
          {"Subnets", subnets},
          {"IPv6Enabled", record.ipv6},
          {"Internal", record.internal},
          {"DNSEnabled", record.dns_enabled},
          {"Labels", ObjectOf(record.labels)},
          {"Options", ObjectOf(record.options)},
          {"IPAMOptions", IpamOptions()}};
}

Value DescribeNetwork(const NetworkRecord& record) {
  Value subnets = Value::array();
  for (const NetworkSubnet& subnet : record.subnets) {
    subnets.push_back({{"subnet", subnet.subnet}, {"gateway", subnet.gateway}});
    if (!subnet.lease_start.empty())
      subnets.back()["lease_range"] = {{"start_ip", subnet.lease_start}, {"end_ip", subnet.lease_end}};
  }
  Value network = {{"name", record.name},
                   {"id", record.id},
                   {"driver", record.driver},
                   {"network_interface", record.interface},
                   {"created", FormatTime(record.created_ns)},
                   {"subnets", subnets},
                   {"ipv6_enabled", record.ipv6},
                   {"internal", record.internal},
                   {"dns_enabled", record.dns_enabled}};
  if (!record.labels.empty()) network["labels"] = ObjectOf(record.labels);
  if (!record.options.empty()) network["options"] = ObjectOf(record.options);
  network["ipam_options"] = IpamOptions();
  return network;
}

}  // namespace wolffia
