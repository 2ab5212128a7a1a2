# wolffia-doctor: what tries the host. Apart from the front end, which must start fast.
add_executable(wolffia-doctor doctor_main.cc doctor.cc doctor_view.cc)
target_link_libraries(wolffia-doctor PRIVATE wolffia_cli wolffia_guarantees nlohmann_json::nlohmann_json)
install(TARGETS wolffia-doctor RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/wolffia)
target_sources(wolffia PRIVATE dispatch_doctor.cc)
