wolffia_test(logs_test SOURCES unit/log_reader_test.cc unit/log_writer_test.cc unit/output_pump_test.cc LINK wolffia_logs)
wolffia_test(log_view_test SOURCES unit/log_view_test.cc LINK wolffia_log_view wolffia_log_config nlohmann_json::nlohmann_json)
