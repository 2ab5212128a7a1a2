wolffia_test(network_test SOURCES unit/network_options_test.cc unit/network_netlink_test.cc unit/network_links_test.cc
  LINK wolffia_container_network wolffia_storage)
