wolffia_test(lists_rename_test SOURCES unit/lists_rename_test.cc LINK wolffia_layer_writer)
wolffia_test(lists_test SOURCES unit/lists_test.cc LINK wolffia_lists wolffia_layer_writer nlohmann_json::nlohmann_json)
