target_sources(wolffia_cli PRIVATE create_command.cc)
target_sources(wolffia PRIVATE dispatch_service.cc generate_systemd.cc)
target_link_libraries(wolffia PRIVATE wolffia_systemd_unit)
