target_sources(wolffia PRIVATE container_view.cc dispatch_lists.cc inspect.cc inspect_container.cc ps.cc)
