# Static, as the monitor: small, and up in a millisecond. Of the CLI: the verbs of networks.
add_executable(wolffia-net net_main.cc)
target_link_libraries(wolffia-net PRIVATE wolffia_container_network wolffia_bypass wolffia_forward wolffia_holder)
if(NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ)
  target_link_options(wolffia-net PRIVATE -static)
endif()
target_sources(wolffia PRIVATE dispatch_network.cc network_change.cc network_connect.cc network_create.cc network_disconnect.cc network_filter.cc network_inspect.cc network_ls.cc network_prune.cc
  network_removal.cc network_rm.cc network_view.cc)
target_link_libraries(wolffia PRIVATE wolffia_netlink)
