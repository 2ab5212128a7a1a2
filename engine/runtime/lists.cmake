# What ps, top, stats and system df look at.
wolffia_library(wolffia_process_list SOURCES process_list.cc LINK wolffia_host)
wolffia_library(wolffia_tree_size SOURCES tree_size.cc LINK wolffia_remove_tree)
