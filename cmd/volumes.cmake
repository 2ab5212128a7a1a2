target_sources(wolffia PRIVATE dispatch_volumes.cc)
