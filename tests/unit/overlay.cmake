wolffia_test(overlay_test LINK wolffia_lower_server SOURCES unit/overlay_index_test.cc unit/overlay_tree_test.cc)
