target_sources(wolffia PRIVATE attach.cc dispatch_terminal.cc exec.cc running_container.cc)
target_link_libraries(wolffia PRIVATE wolffia_exec_client wolffia_logs)
