target_sources(wolffia PRIVATE container_control.cc container_launch.cc container_names.cc
  container_removal.cc create.cc dispatch_lifecycle.cc foreground.cc init_verb.cc kill.cc new_container.cc pause.cc required_guarantees.cc restart.cc rm.cc run.cc
  run_root.cc start.cc stop.cc update.cc wait.cc)
target_link_libraries(wolffia PRIVATE wolffia_control wolffia_guarantee_rules wolffia_terminal)
