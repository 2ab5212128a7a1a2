target_sources(wolffia PRIVATE dispatch_service.cc)
