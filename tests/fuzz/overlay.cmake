wolffia_fuzz(index LINK wolffia_lower_server)

# The merged tree against a model of a file system: the driver is shared by the fuzz target, the seeds that ctest runs, and
# the tests of crashes and threads (tree_facts.h).
add_library(overlay_model STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/fuzz/overlay_driver.cc
  ${PROJECT_SOURCE_DIR}/tests/fuzz/tree_facts.cc ${PROJECT_SOURCE_DIR}/tests/fuzz/tree_shell.cc)
target_link_libraries(overlay_model PUBLIC wolffia_overlay)
wolffia_fuzz(overlay_model LINK overlay_model)
wolffia_test(overlay_model_test LINK overlay_model SOURCES unit/overlay_model_test.cc)
wolffia_test(overlay_threads_test LINK overlay_model SOURCES unit/overlay_threads_test.cc)
wolffia_test(overlay_crash_test LABEL integration TIMEOUT 600 LINK overlay_model SOURCES integration/overlay_crash_test.cc)
