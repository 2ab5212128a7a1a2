wolffia_test(network_test SOURCES unit/network_options_test.cc unit/network_netlink_test.cc unit/network_links_test.cc
  unit/rate_test.cc
  LINK wolffia_container_network wolffia_storage)
wolffia_test(port_test SOURCES unit/port_mapping_test.cc unit/port_reservation_test.cc unit/forward_address_test.cc
  LINK wolffia_ports wolffia_forward)
wolffia_test(forward_test SOURCES unit/forward_test.cc LINK wolffia_container_network)
add_dependencies(forward_test wolffia-net)
wolffia_test(bypass_test SOURCES unit/bypass_policy_test.cc unit/bypass_connect_test.cc unit/bypass_inside_test.cc
  unit/bypass_guard_test.cc unit/bypass_life_test.cc
  LINK wolffia_bypass wolffia_netlink)
wolffia_test(networks_test
  SOURCES unit/network_definition_test.cc unit/network_dns_test.cc unit/network_holder_test.cc unit/network_leases_test.cc unit/network_pool_test.cc
    unit/network_resolver_test.cc
  LINK wolffia_storage wolffia_holder)
add_dependencies(networks_test wolffia-net)
