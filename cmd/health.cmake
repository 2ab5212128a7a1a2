target_sources(wolffia PRIVATE dispatch_health.cc healthcheck_run.cc joined_container.cc)
