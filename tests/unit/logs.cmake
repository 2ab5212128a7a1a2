wolffia_test(logs_test SOURCES unit/log_writer_test.cc LINK wolffia_logs)
