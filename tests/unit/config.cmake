wolffia_test(config_test SOURCES unit/config_settings_test.cc unit/config_registries_test.cc unit/config_size_test.cc
  LINK wolffia_config)
