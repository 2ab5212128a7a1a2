target_sources(wolffia PRIVATE dispatch_volumes.cc new_volumes.cc secret_create.cc secret_event.cc secret_inspect.cc secret_ls.cc secret_rm.cc
  volume_create.cc volume_filter.cc volume_inspect.cc volume_ls.cc volume_prune.cc volume_removal.cc volume_rm.cc)
target_link_libraries(wolffia PRIVATE wolffia_volume_fill)
