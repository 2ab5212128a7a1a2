# Static, as the monitor: small, and up in a millisecond. Of the CLI: the verbs of networks.
add_executable(wolffia-net net_main.cc)
target_link_libraries(wolffia-net PRIVATE wolffia_container_network wolffia_bypass wolffia_forward)
if(NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ)
  target_link_options(wolffia-net PRIVATE -static)
endif()
