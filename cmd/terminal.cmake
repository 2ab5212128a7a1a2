target_sources(wolffia PRIVATE dispatch_terminal.cc)
