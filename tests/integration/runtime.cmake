wolffia_test(runtime_run_test
  SOURCES integration/runtime_fault_test.cc integration/runtime_monitor_test.cc integration/runtime_process_test.cc
    integration/runtime_root_test.cc
  LINK wolffia_runtime wolffia_monitor_client wolffia_layer_writer wolffia_seccomp LABEL integration TIMEOUT 300)
# The client looks for the monitor beside the program that uses it.
set(runtime_dir ${PROJECT_BINARY_DIR}/tests/runtime)
file(MAKE_DIRECTORY ${runtime_dir})
file(CREATE_LINK ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/wolffia-monitor ${runtime_dir}/wolffia-monitor SYMBOLIC)
set_target_properties(runtime_run_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${runtime_dir})
add_dependencies(runtime_run_test wolffia-monitor)
