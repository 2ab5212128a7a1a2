target_sources(wolffia PRIVATE dispatch_health.cc joined_container.cc)
