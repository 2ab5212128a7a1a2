wolffia_test(spec_test
  SOURCES unit/spec_id_map_test.cc unit/spec_parse_test.cc unit/spec_builder_test.cc
  LINK wolffia_spec nlohmann_json::nlohmann_json)
wolffia_test(seccomp_test SOURCES unit/seccomp_test.cc unit/seccomp_record_test.cc LINK wolffia_seccomp)
wolffia_test(init_test SOURCES unit/init_test.cc LINK wolffia_base)
add_dependencies(init_test wolffia-init)
wolffia_test(auto_ids_test SOURCES unit/auto_ids_test.cc LINK wolffia_auto_ids wolffia_layer_writer)
