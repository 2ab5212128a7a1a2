target_sources(wolffia PRIVATE container_removal.cc create.cc dispatch_lifecycle.cc foreground.cc new_container.cc rm.cc run.cc
  run_root.cc start.cc)
target_link_libraries(wolffia PRIVATE wolffia_control wolffia_terminal)
