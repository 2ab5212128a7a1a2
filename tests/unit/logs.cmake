wolffia_test(logs_test SOURCES unit/log_reader_test.cc unit/log_writer_test.cc unit/output_pump_test.cc LINK wolffia_logs)
