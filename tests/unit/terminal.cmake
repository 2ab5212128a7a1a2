wolffia_test(terminal_test SOURCES unit/exec_plan_test.cc unit/sealed_program_test.cc unit/terminal_client_test.cc LINK wolffia_exec_helper util)
