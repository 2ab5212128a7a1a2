wolffia_test(network_test SOURCES unit/network_options_test.cc unit/network_netlink_test.cc unit/network_links_test.cc
  unit/rate_test.cc
  LINK wolffia_container_network wolffia_storage)
wolffia_test(port_test SOURCES unit/port_mapping_test.cc LINK wolffia_network)
wolffia_test(bypass_test SOURCES unit/bypass_test.cc LINK wolffia_bypass wolffia_netlink)
