# wolffia_lists: containers as they are listed, filtered, measured and described: what tests reach.
wolffia_library(wolffia_lists
  SOURCES container_filter.cc container_processes.cc container_row.cc container_size.cc container_usage.cc container_view.cc
    inspect_container.cc inspect_host_config.cc inspect_network.cc inspect_state.cc inspect_volume.cc port_view.cc top_columns.cc
  LINK wolffia_cli wolffia_guarantee_rules wolffia_landlock_annotation wolffia_network wolffia_control wolffia_exec_client wolffia_process_list wolffia_tree_size wolffia_counters_file
  PRIVATE nlohmann_json::nlohmann_json)
target_sources(wolffia PRIVATE confirmation.cc container_prune.cc container_pruning.cc disk_usage.cc dispatch_lists.cc
  inspect.cc port.cc ps.cc rename.cc stats.cc system_df.cc system_prune.cc top.cc)
target_link_libraries(wolffia PRIVATE wolffia_lists wolffia_logs)
