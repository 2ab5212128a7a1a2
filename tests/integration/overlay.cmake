wolffia_test(overlay_mount_test LABEL integration TIMEOUT 300 LINK wolffia_lower_server SOURCES integration/overlay_mount_test.cc)

# Not a test: run by hand, see its head.
add_executable(overlay_bench EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/bench/overlay_bench.cc)
target_link_libraries(overlay_bench PRIVATE wolffia_lower_server wolffia_tar GTest::gtest)
set_target_properties(overlay_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

if(TARGET wolffia_overlay_server)
  wolffia_test(overlay_write_test LABEL integration TIMEOUT 300 LINK wolffia_overlay_server wolffia_landlock
    SOURCES integration/overlay_names_test.cc integration/overlay_data_test.cc
      integration/overlay_attributes_test.cc integration/overlay_traffic_test.cc)
endif()
