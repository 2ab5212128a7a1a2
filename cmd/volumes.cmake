target_sources(wolffia PRIVATE dispatch_volumes.cc new_volumes.cc volume_removal.cc)
target_link_libraries(wolffia PRIVATE wolffia_volume_fill)
