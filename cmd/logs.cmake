target_sources(wolffia PRIVATE dispatch_logs.cc)
