wolffia_test(service_test SOURCES unit/service_systemd_test.cc unit/service_create_command_test.cc
  LINK wolffia_cli wolffia_systemd_unit)
