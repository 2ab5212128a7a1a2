wolffia_test(base_test LINK wolffia_base SOURCES
  unit/base_file_test.cc unit/base_lock_test.cc unit/base_process_test.cc unit/base_context_test.cc
  unit/base_event_loop_test.cc)
