wolffia_test(cmd_test
  SOURCES unit/cmd_agreement_test.cc unit/cmd_command_line_test.cc unit/cmd_report_test.cc unit/cmd_run_flags_test.cc
    unit/cmd_process_flags_test.cc unit/cmd_template_test.cc unit/cmd_progress_test.cc
  LINK wolffia_run_flags wolffia_progress nlohmann_json::nlohmann_json)
target_compile_definitions(cmd_test PRIVATE WOLFFIA_MAN_DIR="${PROJECT_SOURCE_DIR}/man")
wolffia_test(cmd_overlayfs_test SOURCES unit/cmd_overlayfs_test.cc LINK wolffia_overlayfs_options)
target_compile_definitions(cmd_overlayfs_test PRIVATE WOLFFIA_MAN_DIR="${PROJECT_SOURCE_DIR}/man")
